from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dualhead.data.recipes.normalize import (
    align_axes,
    centre_every_frame,
    centre_image,
    centre_once,
    image_clip,
    scale_image,
    scale_to_unit,
    shortest_rotation,
    to_clip,
)
from dualhead.runtime.errors import ConfigError
from dualhead.sequence import SkeletonSequence
from dualhead.skeleton import COCO17, OPENPOSE18


def clip_of(joints: list) -> np.ndarray:
    """(M, T, V, C) written out as a list, as a clip."""
    return to_clip(np.array(joints, dtype=np.float32))


def test_to_clip_transposes() -> None:
    joints = np.arange(2 * 3 * 4 * 5, dtype=np.float32).reshape(2, 3, 4, 5)
    np.testing.assert_array_equal(to_clip(joints), joints.transpose(3, 1, 2, 0))
    assert to_clip(joints).flags.c_contiguous
    assert to_clip(joints[:0]).shape == (5, 3, 4, 0)


def test_centre_every_frame_follows_the_first_body() -> None:
    clip = clip_of([[[(1, 2, 3), (4, 4, 4)], [(2, 2, 2), (0, 0, 0)]], [[(5, 5, 5), (0, 0, 0)], [(2, 2, 3), (9, 9, 9)]]])
    centred = centre_every_frame(clip, origin=0)
    assert centred[:, 0, :, 0].T.tolist() == [[0, 0, 0], [3, 2, 1]]
    assert centred[:, 1, :, 0].T.tolist() == [[0, 0, 0], [0, 0, 0]]
    assert centred[:, 0, :, 1].T.tolist() == [[4, 3, 2], [0, 0, 0]]
    assert centred[:, 1, :, 1].T.tolist() == [[0, 0, 1], [7, 7, 7]]


def test_centre_every_frame_takes_a_joint_that_sums_to_zero_for_missing_as_published() -> None:
    centred = centre_every_frame(clip_of([[[(1, 1, 1), (1, 2, -3)]]]), origin=0)
    assert not centred[:, 0, 1].any()


def test_centre_once_keeps_walking_and_missing_joints() -> None:
    clip = clip_of([[[(1, 1, 1), (0, 0, 0)], [(3, 1, 1), (1, -1, 0)]]])
    centred = centre_once(clip, np.array([1, 1, 1], np.float32))
    assert centred[:, 0, :, 0].T.tolist() == [[0, 0, 0], [0, 0, 0]]
    assert centred[:, 1, :, 0].T.tolist() == [[2, 0, 0], [0, -2, -1]]


def test_shortest_rotation_by_hand() -> None:
    turn = shortest_rotation(np.array([0.0, 2.0, 0.0]), np.array([0.0, 0.0, 1.0]))
    np.testing.assert_allclose(turn, [[1, 0, 0], [0, 0, -1], [0, 1, 0]], atol=1e-12)  # y to z about x


@pytest.mark.parametrize("source", [(0, 0, 0), (0, 0, 5), (0, 0, -5), (1e-7, 0, 1), (1e-8, 0, 0)])
def test_shortest_rotation_leaves_parallel_opposite_and_zero_vectors(source: tuple[float, ...]) -> None:
    np.testing.assert_array_equal(shortest_rotation(np.array(source, float), np.array([0.0, 0.0, 1.0])), np.eye(3))


VECTORS = arrays(np.float64, 3, elements=st.floats(-10, 10).filter(lambda value: value == 0 or abs(value) > 1e-3))


@settings(max_examples=200, deadline=None)
@given(VECTORS, VECTORS)
def test_shortest_rotation_reaches_its_target(source: np.ndarray, target: np.ndarray) -> None:
    turn = shortest_rotation(source, target)
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-9)
    if np.abs(np.cross(source, target)).sum() > 1e-4:
        unit = target / np.linalg.norm(target)
        np.testing.assert_allclose(turn @ source / np.linalg.norm(source), unit, atol=1e-9)


