"""Recipe steps after which a clip has a fixed number of frames; the functions that they call state the conventions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from dualhead.data.recipes.draft import Draft
from dualhead.data.recipes.normalize import to_clip
from dualhead.data.recipes.sampling import (
    even_index,
    even_times,
    linear_resize,
    published_spread,
    random_sorted_index,
    random_sorted_times,
    repeat_index,
    spread_index,
)
from dualhead.data.recipes.step import Stage, Step, check_value, register_step


@dataclass(frozen=True)
class Sampler(Step):
    """A step after which the clip has a fixed number of frames.

    Attributes:
        frames: T of the clip.
    """

    stage: ClassVar[Stage] = Stage.SAMPLE

    frames: int

    def __post_init__(self) -> None:
        """Check the number of frames.

        Raises:
            ConfigError: If it is below 1.
        """
        check_value(self, "frames", isinstance(self.frames, int) and self.frames >= 1, "an integer of 1 or more")

    def frames_after(self, frames: int) -> int:
        """Return the clip's length."""
        return self.frames


@register_step("sorted_frames")
@dataclass(frozen=True)
class SortedFrames(Sampler):
    """Train: frames at random with repetition, sorted; test: at equal distances (`even_index`). As for NW-UCLA."""

    random: ClassVar[bool] = True

    def __call__(self, draft: Draft) -> None:
        """Draw the frames."""
        if draft.rng is None:
            draft.take(even_index(draft.length, self.frames))
        else:
            draft.take(random_sorted_index(draft.length, self.frames, draft.rng))


@register_step("linear")
@dataclass(frozen=True)
class LinearSampling(Sampler):
    """Interpolate between frames: at random sorted times in training, at equal distances in test.

    Convention: times run from the first to the last frame, both included; test times are linspace(0, T - 1).
    """

    random: ClassVar[bool] = True

    def __call__(self, draft: Draft) -> None:
        """Interpolate the clip."""
        if draft.rng is None:
            draft.mix(*even_times(draft.length, self.frames))
        else:
            draft.mix(*random_sorted_times(draft.length, self.frames, draft.rng))


@register_step("resize")
@dataclass(frozen=True)
class Resize(Sampler):
    """Resize to another length by linear interpolation over time, with half-pixel centres (`linear_resize`)."""

    def __call__(self, draft: Draft) -> None:
        """Interpolate the clip."""
        draft.mix(*linear_resize(draft.length, self.frames))


@register_step("spread_frames")
@dataclass(frozen=True)
class SpreadFrames(Sampler):
    """Draw frames that cover the whole recording evenly (`spread_index`); several test clips from one fixed seed.

    Test clips are PYSKL's, frame for frame (`published_spread`).

    Attributes:
        frames: T of the clip.
        clips: Test clips of a sample.
        seed: Seed of the test clips, the same for every recording.
    """

    random: ClassVar[bool] = True

    clips: int = 10
    seed: int = 255

    @property
    def num_test_clips(self) -> int:
        """Number of test clips that the step makes of one."""
        return self.clips

    def __call__(self, draft: Draft) -> None:
        """Draw the frames; in test those of the first clip."""
        if draft.rng is not None:
            draft.take(spread_index(draft.length, self.frames, draft.rng))
        else:
            draft.take(self.test_rows(draft.length)[0])

    def test_rows(self, length: int) -> NDArray[np.intp]:
        """Return the frames of every test clip."""
        return published_spread(length, self.frames, self.clips, self.seed)


@register_step("repeat_or_pad")
@dataclass(frozen=True)
class RepeatOrPad(Sampler):
    """Fill a long clip as published for DualHead-Net, MS-G3D and 2s-AGCN; a longer recording keeps its first frames.

    3D: each body by itself is repeated from its start (`repeat_index`), and empty frames are those whose coordinates
    sum to 0, as published. 2D: the rest of the clip is zeros.
    """

    stage: ClassVar[Stage] = Stage.NORMALISE

    def __call__(self, draft: Draft) -> None:
        """Fill the clip."""
        if draft.skeleton.dimensions == 2:
            pad(draft, self.frames)
            return
        joints = draft.recorded()[:, : self.frames]  # (M, T, V, C)
        filled = joints.reshape(*joints.shape[:2], math.prod(joints.shape[2:])).sum(axis=2) != 0  # (M, T)
        rows = [repeat_index(body, self.frames) for body in filled]
        seen = [body for body, row in enumerate(rows) if row.size]
        if seen == [0]:  # arranged before frames are repeated, which is fewer
            draft.clip = to_clip(joints[:1]).take(rows[0], axis=1)
        else:
            padded = np.zeros((max(seen, default=0) + 1, self.frames, *joints.shape[2:]), dtype=np.float32)
            for body in seen:
                np.take(joints[body], rows[body], axis=0, out=padded[body])
            draft.clip = to_clip(padded)
        if draft.index is not None:
            draft.index = draft.index[rows[seen[0]]] if seen else np.full(self.frames, np.nan)


@register_step("pad")
@dataclass(frozen=True)
class Pad(Sampler):
    """Fill up with zeros; a longer recording keeps its first frames (ST-GCN)."""

    def __call__(self, draft: Draft) -> None:
        """Fill the clip."""
        pad(draft, self.frames)


def pad(draft: Draft, frames: int) -> None:
    """Fill a clip up with zeros, or keep its first frames.

    Args:
        draft: The clip in the making.
        frames: T afterwards.
    """
    if draft.length > frames:
        draft.take(slice(frames))
    clip, index = draft.clip, draft.index
    padded = np.zeros((clip.shape[0], frames, *clip.shape[2:]), dtype=np.float32)
    padded[:, : clip.shape[1]] = clip
    draft.clip = padded
    if index is not None:
        draft.index = np.full(frames, np.nan)
        draft.index[: clip.shape[1]] = index
