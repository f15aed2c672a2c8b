"""Recipe steps that select, crop, normalise and scale, and the one that takes the stream.

Each class is one step; the function that it calls states the convention.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from dualhead.data.recipes.draft import Draft
from dualhead.data.recipes.geometry import rotation_about, transform
from dualhead.data.recipes.normalize import (
    align_axes,
    centre_every_frame,
    centre_image,
    centre_once,
    scale_image,
    scale_to_unit,
    scale_uniformly,
)
from dualhead.data.recipes.sampling import middle_crop, random_crop
from dualhead.data.recipes.step import Stage, Step, register_step
from dualhead.data.recipes.streams import to_stream, to_stream_with_mean_scores


@register_step("drop_empty_frames")
@dataclass(frozen=True)
class DropEmptyFrames(Step):
    """Keep the frames in which a body is present."""

    stage: ClassVar[Stage] = Stage.SELECT

    def __call__(self, draft: Draft) -> None:
        """Reduce the frames."""
        filled = draft.filled()
        kept = np.flatnonzero(filled[0] if len(filled) == 1 else filled.any(axis=0))
        if len(kept) < draft.length:
            draft.take(kept)


@register_step("longest_body_first")
@dataclass(frozen=True)
class LongestBodyFirst(Step):
    """Put the body with more non-empty frames first, and keep only the frames that have it (PYSKL)."""

    stage: ClassVar[Stage] = Stage.SELECT
    needs: ClassVar[tuple[str, ...]] = ("3d",)

    def __call__(self, draft: Draft) -> None:
        """Change the order of the bodies and reduce the frames."""
        filled = draft.filled()
        order = np.argsort(-filled.sum(axis=1), kind="stable")
        kept = filled[order[0]]
        if (order[:-1] > order[1:]).any():
            draft.reorder(order)
        if not kept.all():
            draft.take(np.flatnonzero(kept))


@register_step("repeat_single_body")
@dataclass(frozen=True)
class RepeatSingleBody(Step):
    """Copy a body that is alone to every place of the clip, as CTR-GCN's preparation of NTU RGB+D 120 does.

    Convention: a body is alone if no other has a coordinate other than 0 in the recording.
    """

    places: int = 2
    stage: ClassVar[Stage] = Stage.SELECT
    needs: ClassVar[tuple[str, ...]] = ("3d",)

    def __call__(self, draft: Draft) -> None:
        """Copy the body."""
        present = np.flatnonzero(draft.recorded().any(axis=(1, 2, 3)))
        if len(present) == 1:
            draft.reorder(np.repeat(present, self.places))


@register_step("crop")
@dataclass(frozen=True)
class Crop(Step):
    """Keep a random stretch in training and the middle 95 % in test (CTR-GCN).

    Train: p x length frames, p uniform from `smallest` to 1, never under `min_frames` where the recording has them.

    Attributes:
        smallest: Smallest share of the recording in training.
        min_frames: Fewest frames in training.
        test_share: Share of the recording in test.
    """

    stage: ClassVar[Stage] = Stage.CROP
    random: ClassVar[bool] = True

    smallest: float = 0.5
    min_frames: int = 64
    test_share: float = 0.95

    def __call__(self, draft: Draft) -> None:
        """Reduce the frames."""
        if draft.rng is None:
            start, length = middle_crop(draft.length, self.test_share)
        else:
            start, length = random_crop(draft.length, self.smallest, self.min_frames, draft.rng)
        draft.take(slice(start, start + length))


@register_step("centre_on_first")
@dataclass(frozen=True)
class CentreOnFirst(Step):
    """Subtract the origin joint of the first body, in the first frame that has it, from everything present.

    One constant, so that walking stays visible; missing joints stay 0 (`centre_once`). It counts from the frames that
    are kept when this step is reached.
    """

    stage: ClassVar[Stage] = Stage.NORMALISE
    needs: ClassVar[tuple[str, ...]] = ("3d",)

    def __call__(self, draft: Draft) -> None:
        """Record what is subtracted when the recording is arranged."""
        filled = draft.filled()
        body = 0 if len(filled) == 1 else int(filled.any(axis=1).argmax())
        draft.centre(draft.frame(int(filled[body].argmax()))[body, draft.skeleton.origin])


@register_step("centre_on_frame0")
@dataclass(frozen=True)
class CentreOnFrame0(Step):
    """Subtract the origin joint of the first body in frame 0 from everything.

    Attributes:
        keep_missing: Leave missing joints, (0, 0, 0), at 0; without, they are moved like all others, as published for
            Northwestern-UCLA.
    """

    stage: ClassVar[Stage] = Stage.NORMALISE
    needs: ClassVar[tuple[str, ...]] = ("3d",)

    keep_missing: bool = True

    def __call__(self, draft: Draft) -> None:
        """Move the clip."""
        origin, clip = draft.skeleton.origin, draft.clip
        if self.keep_missing:
            draft.clip = centre_once(clip, clip[:, 0, origin, 0])
        else:
            draft.clip = clip - clip[:, :1, origin : origin + 1, :1]


@register_step("raw_coordinates")
@dataclass(frozen=True)
class RawCoordinates(Step):
    """Leave 3D coordinates as they were recorded; refuses flat skeletons."""

    stage: ClassVar[Stage] = Stage.NORMALISE
    needs: ClassVar[tuple[str, ...]] = ("3d",)

    def __call__(self, draft: Draft) -> None:
        """Return without a change."""


@register_step("centre_every_frame")
@dataclass(frozen=True)
class CentreEveryFrame(Step):
    """Move the first body's origin joint to 0 in every frame (`centre_every_frame`)."""

    stage: ClassVar[Stage] = Stage.NORMALISE
    needs: ClassVar[tuple[str, ...]] = ("3d",)

    def __call__(self, draft: Draft) -> None:
        """Move the clip."""
        draft.clip = centre_every_frame(draft.clip, draft.skeleton.origin)


