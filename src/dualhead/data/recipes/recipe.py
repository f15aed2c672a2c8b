"""What a recipe is: a named pair of train and test transforms from a recording to clips of fixed shape."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from dualhead.data.recipes.streams import check_stream, to_stream
from dualhead.runtime.errors import ConfigError
from dualhead.sequence import SkeletonSequence
from dualhead.skeleton import Skeleton

Clip = NDArray[np.float32]


@dataclass(frozen=True)
class Recipe(ABC):
    """From a recording to clips `(C, T, V, M)`; C = 3 always: x, y, z, or x, y, score for flat skeletons.

    A recording in which nothing is present gives a clip of zeros.

    Attributes:
        frames: T, the length of its clips.
        family: The word its name begins with.
        views: Clips per test sample.
        bodies: M, the bodies of its clips; further ones are left out (`chosen_bodies`), missing ones are zeros.
        draws: Whether training clips are drawn at random.
    """

    frames: int
    family: ClassVar[str]
    views: ClassVar[int] = 1
    bodies: ClassVar[int] = 2
    draws: ClassVar[bool] = True

    @property
    def name(self) -> str:
        """The word that `get_recipe` takes."""
        return f"{self.family}{self.frames}"

    @property
    def train_frames(self) -> int:
        """T of its training clips, where that is not `frames`."""
        return self.frames

    @property
    def normalised_by(self) -> str:
        """Name of the recipe whose normalisation and padding this one begins with: its own."""
        return self.name

    def num_bodies(self, skeleton: Skeleton) -> int:
        """Say how many bodies (M) a clip of this skeleton has.

        Args:
            skeleton: The layout of the joints.

        Returns:
            M.

        Raises:
            ConfigError: If the recipe cannot be used with this skeleton.
        """
        self.check(skeleton)
        return self.bodies

    def channels(self, skeleton: Skeleton) -> int:
        """Say how many channels (C) a clip of this skeleton has.

        Args:
            skeleton: The layout of the joints.

        Returns:
            C.

        Raises:
            ConfigError: If the recipe cannot be used with this skeleton.
        """
        self.check(skeleton)
        return 3

    @abstractmethod
    def check(self, skeleton: Skeleton) -> None:
        """Refuse a skeleton that lacks what the recipe needs.

        Args:
            skeleton: The layout of the joints.

        Raises:
            ConfigError: If something is missing; says what.
        """

    def chosen_bodies(self, sequence: SkeletonSequence) -> list[int]:
        """Say which bodies of a recording a clip is made of.

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

    @abstractmethod
    def _make(
        self, sequence: SkeletonSequence, stream: str, rng: np.random.Generator | None, views: int
    ) -> Clip | None:
        """Make clips `(views, C, T, V, m)` of m bodies, at most M, or None without anybody; without `rng` for test."""

    def clip(
        self, sequence: SkeletonSequence, stream: str, train: bool = False, rng: np.random.Generator | None = None
    ) -> Clip:
        """Make one clip; for test the first of the recipe's views.

        Args:
            sequence: A recording, of any length and number of bodies.
            stream: One of `STREAMS`.
            train: Draw a training clip instead of the test clip.
            rng: Source of the draws; needed if `train`, not used otherwise.

        Returns:
            float32 `(C, T, V, M)`, T being `train_frames` if `train`, else `frames`.

        Raises:
            ConfigError: If the stream is unknown, the skeleton unsuitable or the generator missing.
        """
        if train and self.draws and rng is None:
            raise ConfigError(
                f"recipe {self.name!r} draws its training clips: give rng, such as numpy.random.default_rng(0)"
            )
        clip: Clip = self._checked(sequence, stream, rng if train else None, 1)[0]
        return clip

    def clips(self, sequence: SkeletonSequence, stream: str) -> Clip:
        """Make all test clips of a recording.

        Args:
            sequence: A recording, of any length and number of bodies.
            stream: One of `STREAMS`.

        Returns:
            float32 `(views, C, T, V, M)`.

        Raises:
            ConfigError: If the stream is unknown or the skeleton unsuitable.
        """
        return self._checked(sequence, stream, None, self.views)

    def _checked(self, sequence: SkeletonSequence, stream: str, rng: np.random.Generator | None, views: int) -> Clip:
        self.check(sequence.skeleton)
        check_stream(stream)
        if sequence.prepared:
            made: Clip | None = self._from_prepared(sequence, stream)
        else:
            if sequence.num_bodies > self.bodies:
                sequence = sequence.with_bodies(self.chosen_bodies(sequence))
            made = self._make(sequence, stream, rng, views)
        if made is not None and len(made) == views and made.shape[-1] == self.bodies:
            return np.ascontiguousarray(made, dtype=np.float32)
        clips: Clip = np.zeros((views, 3, self.frames, sequence.skeleton.num_joints, self.bodies), dtype=np.float32)
        if made is not None:
            clips[..., : made.shape[-1]] = made
        return clips

    def _from_prepared(self, sequence: SkeletonSequence, stream: str) -> Clip:
        """Make the clip `(1, C, T, V, m)` of joints that this recipe has normalised and padded before.

        Raises:
            ConfigError: If another recipe has: what it did can neither be undone nor done twice.
        """
        if sequence.prepared != self.normalised_by:
            raise ConfigError(
                f"sequence {sequence.name!r} was normalised and padded by recipe {sequence.prepared!r} before it was "
                f"stored: use that recipe, or prepare the raw recordings to use {self.name!r}"
            )
        joints = sequence.joints[: self.bodies, : self.frames]
        bodies, frames, num_joints, channels = joints.shape
        joint = np.zeros((3, self.frames, num_joints, bodies), dtype=np.float32)
        joint[:channels, :frames] = joints.transpose(3, 1, 2, 0)
        if sequence.confidence is not None:
            joint[channels, :frames] = sequence.confidence[: self.bodies, : self.frames].transpose(1, 2, 0)
        return to_stream(joint, sequence.skeleton, stream)[None]


