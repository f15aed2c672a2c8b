"""Recipes: lists of steps from a recording to clips of fixed shape."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualhead.data.recipes.draft import Clip, Draft
from dualhead.data.recipes.families import families, family_name, suitable_recipes
from dualhead.data.recipes.samplers import Sampler
from dualhead.data.recipes.step import Step, insert_step, lacking
from dualhead.data.recipes.steps import TakeStream, TestCut, TestYaw
from dualhead.data.recipes.streams import check_stream, is_temporal, stream_channels
from dualhead.data.recipes.test_clips import TestClips
from dualhead.runtime.errors import ConfigError, shorten
from dualhead.sequence import SkeletonSequence
from dualhead.skeleton import Skeleton


@dataclass(frozen=True, eq=False)
class ClipTrace:
    """The recorded frames and bodies that a clip shows.

    Attributes:
        index: `(T,)` the recorded frame, from 0, that each frame of the clip shows; fractions where two are mixed, NaN
            where it shows nothing of the recording. Of the first body that is there, where a recipe lays out each body
            by itself.
        bodies: Bodies of the recording, in the order of the clip.
    """

    index: NDArray[np.float64]
    bodies: list[int]


MOST_FRAMES = 99_999
"""The longest clip that a recipe makes."""

_MOST_BODIES = 100


@dataclass(frozen=True)
class Recipe:
    """From a recording to clips `(C, T, V, M)`.

    Joint clips have C = 3: x, y, z, or x, y, score for flat skeletons; other streams may have other channels. A
    recording in which nothing is present gives a clip of zeros.

    Attributes:
        name: The name in messages.
        steps: The steps, in order.
        bodies: M, the bodies of its clips; further ones are left out (`chosen_bodies`), missing ones are zeros.
        test_clips: Cuts and angles of the test clips.
        normalised_by: Name of the recipe whose normalisation and padding this one begins with.
        spec: The argument of `get_recipe` that makes it: a name, or the mapping of an inline recipe.
    """

    name: str
    steps: tuple[Step, ...]
    bodies: int = 2
    test_clips: TestClips = field(default_factory=TestClips)
    normalised_by: str = ""
    spec: Any = field(default=None, compare=False)

    @classmethod
    def from_family(cls, name: str, frames: int) -> Recipe:
        """Build a registered recipe at a number of frames."""
        family = families()[name]
        prefix = family.normalised_by and family_name(family.normalised_by, frames)
        return cls(family_name(name, frames), family.steps(frames), family.bodies, family.test_clips, prefix)

    def __post_init__(self) -> None:
        """Check the steps.

        Raises:
            ConfigError: If no step gives the clip its length, there is not one `stream` step, or a size is too large.
        """
        if not isinstance(self.bodies, int) or isinstance(self.bodies, bool) or not 1 <= self.bodies <= _MOST_BODIES:
            raise ConfigError(
                f"recipe {self.name!r} has bodies {shorten(self.bodies)}: expected an integer of 1 to {_MOST_BODIES}"
            )
        count = sum(isinstance(step, TakeStream) for step in self.steps)
        if count != 1:
            raise ConfigError(f"recipe {self.name!r} has {count} steps 'stream': expected one")
        if not min(self.frames, self.train_frames):
            raise ConfigError(f"recipe {self.name!r} has no step that samples frames: add one, such as linear")
        sizes = {
            "frames": (max(self.frames, self.train_frames), MOST_FRAMES),
            "test clips": (self.num_test_clips, 1000),
        }
        for what, (size, most) in sizes.items():
            if size > most:
                raise ConfigError(f"recipe {self.name!r} has {shorten(size)} {what}: expected at most {most:,}")
        if not self.normalised_by:
            object.__setattr__(self, "normalised_by", self.name)
        if self.spec is None:
            object.__setattr__(self, "spec", self.name)

    @cached_property
    def frames(self) -> int:
        """T, the length of its test clips."""
        return self._length(train=False)

    @cached_property
    def train_frames(self) -> int:
        """T of its training clips."""
        return self._length(train=True)

    @cached_property
    def num_test_clips(self) -> int:
        """Clips of a test sample: cuts times angles times those that the sampler makes."""
        return math.prod(step.num_test_clips for step in self.steps) * len(self._views)

    @cached_property
    def draws(self) -> bool:
        """True if training clips are drawn at random."""
        return any(step.random for step in self.steps)

    @cached_property
    def _views(self) -> list[tuple[tuple[float, float], float]]:
        return self.test_clips.views()

    @cached_property
    def _every_step(self) -> tuple[Step, ...]:
        """The steps, and those that make the cuts and angles of test clips."""
        steps = self.steps
        if self.test_clips.cuts != ((0.0, 1.0),):
            steps = insert_step(steps, TestCut())
        return insert_step(steps, TestYaw()) if any(self.test_clips.yaws) else steps

    @cached_property
    def _plans(self) -> dict[tuple[bool, int], tuple[Step, ...]]:
        """The steps that count, for training or test and by the dimensions of the skeleton."""
        return {
            (train, dimensions): tuple(
                step for step in self._every_step if (train or not step.train_only) and step.only in (None, dimensions)
            )
            for train in (False, True)
            for dimensions in (2, 3)
        }

    def _length(self, train: bool) -> int:
        frames = 0
        for step in self.steps:
            frames = step.frames_after(frames) if train or not step.train_only else frames
        return frames

    def num_bodies(self, skeleton: Skeleton) -> int:
        """Return how many bodies (M) a clip of this skeleton has.

        Args:
            skeleton: The layout of the joints.

        Raises:
            ConfigError: If the recipe cannot be used with this skeleton.
        """
        self.check(skeleton)
        return self.bodies

    def channels(self, skeleton: Skeleton, stream: str = "joint") -> int:
        """Return how many channels (C) a clip of this skeleton has.

        Args:
            skeleton: The layout of the joints.
            stream: The name of a stream; see `get_streams`.

        Raises:
            ConfigError: If the recipe cannot be used with this skeleton, or the stream is unknown.
        """
        self.check(skeleton)
        return stream_channels(stream, _CHANNELS)

    def check(self, skeleton: Skeleton) -> None:
        """Raise if a skeleton lacks what a step needs.

        Args:
            skeleton: The layout of the joints.

        Raises:
            ConfigError: If something is missing; names what.
        """
        if skeleton is self.__dict__.get("_checked"):
            return
        if missing := lacking(self._every_step, skeleton):
            hint = f"{_quoted(suitable_recipes(skeleton))}, at this or another number of frames"
            raise ConfigError(f"recipe {self.name!r} {missing.format(hint=hint)}")
        self.__dict__["_checked"] = skeleton  # the same one comes with every recording of a store

    def chosen_bodies(self, sequence: SkeletonSequence) -> list[int]:
        """Return which bodies of a recording a clip is made of.

        Convention: the first; of a recording with more bodies than a clip, the first that are seen in it.

        Args:
            sequence: A raw recording, or a part of one.

        Returns:
            Bodies of the recording, at most M.
        """
        if sequence.num_bodies <= self.bodies:
            return list(range(sequence.num_bodies))
        found: list[int] = np.flatnonzero(sequence.joints.any(axis=(1, 2, 3))).tolist()
        return found[: self.bodies]

    def clip(
        self, sequence: SkeletonSequence, stream: str, train: bool = False, rng: np.random.Generator | None = None
    ) -> Clip:
        """Compute one clip; for test the first of the recipe's test clips.

        Args:
            sequence: A recording, of any length and number of bodies.
            stream: The name of a stream; see `get_streams`.
            train: Draw a training clip instead of the test clip.
            rng: Source of the draws; needed if `train`, not used otherwise.

        Returns:
            float32 `(C, T, V, M)`, T being `train_frames` if `train`, else `frames`.

        Raises:
            ConfigError: If the stream is unknown, the skeleton unsuitable or the generator missing.
        """
        if train and self.draws and rng is None:
            raise ConfigError(
                f"recipe {self.name!r} draws its training clips: pass rng, such as numpy.random.default_rng(0)"
            )
        draft = self._start(sequence, stream, rng if train else None)
        self._run(draft, self._plan(draft))
        return self._padded(draft.clip)

    def clips(self, sequence: SkeletonSequence, stream: str) -> Clip:
        """Compute all test clips of a recording.

        Args:
            sequence: A recording, of any length and number of bodies.
            stream: The name of a stream; see `get_streams`.

        Returns:
            float32 `(num_test_clips, C, T, V, M)`; those of the first cut and angle come first.

        Raises:
            ConfigError: If the stream is unknown or the skeleton unsuitable.
        """
        if self.num_test_clips == 1:
            return self.clip(sequence, stream)[None]
        draft = self._start(sequence, stream, None)
        plan = self._plan(draft)
        made = []
        for view in self._views:
            one = draft.copy()
            one.cut, one.yaw = view
            if one.empty or sequence.prepared:
                self._run(one, plan)
                return np.repeat(self._padded(one.clip)[None], self.num_test_clips, axis=0)
            made.append(self._run_all(one, plan))
        return np.concatenate(made) if len(made) > 1 else made[0]

    def trace(self, sequence: SkeletonSequence) -> ClipTrace:
        """Return which frames and bodies of a recording the first test clip shows.

        Args:
            sequence: The recording, raw.

        Returns:
            Frames and bodies; see `ClipTrace`.

        Raises:
            ConfigError: If the recording was normalised before, or the skeleton is unsuitable.
        """
        if sequence.prepared:
            raise ConfigError(
                f"sequence {sequence.name!r} was normalised and padded before: its frames are not as recorded"
            )
        draft = self._start(sequence, "joint", None, trace=True)
        self._run(draft, self._plan(draft))
        index = np.full(self.frames, np.nan) if draft.empty or draft.index is None else draft.index
        return ClipTrace(index, draft.bodies)

    def _start(
        self, sequence: SkeletonSequence, stream: str, rng: np.random.Generator | None, trace: bool = False
    ) -> Draft:
        self.check(sequence.skeleton)
        check_stream(stream)
        bodies = list(range(sequence.num_bodies))
        if len(bodies) > self.bodies and not sequence.prepared:
            bodies = self.chosen_bodies(sequence)
            sequence = sequence.with_bodies(bodies)
        draft = Draft(sequence, bodies, stream, rng, trace)
        draft.cut, draft.yaw = self._views[0]
        joints = draft.joints
        if joints.size == 0:
            draft.empty = True
        elif draft.skeleton.dimensions == 3 and not joints.item(0):  # a flat key point at (0, 0) may still have a score
            draft.empty = not joints.any()
        return draft

    def _plan(self, draft: Draft) -> tuple[Step, ...]:
        return self._plans[draft.rng is not None, draft.skeleton.dimensions]

    def _run(self, draft: Draft, plan: Sequence[Step]) -> None:
        """Apply all steps."""
        if draft.empty or draft.sequence.prepared:
            self._finish(draft, plan)
            return
        for step in plan:
            if step.pads:
                draft.clip = self._padded(draft.clip)
            step(draft)

    def _run_all(self, draft: Draft, plan: Sequence[Step]) -> Clip:
        """Apply all steps, a step that makes several test clips once for each; returns them, `(n, C, T, V, M)`."""
        for number, step in enumerate(plan):
            if step.num_test_clips > 1:
                rows, rest = step.test_rows(draft.length), plan[number + 1 :]
                if not rest:  # all at once, which is fast
                    return self._padded(draft.clip[:, rows].swapaxes(0, 1))
                drafts = [draft.copy() for _ in rows]
                for one, row in zip(drafts, rows, strict=True):
                    one.take(row)
                return np.concatenate([self._run_all(one, rest) for one in drafts])
            step(draft)
        return self._padded(draft.clip)[None]

    def _finish(self, draft: Draft, plan: Sequence[Step]) -> None:
        """Compute the clip of coordinates that are already normalised and padded, or of an empty recording."""
        at = next(number for number, step in enumerate(plan) if isinstance(step, TakeStream))
        final = [step for step in plan[at + 1 :] if not isinstance(step, Sampler)]
        if draft.sequence.prepared:
            self._lay_out_prepared(draft, sampled=len(final) < len(plan) - at - 1)
            plan[at](draft)
        else:
            channels = self.channels(draft.skeleton, draft.stream)
            draft.clip = np.zeros((channels, self.frames, draft.skeleton.num_joints, self.bodies), dtype=np.float32)
        for step in final:
            if step.pads:
                draft.clip = self._padded(draft.clip)
            step(draft)

    def _padded(self, clip: Clip) -> Clip:
        """Add absent bodies, as zeros, to a clip or several `(..., M)`."""
        if clip.shape[-1] == self.bodies:
            return np.ascontiguousarray(clip, dtype=np.float32)
        padded = np.zeros((*clip.shape[:-1], self.bodies), dtype=np.float32)
        padded[..., : clip.shape[-1]] = clip
        return padded

    def _lay_out_prepared(self, draft: Draft, sampled: bool) -> None:
        """Arrange joints that this recipe has normalised and padded before; `sampled` after the stream was computed.

        Raises:
            ConfigError: If another recipe has: what it did can neither be undone nor done twice.
        """
        sequence = draft.sequence
        if sequence.prepared != self.normalised_by:
            raise ConfigError(
                f"sequence {sequence.name!r} was normalised and padded by recipe {sequence.prepared!r} before it was "
                f"stored: use that recipe, or prepare the raw recordings to use {self.name!r}"
            )
        if sampled and is_temporal(draft.stream):
            raise ConfigError(
                f"recipe {self.name!r} takes motion on the whole recording, of which sequence {sequence.name!r} has "
                "the frames alone that were drawn before it was stored: use the stream joint or bone, or prepare the "
                "raw recordings"
            )
        joints = sequence.joints[: self.bodies, : self.frames]
        bodies, frames, num_joints, channels = joints.shape
        joint = np.zeros((_CHANNELS, self.frames, num_joints, bodies), dtype=np.float32)
        joint[:channels, :frames] = joints.transpose(3, 1, 2, 0)
        if sequence.confidence is not None:
            joint[channels, :frames] = sequence.confidence[: self.bodies, : self.frames].transpose(1, 2, 0)
        draft.clip = joint


_CHANNELS = 3  # of joint clips: x, y, z, or x, y, score


def _quoted(names: Sequence[str]) -> str:
    quoted = [repr(name) for name in names]
    return " or ".join([", ".join(quoted[:-1]), quoted[-1]] if len(quoted) > 1 else quoted)
