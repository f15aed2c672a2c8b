"""The recipes by name: from a recording to clips of fixed shape, for training and for test.

A recipe's name is one word, its family and its number of frames: `resample64`, or `resample32` for shorter clips;
`dualhead` alone means its published 300 frames.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from dualhead.data.recipes.augment import random_move, random_rotation, random_view, transform
from dualhead.data.recipes.normalize import (
    align_axes,
    centre_every_frame,
    centre_image,
    centre_once,
    image_clip,
    scale_image,
    scale_to_unit,
    to_clip,
)
from dualhead.data.recipes.recipe import Clip, Recipe, need_axes, need_flat, need_solid
from dualhead.data.recipes.sampling import (
    even_index,
    linear_resize,
    middle_crop,
    random_crop,
    random_sorted_index,
    repeat_index,
    spread_index,
    wrapped_index,
)
from dualhead.data.recipes.streams import STREAMS, to_stream
from dualhead.runtime.errors import ConfigError, unknown
from dualhead.sequence import SkeletonSequence
from dualhead.skeleton import Skeleton

__all__ = [
    "RECIPES",
    "STREAMS",
    "DualheadRecipe",
    "MovingRecipe",
    "Recipe",
    "ResampleRecipe",
    "UclaRecipe",
    "UniformRecipe",
    "get_recipe",
]


@dataclass(frozen=True)
class DualheadRecipe(Recipe):
    """The published preparation of DualHead-Net, MS-G3D and 2s-AGCN: 300 frames, two bodies, no augmentation.

    3D: each body's recording is repeated to the full length (`repeat_index`), every frame is centred on the first
    body's origin joint, spine and shoulders are turned to z and x. 2D: the image's middle becomes 0, y points up, the
    rest of the clip is zeros. Streams are taken last, so motion holds the seam of each repeat. Of a recording longer
    than the clip the first `frames` frames are kept.
    """

    family: ClassVar[str] = "dualhead"
    draws: ClassVar[bool] = False

    @property
    def name(self) -> str:
        """The word that `get_recipe` takes."""
        return self.family if self.frames == _PUBLISHED_FRAMES else super().name

    def check(self, skeleton: Skeleton) -> None:
        """Refuse a 3D skeleton without spine or shoulders; see `Recipe.check`."""
        need_axes(self, skeleton)

    def _make(
        self, sequence: SkeletonSequence, stream: str, rng: np.random.Generator | None, views: int
    ) -> Clip | None:
        joint = self._flat(sequence) if sequence.skeleton.dimensions == 2 else self._solid(sequence)
        return None if joint is None else to_stream(joint, sequence.skeleton, stream)[None]

    def _flat(self, sequence: SkeletonSequence) -> Clip:
        image = centre_image(image_clip(sequence, self.bodies)[:, : self.frames])
        joint = np.zeros((3, self.frames, *image.shape[2:]), dtype=np.float32)
        joint[:, : image.shape[1]] = image
        return joint

    def _solid(self, sequence: SkeletonSequence) -> Clip | None:
        skeleton = sequence.skeleton
        assert skeleton.spine and skeleton.shoulders
        joints = sequence.joints[:, : self.frames]  # (M, T, V, C)
        filled = joints.reshape(*joints.shape[:2], math.prod(joints.shape[2:])).sum(axis=2) != 0  # (M, T)
        rows = [repeat_index(body, self.frames) for body in filled]
        last = max((body for body, row in enumerate(rows) if row.size), default=-1)
        if last < 0:
            return None
        padded = np.zeros((last + 1, self.frames, *joints.shape[2:]), dtype=np.float32)
        for body, row in enumerate(rows[: last + 1]):
            if row.size:
                np.take(joints[body], row, axis=0, out=padded[body])
        return align_axes(centre_every_frame(to_clip(padded), skeleton.origin), skeleton.spine, skeleton.shoulders)


@dataclass(frozen=True)
class MovingRecipe(DualheadRecipe):
    """ST-GCN's preparation of Kinetics-Skeleton, which 2s-AGCN took over: half of the frames, and moves, in training.

    Clips are those of the `dualhead` recipe. Train: `frames` / 2 consecutive frames from a random start, of the padded
    clip, so that they may be zeros for the most part; then turned, resized and shifted (`random_move`). Test: all
    `frames` frames. As published, the stream is taken first and every stream is moved like joints. 2D only.
    """

    family: ClassVar[str] = "moving"
    draws: ClassVar[bool] = True

    @property
    def name(self) -> str:
        """The word that `get_recipe` takes."""
        return f"{self.family}{self.frames}"

    @property
    def train_frames(self) -> int:
        """T of its training clips: half of `frames`, at least 1."""
        return max(1, self.frames // 2)

    @property
    def normalised_by(self) -> str:
        """Name of the recipe whose normalisation and padding this one begins with."""
        return DualheadRecipe(self.frames).name

    def check(self, skeleton: Skeleton) -> None:
        """Refuse a 3D skeleton; see `Recipe.check`."""
        need_flat(self, skeleton)

    def _checked(self, sequence: SkeletonSequence, stream: str, rng: np.random.Generator | None, views: int) -> Clip:
        clips = super()._checked(sequence, stream, rng, views)
        if rng is None:
            return clips
        start = int(rng.integers(self.frames - self.train_frames + 1))
        return random_move(clips[0, :, start : start + self.train_frames], rng)[None]


@dataclass(frozen=True)
class ResampleRecipe(Recipe):
    """CTR-GCN's preparation (Chen et al., ICCV 2021) and that of most successors: a stretch resized to 64 frames.

    One constant, the origin joint of body 0 in the first frame that has it, is subtracted from everything present; axes
    stay as recorded. Frames without anybody are dropped. Train: a random stretch of 0.5 to 1 of the length, never under
    `frames` frames where the recording has them; test: the middle 95 %. The stretch is resized by linear interpolation,
    whatever its length. Train: rotated by three angles within 0.3 rad. Then bone, then motion. 3D only.
    """

    family: ClassVar[str] = "resample"

    def check(self, skeleton: Skeleton) -> None:
        """Refuse a flat skeleton; see `Recipe.check`."""
        need_solid(self, skeleton)

    def _make(
        self, sequence: SkeletonSequence, stream: str, rng: np.random.Generator | None, views: int
    ) -> Clip | None:
        joints = sequence.joints  # (M, T, V, C)
        filled = _filled(joints)
        kept = np.flatnonzero(filled.any(axis=0))
        if not kept.size:
            return None
        body = int(filled.any(axis=1).argmax())
        point = joints[body, int(filled[body].argmax()), sequence.skeleton.origin]
        start, length = middle_crop(kept.size, 0.95) if rng is None else random_crop(kept.size, 0.5, self.frames, rng)
        low, high, weight = linear_resize(length, self.frames)
        before, after = (centre_once(to_clip(joints[:, kept[start + rows]]), point) for rows in (low, high))
        joint = before + weight[:, None, None] * (after - before)
        if rng is not None:
            joint = transform(joint, random_rotation(0.3, rng))
        return to_stream(joint, sequence.skeleton, stream)[None]


@dataclass(frozen=True)
class UniformRecipe(Recipe):
    """PYSKL's preparation (Duan et al., 2022): frames drawn evenly from the whole recording; ten test clips.

    3D: the body with more non-empty frames comes first, and only the frames that have it are kept; its origin joint in
    the first of them is subtracted from everything present; spine and shoulders are turned to z and x. 2D: coordinates
    are scaled by half the image size around its centre. Bone and motion are taken on the full recording, then frames
    are drawn (`spread_index`). Test draws come from one fixed seed, the same for every recording; a recording
    shorter than the clip is taken in order, wrapping round, from i x length / 10 for view i.
    """

    family: ClassVar[str] = "uniform"
    views: ClassVar[int] = 10

    def check(self, skeleton: Skeleton) -> None:
        """Refuse a 3D skeleton without spine or shoulders; see `Recipe.check`."""
        need_axes(self, skeleton)

    def _make(
        self, sequence: SkeletonSequence, stream: str, rng: np.random.Generator | None, views: int
    ) -> Clip | None:
        flat = sequence.skeleton.dimensions == 2
        joint = scale_image(image_clip(sequence, self.bodies)) if flat else self._solid(sequence)
        if joint is None or not joint.size:
            return None
        length = joint.shape[1]
        clip = to_stream(joint, sequence.skeleton, stream)
        if rng is not None:
            return clip[None, :, spread_index(length, self.frames, rng)]
        fixed = np.random.default_rng(_TEST_SEED)
        rows = [
            wrapped_index(length, self.frames, view * length // self.views)
            if length < self.frames
            else spread_index(length, self.frames, fixed)
            for view in range(views)
        ]
        return clip[:, np.stack(rows)].swapaxes(0, 1)  # (views, C, T, V, M)

    def _from_prepared(self, sequence: SkeletonSequence, stream: str) -> Clip:
        clip = super()._from_prepared(sequence, stream)
        if stream.endswith("motion"):
            raise ConfigError(
                f"recipe {self.name!r} takes motion on the whole recording, of which sequence {sequence.name!r} has "
                "the frames alone that were drawn before it was stored: use the stream joint or bone, or prepare the "
                "raw recordings"
            )
        return clip

    def _solid(self, sequence: SkeletonSequence) -> Clip | None:
        skeleton = sequence.skeleton
        assert skeleton.spine and skeleton.shoulders
        joints = sequence.joints  # (M, T, V, C)
        filled = _filled(joints)
        if not filled.any():
            return None
        order = np.argsort(-filled.sum(axis=1), kind="stable")
        clip = to_clip(joints[order][:, filled[order[0]]])
        return align_axes(centre_once(clip, clip[:, 0, skeleton.origin, 0]), skeleton.spine, skeleton.shoulders)


@dataclass(frozen=True)
class UclaRecipe(Recipe):
    """The usual preparation of Northwestern-UCLA: one body, each axis scaled to -1..1, 52 frames.

    The origin joint of frame 0 is subtracted from every joint; train: rotated about y and x, each within 60 degrees,
    and scaled by 0.5 to 1.5; each axis of the clip is stretched to -1..1 (which undoes the centring and the scale; both
    are part of it as published). Train: frames drawn at random with repetition, sorted; test: at equal distances
    (`even_index`), whatever the length. Then bone, then motion. Only the first body is used. 3D only.
    """

    family: ClassVar[str] = "ucla"
    bodies: ClassVar[int] = 1

    def check(self, skeleton: Skeleton) -> None:
        """Refuse a flat skeleton; see `Recipe.check`."""
        need_solid(self, skeleton)

    def _make(
        self, sequence: SkeletonSequence, stream: str, rng: np.random.Generator | None, views: int
    ) -> Clip | None:
        joints = sequence.joints
        if not joints.any():
            return None
        clip = to_clip(joints)
        clip = clip - clip[:, :1, sequence.skeleton.origin : sequence.skeleton.origin + 1]
        if rng is not None:
            clip = transform(clip, random_view(math.radians(60), 0.5, 1.5, rng))
        length = clip.shape[1]
        rows = even_index(length, self.frames) if rng is None else random_sorted_index(length, self.frames, rng)
        return to_stream(scale_to_unit(clip)[:, rows], sequence.skeleton, stream)[None]


_PUBLISHED_FRAMES = 300
_TEST_SEED = 255
_FAMILIES: dict[str, type[Recipe]] = {
    family.family: family for family in (DualheadRecipe, MovingRecipe, ResampleRecipe, UniformRecipe, UclaRecipe)
}

RECIPES = ("dualhead", "resample64", "uniform100", "ucla52", "moving300")
"""The recipes as published."""


def _filled(joints: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Tell the frames `(M, T)` of `(M, T, V, C)` that hold something."""
    filled: NDArray[np.bool_] = np.any(joints, axis=(2, 3))
    return filled


def get_recipe(name: str | Recipe) -> Recipe:
    """Look up a recipe by name.

    Args:
        name: One of `RECIPES`, or the same family with another number of frames: `resample32`, `dualhead64`,
            `moving64`, `uniform48`, `ucla26`. A `Recipe` is returned as it is.

    Returns:
        The recipe.

    Raises:
        ConfigError: If there is no such recipe; names the nearest.
    """
    if isinstance(name, Recipe):
        return name
    match = re.fullmatch(r"([a-z]+)([1-9][0-9]{0,4})?", name)
    if match is None or match[1] not in _FAMILIES or (match[2] is None and match[1] != DualheadRecipe.family):
        raise unknown("recipe", name, (*RECIPES, "or the same words with another number of frames, such as resample32"))
    return _FAMILIES[match[1]](int(match[2] or _PUBLISHED_FRAMES))
