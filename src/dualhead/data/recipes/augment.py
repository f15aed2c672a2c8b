"""Augmentations: steps that change training clips at random; every draw comes from the draft's generator.

The generator depends on (seed, epoch, sample) alone, so that the same clip is drawn again after a resume and whatever
the number of workers. Test clips go without them.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass, field
from functools import lru_cache
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from dualhead.data.recipes.draft import Draft
from dualhead.data.recipes.geometry import move_image, rotation_about, transform
from dualhead.data.recipes.step import Stage, Step, check_value, register_step
from dualhead.runtime.errors import ConfigError
from dualhead.skeleton import Skeleton


def random_rotation(limit: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw a rotation R = Rz Ry Rx with three angles, each uniform within a limit (Chen et al., CTR-GCN, ICCV 2021).

    Args:
        limit: Largest angle in radians, either way.
        rng: Source of the three draws, in the order x, y, z.

    Returns:
        `(3, 3)`.
    """
    return rotation_about(*rng.uniform(-limit, limit, size=3).tolist())


def random_view(limit: float, smallest: float, largest: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw another point of view: a rotation about y, then about x, and a change of size, as for Northwestern-UCLA.

    Args:
        limit: Largest angle in radians, either way, for both.
        smallest: Lower bound of the scale factor.
        largest: Upper bound of the scale factor.
        rng: Source of the three draws, in the order angle about x, angle about y, scale.

    Returns:
        `(3, 3)`, the scale times Rx Ry.
    """
    x, y = rng.uniform(-limit, limit, size=2).tolist()
    return rng.uniform(smallest, largest) * (rotation_about(x=x) @ rotation_about(y=y))


_SHIFTS = np.array([-0.2, -0.1, 0.0, 0.1, 0.2])
_MOVES = (np.radians([-10.0, -5.0, 0.0, 5.0, 10.0]), np.array([0.9, 1.0, 1.1]), _SHIFTS, _SHIFTS)


def random_move(clip: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Move a flat clip at random, as for Kinetics-Skeleton (Yan et al., ST-GCN, AAAI 2018, section 4.1).

    The angle is one of -10, -5, 0, 5, 10 degrees, the scale one of 0.9, 1, 1.1, each shift one of -0.2, -0.1, 0, 0.1,
    0.2; each is drawn for the first and for the last frame.

    Args:
        clip: `(3, T, V, M)`: x, y, score.
        rng: Source of the eight draws, in the order of `move_image`.

    Returns:
        A new array `(3, T, V, M)`; see `move_image`.
    """
    # the draws of `rng.choice`, in a third of its time
    angles, scales, x, y = (options[rng.integers(len(options), size=2)].tolist() for options in _MOVES)
    return move_image(clip, angles, scales, x, y)


@dataclass(frozen=True)
class Augmentation(Step):
    """A step of training clips alone."""

    train_only: ClassVar[bool] = True
    random: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Check the values; see `check_values`."""
        self.check_values()

    def check_values(self) -> None:
        """Raise a `ConfigError` if a value is outside its range."""

    def __call__(self, draft: Draft) -> None:
        """Change the clip; see `change`."""
        assert draft.rng is not None
        self.change(draft, draft.rng)

    @abstractmethod
    def change(self, draft: Draft, rng: np.random.Generator) -> None:
        """Change the clip.

        Args:
            draft: The clip in the making.
            rng: Source of the draws.
        """


@dataclass(frozen=True)
class Occasional(Augmentation):
    """An augmentation of some of the clips.

    Attributes:
        probability: Share of the clips that it changes.
    """

    probability: float = field(default=0.5, kw_only=True)

    def __post_init__(self) -> None:
        """Check the probability and the other values."""
        check_value(self, "probability", 0 <= self.probability <= 1, "a number from 0 to 1")
        self.check_values()

    def __call__(self, draft: Draft) -> None:
        """Change the clip, or leave it; one draw decides."""
        assert draft.rng is not None
        if draft.rng.random() < self.probability:
            self.change(draft, draft.rng)


def _is_range(values: object, low: float, high: float) -> bool:
    return isinstance(values, tuple) and len(values) == 2 and low <= values[0] <= values[1] <= high


@register_step("time_crop")
@dataclass(frozen=True)
class TimeCrop(Occasional):
    """Keep a random stretch of the recording.

    Draws: the share of the length, uniform; then the start, uniform.

    Attributes:
        share: Smallest and largest share of the frames that stays.
        min_frames: Fewest frames that stay, where the recording has them.
        probability: Share of the clips that it changes.
    """

    stage: ClassVar[Stage] = Stage.CROP

    share: tuple[float, float] = (0.4, 1.0)
    min_frames: int = 8
    probability: float = field(default=0.7, kw_only=True)

    def check_values(self) -> None:
        """Check the values; see `Augmentation.check_values`."""
        check_value(self, "share", _is_range(self.share, 0, 1), "two numbers from 0 to 1, the smaller first")
        check_value(self, "min_frames", self.min_frames >= 1, "1 or more")

    def change(self, draft: Draft, rng: np.random.Generator) -> None:
        """Reduce the frames."""
        length = draft.length
        kept = min(max(round(length * rng.uniform(*self.share)), self.min_frames), length)
        start = int(rng.integers(length - kept + 1))
        draft.take(slice(start, start + kept))


@register_step("time_warp")
@dataclass(frozen=True)
class TimeWarp(Occasional):
    """Change the tempo within the recording; its length stays.

    Convention: the time axis is divided into equal segments, each played at a speed of exp(u), u uniform within
    +-`strength`; all speeds are then scaled so that the first frame stays first and the last stays last. Frames between
    recorded ones are interpolated linearly.

    Attributes:
        strength: Largest change of the logarithm of the speed.
        segments: Stretches of one speed each.
        probability: Share of the clips that it changes.
    """

    stage: ClassVar[Stage] = Stage.CROP

    strength: float = 0.4
    segments: int = 4

    def check_values(self) -> None:
        """Check the values; see `Augmentation.check_values`."""
        check_value(self, "strength", 0 < self.strength <= 2, "a number above 0, at most 2")
        check_value(self, "segments", self.segments >= 2, "2 or more")

    def change(self, draft: Draft, rng: np.random.Generator) -> None:
        """Interpolate the clip at other times."""
        last = draft.length - 1
        if last < 1:
            return
        speeds = np.exp(rng.uniform(-self.strength, self.strength, self.segments))
        reached = np.zeros(self.segments + 1)
        np.cumsum(speeds, out=reached[1:])
        reached *= last / reached[-1]
        times = np.interp(np.arange(last + 1), np.linspace(0, last, self.segments + 1), reached)
        times = np.minimum(times, last)
        low = times.astype(np.intp)
        draft.mix(low, np.minimum(low + 1, last), (times - low).astype(np.float32))


@register_step("rotate_view")
@dataclass(frozen=True)
class RotateView(Augmentation):
    """Rotate about the vertical axis (yaw), then about the x axis (tilt).

    Convention: degrees, uniform within +- each limit; R = Rx(tilt) R(yaw). The vertical axis is the one the recipe has
    at that place: y as recorded by a camera, z once `align_axes` has turned the body.

    Attributes:
        yaw: Largest angle about the vertical axis.
        tilt: Largest angle about the x axis.
        vertical: "y" or "z", for recordings of another convention; None: as above.
    """

    stage: ClassVar[Stage] = Stage.VIEW
    needs: ClassVar[tuple[str, ...]] = ("3d",)

    yaw: float = 75.0
    tilt: float = 10.0
    vertical: str | None = None

    def check_values(self) -> None:
        """Check the values; see `Augmentation.check_values`."""
        for name in ("yaw", "tilt"):
            check_value(self, name, 0 <= getattr(self, name) <= 180, "degrees from 0 to 180")
        check_value(self, "vertical", self.vertical in (None, "y", "z"), "y, z, or omit it")

    def change(self, draft: Draft, rng: np.random.Generator) -> None:
        """Rotate the clip; the yaw is drawn first."""
        yaw, tilt = (rng.uniform(-1, 1, 2) * (math.radians(self.yaw), math.radians(self.tilt))).tolist()
        vertical = self.vertical or "xyz"[draft.up]
        draft.clip = transform(draft.clip, rotation_about(x=tilt) @ rotation_about(**{vertical: yaw}))


@register_step("random_view")
@dataclass(frozen=True)
class RandomView(Augmentation):
    """Rotate about y, then x, and change the size, as published for Northwestern-UCLA (`random_view`).

    Attributes:
        degrees: Largest angle about either axis.
        scale: Smallest and largest factor of the size.
    """

    stage: ClassVar[Stage] = Stage.VIEW
    needs: ClassVar[tuple[str, ...]] = ("3d",)

    degrees: float = 60.0
    scale: tuple[float, float] = (0.5, 1.5)

    def check_values(self) -> None:
        """Check the values; see `Augmentation.check_values`."""
        check_value(self, "degrees", 0 <= self.degrees <= 180, "degrees from 0 to 180")
        check_value(self, "scale", _is_range(self.scale, 0, math.inf), "two positive numbers, the smaller first")

    def change(self, draft: Draft, rng: np.random.Generator) -> None:
        """Rotate and resize the clip."""
        draft.clip = transform(draft.clip, random_view(math.radians(self.degrees), *self.scale, rng))


@register_step("random_rotation")
@dataclass(frozen=True)
class RandomRotation(Augmentation):
    """Rotate by three angles, each uniform within a limit (`random_rotation`): CTR-GCN with 0.3, PYSKL's RandomRot.

    Attributes:
        limit: Largest angle in radians, either way.
    """

    stage: ClassVar[Stage] = Stage.VIEW
    needs: ClassVar[tuple[str, ...]] = ("3d",)

    limit: float = 0.3

    def check_values(self) -> None:
        """Check the values; see `Augmentation.check_values`."""
        check_value(self, "limit", 0 <= self.limit <= math.pi, "radians from 0 to 3.14")

    def change(self, draft: Draft, rng: np.random.Generator) -> None:
        """Rotate the clip."""
        draft.clip = transform(draft.clip, random_rotation(self.limit, rng))


@register_step("random_scale")
@dataclass(frozen=True)
class RandomScale(Augmentation):
    """Stretch each axis by a factor of its own, uniform within 1 +- a limit (PYSKL's RandomScale).

    Attributes:
        limit: Largest change of a factor.
    """

    stage: ClassVar[Stage] = Stage.VIEW

    limit: float = 0.1

    def check_values(self) -> None:
        """Check the values; see `Augmentation.check_values`."""
        check_value(self, "limit", 0 <= self.limit < 1, "a number from 0 to below 1")

    def change(self, draft: Draft, rng: np.random.Generator) -> None:
        """Stretch the coordinates; a score stays."""
        factors = np.ones(draft.clip.shape[0], dtype=np.float32)
        dimensions = draft.skeleton.dimensions
        factors[:dimensions] = 1 + rng.uniform(-self.limit, self.limit, dimensions)
        draft.clip = draft.clip * factors[:, None, None, None]


@register_step("mirror")
@dataclass(frozen=True)
class Mirror(Occasional):
    """Swap left and right joints and negate x.

    Attributes:
        probability: Share of the clips that it changes.
    """

    stage: ClassVar[Stage] = Stage.VIEW

    def change(self, draft: Draft, rng: np.random.Generator) -> None:
        """Mirror the clip at x = 0."""
        clip = np.take(draft.clip, mirrored_joints(draft.skeleton), axis=2)
        np.negative(clip[0], out=clip[0])
        draft.clip = clip


@register_step("joint_drop")
@dataclass(frozen=True)
class JointDrop(Occasional):
    """Set some joints to 0 in some of the frames, the same joints in each of them (Do and Kim, SkateFormer, ECCV 2024).

    Draws: how many joints and how many frames, both uniform; then which, without repetition; frames need not be
    neighbours.

    Attributes:
        joints: Fewest and most joints.
        share: Smallest and largest share of the frames.
        probability: Share of the clips that it changes.
    """

    joints: tuple[int, int] = (4, 12)
    share: tuple[float, float] = (0.3, 0.6)

    def check_values(self) -> None:
        """Check the values; see `Augmentation.check_values`."""
        check_value(self, "joints", _is_range(self.joints, 1, math.inf), "two integers from 1, the smaller first")
        check_value(self, "share", _is_range(self.share, 0, 1), "two numbers from 0 to 1, the smaller first")

    def change(self, draft: Draft, rng: np.random.Generator) -> None:
        """Drop the joints."""
        clip = draft.clip.copy()
        _, frames, num_joints, _ = clip.shape
        joints = int(rng.integers(self.joints[0], self.joints[1] + 1))
        count = round(frames * rng.uniform(*self.share))
        dropped = np.ones((frames, num_joints, 1), dtype=np.float32)
        rows = rng.permutation(frames)[:count]
        dropped[rows[:, None], rng.permutation(num_joints)[:joints]] = 0
        clip *= dropped
        draft.clip = clip


@register_step("axis_drop")
@dataclass(frozen=True)
class AxisDrop(Occasional):
    """Set one axis of the whole clip to 0 (Do and Kim, SkateFormer, ECCV 2024).

    Attributes:
        probability: Share of the clips that it changes.
    """

    def change(self, draft: Draft, rng: np.random.Generator) -> None:
        """Drop the axis."""
        clip = draft.clip.copy()
        clip[int(rng.integers(draft.skeleton.dimensions))] = 0
        draft.clip = clip


@register_step("part_drop")
@dataclass(frozen=True)
class PartDrop(Occasional):
    """Set one part of the body, such as an arm (`Skeleton.parts`), to 0 in the whole clip.

    Attributes:
        probability: Share of the clips that it changes.
    """

    def change(self, draft: Draft, rng: np.random.Generator) -> None:
        """Drop the part."""
        parts = draft.skeleton.parts
        clip = draft.clip.copy()
        clip[:, :, list(parts[int(rng.integers(len(parts)))])] = 0
        draft.clip = clip


@register_step("noise")
@dataclass(frozen=True)
class Noise(Occasional):
    """Add Gaussian noise to every coordinate, in units of the scaled clip; a score stays.

    Attributes:
        sigma: Its standard deviation.
        probability: Share of the clips that it changes.
    """

    sigma: float = 0.01

    def check_values(self) -> None:
        """Check the values; see `Augmentation.check_values`."""
        check_value(self, "sigma", self.sigma >= 0, "0 or more")

    def change(self, draft: Draft, rng: np.random.Generator) -> None:
        """Add the noise."""
        clip = draft.clip.copy()
        space = clip[: draft.skeleton.dimensions]
        space += np.float32(self.sigma) * rng.standard_normal(space.shape, dtype=np.float32)
        draft.clip = clip


@register_step("random_window")
@dataclass(frozen=True)
class RandomWindow(Augmentation):
    """Take consecutive frames from a random start of the finished clip (ST-GCN for Kinetics-Skeleton).

    Attributes:
        frames: Length of training clips.
    """

    stage: ClassVar[Stage] = Stage.FINAL

    frames: int

    def check_values(self) -> None:
        """Check the values; see `Augmentation.check_values`."""
        check_value(self, "frames", isinstance(self.frames, int) and self.frames >= 1, "an integer of 1 or more")

    def change(self, draft: Draft, rng: np.random.Generator) -> None:
        """Reduce the frames."""
        start = int(rng.integers(draft.length - self.frames + 1))
        draft.take(slice(start, start + self.frames))

    def frames_after(self, frames: int) -> int:
        """Return the length of training clips."""
        if self.frames > frames:
            raise ConfigError(f"recipe step {self.name!r} takes {self.frames} of {frames} frames: pass fewer")
        return self.frames


@register_step("random_move")
@dataclass(frozen=True)
class RandomMove(Augmentation):
    """Turn, resize and shift a flat clip smoothly, whatever its stream (ST-GCN for Kinetics-Skeleton)."""

    stage: ClassVar[Stage] = Stage.FINAL
    needs: ClassVar[tuple[str, ...]] = ("2d",)
    pads: ClassVar[bool] = True

    def change(self, draft: Draft, rng: np.random.Generator) -> None:
        """Move the clip; see `random_move`."""
        draft.clip = random_move(draft.clip, rng)


@lru_cache(maxsize=32)
def _mirrored(mirror: tuple[tuple[int, int], ...], num_joints: int) -> NDArray[np.intp]:
    joints = np.arange(num_joints)
    for left, right in mirror:
        joints[[left, right]] = right, left
    return joints


def mirrored_joints(skeleton: Skeleton) -> NDArray[np.intp]:
    """Return `(V,)`, the joint that takes each joint's place in a mirror."""
    return _mirrored(skeleton.mirror, skeleton.num_joints)