def test_align_axes_turns_spine_to_z_and_shoulders_to_x() -> None:
    # joints: hip, spine, left shoulder, right shoulder; the body lies along y with its shoulders along z
    pose = [(0, 0, 0), (0, 1, 0), (0, 1, -1), (0, 1, 1)]
    clip = clip_of([[pose, [(1, 2, 3), (0, 0, 0), (0, 0, 0), (0, 0, 0)]]])
    aligned = align_axes(clip, spine=(0, 1), shoulders=(2, 3))
    np.testing.assert_allclose(aligned[:, 0, 1, 0], (0, 0, 1), atol=1e-6)
    np.testing.assert_allclose(aligned[:, 0, 3, 0] - aligned[:, 0, 2, 0], (2, 0, 0), atol=1e-6)
    # y to z about x takes (1, 2, 3) to (1, -3, 2); then -y to x about z takes that to (3, 1, 2)
    np.testing.assert_allclose(aligned[:, 1, 0, 0], (3, 1, 2), atol=1e-6)
    assert not aligned[:, 1, 1].any()


def test_scale_to_unit_by_hand_and_with_a_constant_axis() -> None:
    clip = clip_of([[[(0, 5, -1), (4, 5, 0)], [(1, 5, 1), (2, 5, 3)]]])
    scaled = scale_to_unit(clip)
    assert scaled[0, :, :, 0].tolist() == [[-1, 1], [-0.5, 0]]
    assert not scaled[1].any()
    assert scaled[2, :, :, 0].tolist() == [[-1, -0.5], [0, 1]]


@settings(max_examples=100, deadline=None)
@given(arrays(np.float32, (3, 4, 5, 1), elements=st.floats(-100, 100, width=32)))
def test_scale_to_unit_is_finite_and_within_its_bounds(clip: np.ndarray) -> None:
    scaled = scale_to_unit(clip)
    assert scaled.dtype == np.float32 and np.isfinite(scaled).all() and np.abs(scaled).max() <= 1 + 1e-6


def flat(joints: np.ndarray, **more: object) -> SkeletonSequence:
    return SkeletonSequence(joints.astype(np.float32), OPENPOSE18, "clip", **more)


def test_image_clip_has_the_score_as_third_channel() -> None:
    joints = np.full((3, 2, 18, 2), 0.25)
    scores = np.arange(3 * 2 * 18, dtype=np.float32).reshape(3, 2, 18)
    clip = image_clip(flat(joints, confidence=scores), bodies=2)
    assert clip.shape == (3, 2, 18, 2)
    np.testing.assert_array_equal(clip[2], scores[:2].transpose(1, 2, 0))


def test_image_clip_without_scores_counts_presence() -> None:
    joints = np.zeros((1, 1, 18, 2))
    joints[0, 0, 3] = (0.5, 0.25)
    score = image_clip(flat(joints), bodies=2)[2, 0, :, 0]
    assert score.tolist() == [0, 0, 0, 1] + [0] * 14


def test_image_clip_divides_pixels_by_the_image_size() -> None:
    joints = np.zeros((1, 1, 17, 2), np.float32)
    joints[0, 0, 0] = (960, 270)
    clip = image_clip(SkeletonSequence(joints, COCO17, fields={"width": 1920, "height": 1080}), bodies=1)
    assert clip[:, 0, 0, 0].tolist() == [0.5, 0.25, 1]


def test_pixels_of_unknown_size_are_refused_and_an_empty_clip_is_not() -> None:
    with pytest.raises(
        ConfigError,
        match=r"'width'.*'height'",
    ):
        image_clip(flat(np.full((1, 4, 18, 2), 300.0)), bodies=2)
    assert not image_clip(flat(np.zeros((1, 4, 18, 2))), bodies=2).any()


def test_image_centre_and_scale_by_hand() -> None:
    clip = np.array([[0.75, 0.75, 1.25], [0.1, 0.1, 0.5], [0.9, 0.0, 0.2]], np.float32)[:, None, :, None]
    np.testing.assert_allclose(centre_image(clip)[:, 0, :, 0], [[0.25, 0, 0.75], [0.4, 0, 0], [0.9, 0, 0.2]], atol=1e-6)
    np.testing.assert_allclose(scale_image(clip)[:, 0, :, 0], [[0.5, 0, 1.5], [-0.8, 0, 0], [0.9, 0, 0.2]], atol=1e-6)