def need_solid(recipe: Recipe, skeleton: Skeleton) -> None:
    """Refuse a flat skeleton; for `Recipe.check`."""
    if skeleton.dimensions != 3:
        raise ConfigError(
            f"recipe {recipe.name!r} needs 3D joints but skeleton {skeleton.name!r} has "
            f"{skeleton.dimensions} dimensions: use {_fitting(skeleton)}"
        )


def need_flat(recipe: Recipe, skeleton: Skeleton) -> None:
    """Refuse a 3D skeleton; for `Recipe.check`."""
    if skeleton.dimensions != 2:
        raise ConfigError(
            f"recipe {recipe.name!r} moves images but skeleton {skeleton.name!r} has {skeleton.dimensions} "
            f"dimensions: use {_fitting(skeleton)}"
        )


def need_axes(recipe: Recipe, skeleton: Skeleton) -> None:
    """Refuse a 3D skeleton without the joints that give the axes their directions; for `Recipe.check`."""
    missing = _missing_axes(skeleton)
    if skeleton.dimensions == 3 and missing:
        raise ConfigError(
            f"recipe {recipe.name!r} turns spine and shoulders to the axes but skeleton {skeleton.name!r} has no "
            f"{' and no '.join(missing)}: add them to the skeleton or use {_fitting(skeleton)}"
        )


def _missing_axes(skeleton: Skeleton) -> list[str]:
    return [axis for axis in ("spine", "shoulders") if getattr(skeleton, axis) is None]


def _fitting(skeleton: Skeleton) -> str:
    """Name the recipes that take a skeleton."""
    if skeleton.dimensions == 2:
        names = "'dualhead', 'uniform100' or 'moving300'"
    elif _missing_axes(skeleton):
        names = "'resample64' or 'ucla52'"
    else:
        names = "'dualhead', 'resample64', 'uniform100' or 'ucla52'"
    return f"{names}, at this or another number of frames"