@register_step("align_axes")
@dataclass(frozen=True)
class AlignAxes(Step):
    """Turn the first body's spine in frame 0 to z and its shoulders to x (`align_axes`); z then points up."""

    stage: ClassVar[Stage] = Stage.NORMALISE
    needs: ClassVar[tuple[str, ...]] = ("axes",)

    def __call__(self, draft: Draft) -> None:
        """Rotate the clip."""
        skeleton = draft.skeleton
        assert skeleton.spine and skeleton.shoulders
        draft.clip = align_axes(draft.clip, skeleton.spine, skeleton.shoulders)
        draft.up = 2


@register_step("centre_image")
@dataclass(frozen=True)
class CentreImage(Step):
    """Move the middle of the image to 0 (`centre_image`).

    Attributes:
        up: Negate y, so that it points up.
    """

    stage: ClassVar[Stage] = Stage.NORMALISE
    needs: ClassVar[tuple[str, ...]] = ("2d",)

    up: bool = True

    def __call__(self, draft: Draft) -> None:
        """Move the clip."""
        draft.clip = centre_image(draft.clip, self.up)


@register_step("scale_image")
@dataclass(frozen=True)
class ScaleImage(Step):
    """Scale coordinates by half the image size around its centre (`scale_image`).

    Attributes:
        least_score: Key points whose score is this or less become (0, 0).
    """

    stage: ClassVar[Stage] = Stage.NORMALISE
    needs: ClassVar[tuple[str, ...]] = ("2d",)

    least_score: float = 0.01

    def __call__(self, draft: Draft) -> None:
        """Scale the clip."""
        draft.clip = scale_image(draft.clip, self.least_score)


@register_step("scale_per_axis")
@dataclass(frozen=True)
class ScalePerAxis(Step):
    """Stretch each axis of the whole clip to -1..1 (`scale_to_unit`)."""

    stage: ClassVar[Stage] = Stage.SCALE

    def __call__(self, draft: Draft) -> None:
        """Scale the clip."""
        draft.clip = scale_to_unit(draft.clip)


@register_step("scale_uniformly")
@dataclass(frozen=True)
class ScaleUniformly(Step):
    """Bring the clip into -1..1 by one factor for all axes, so that proportions stay (`scale_uniformly`)."""

    stage: ClassVar[Stage] = Stage.SCALE

    def __call__(self, draft: Draft) -> None:
        """Scale the clip."""
        draft.clip = scale_uniformly(draft.clip)


@register_step("test_cut")
@dataclass(frozen=True)
class TestCut(Step):
    """Keep the stretch of the recording that a test clip shows, such as its first 80 %; see `TestClips`."""

    stage: ClassVar[Stage] = Stage.CROP
    __test__ = False  # no test case of pytest's

    def __call__(self, draft: Draft) -> None:
        """Reduce the frames; at least one stays."""
        if draft.rng is None and draft.cut != (0.0, 1.0):
            first, last = draft.cut
            start = min(math.floor(first * draft.length), draft.length - 1)
            draft.take(slice(start, max(start + 1, math.ceil(last * draft.length))))


@register_step("test_yaw")
@dataclass(frozen=True)
class TestYaw(Step):
    """Turn a test clip about the vertical axis by its angle; see `TestClips`."""

    stage: ClassVar[Stage] = Stage.VIEW
    needs: ClassVar[tuple[str, ...]] = ("3d",)
    __test__ = False

    def __call__(self, draft: Draft) -> None:
        """Rotate the clip."""
        if draft.rng is None and draft.yaw:
            draft.clip = transform(draft.clip, rotation_about(**{"xyz"[draft.up]: math.radians(draft.yaw)}))


@register_step("stream")
@dataclass(frozen=True)
class TakeStream(Step):
    """Turn the joints into the stream that the network is to see; every recipe has this step once.

    Attributes:
        mean_scores: Of flat key points, let the score channel be the mean of the scores that a difference is taken of,
            and bones of COCO's hips begin at the nose (`to_stream_with_mean_scores`), as PYSKL does; without, it is
            their difference.
    """

    stage: ClassVar[Stage] = Stage.STREAM

    mean_scores: bool = False

    def __call__(self, draft: Draft) -> None:
        """Compute the stream."""
        if self.mean_scores and draft.skeleton.dimensions == 2:
            draft.clip = to_stream_with_mean_scores(draft.clip, draft.skeleton, draft.stream)
        else:
            draft.clip = to_stream(draft.clip, draft.skeleton, draft.stream)
