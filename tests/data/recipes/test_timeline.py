from __future__ import annotations

import numpy as np
import pytest

from dualhead.data.recipes.recipes import get_recipe
from dualhead.data.recipes.timeline import clip_bodies, clip_places
from dualhead.sequence import SkeletonSequence
from dualhead.skeleton import KINECT20, NTU25, OPENPOSE18, Skeleton


def growing(skeleton: Skeleton, frames: int) -> SkeletonSequence:
    """Somebody whose head is 1 + t above the origin joint in frame t: a clip tells by itself which frame it shows."""
    joints = np.zeros((1, frames, skeleton.num_joints, skeleton.dimensions), np.float32)
    joints += np.random.default_rng(0).uniform(0.1, 0.2, (skeleton.num_joints, skeleton.dimensions)).astype(np.float32)
    joints[0, :, 3, 1] = joints[0, :, skeleton.origin, 1] + 1 + np.arange(frames)
    return SkeletonSequence(joints, skeleton)


@pytest.mark.parametrize(
    ("recipe", "frames", "off"),
    [("dualhead40", 16, 0), ("dualhead40", 60, 0), ("resample16", 40, 1e-3), ("resample16", 9, 1e-3),
     ("uniform16", 9, 0), ("uniform16", 64, 1.501)],
)  # fmt: skip
def test_places_are_the_frames_that_the_clip_shows(recipe: str, frames: int, off: float) -> None:
    sequence = growing(NTU25, frames)
    clip = get_recipe(recipe).clip(sequence, "joint")[..., 0]  # (C, T, V)
    origin = sequence.joints[0, 0, NTU25.origin, :, None]
    head = clip[:, :, 3] - clip[:, :, NTU25.origin]
    rest = (sequence.joints[0, 0, 3, [0, 2], None] - origin[[0, 2]]) ** 2
    shown = np.sqrt((head**2).sum(axis=0) - rest.sum()) - 1  # turning changes no length
    np.testing.assert_allclose(clip_places(get_recipe(recipe), sequence), shown, atol=max(off, 1e-3))


def test_frames_at_equal_distances() -> None:
    assert clip_places(get_recipe("ucla4"), growing(KINECT20, 10)).tolist() == [0, 3, 6, 9]


def test_empty_frames_are_skipped_and_padding_shows_nothing() -> None:
    sequence = growing(NTU25, 6)
    sequence.joints[:, :2] = 0
    assert clip_places(get_recipe("dualhead6"), sequence).tolist() == [2, 3, 4, 5, 2, 3]
    flat = growing(OPENPOSE18, 3)
    np.testing.assert_array_equal(clip_places(get_recipe("dualhead5"), flat), [0, 1, 2, np.nan, np.nan])
    nobody = SkeletonSequence(np.zeros((0, 3, 25, 3), np.float32), NTU25)
    assert np.isnan(clip_places(get_recipe("resample4"), nobody)).all()


def test_the_body_that_is_there_longest_comes_first_in_uniform_clips() -> None:
    joints = np.concatenate([growing(NTU25, 6).joints] * 3)
    joints[0, 3:] = 0
    sequence = SkeletonSequence(joints, NTU25)
    assert clip_bodies(get_recipe("uniform4"), sequence) == [1, 0]
    assert clip_bodies(get_recipe("resample4"), sequence) == [0, 1]
    assert clip_bodies(get_recipe("ucla4"), sequence) == [0]
