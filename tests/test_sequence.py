"""One recording in memory: its shapes are checked against its skeleton."""

from __future__ import annotations

import dataclasses
import pickle

import numpy as np
import pytest

from dualhead.runtime.errors import ConfigError
from dualhead.sequence import SkeletonSequence
from dualhead.skeleton import COCO17, NTU25


def test_counts() -> None:
    sequence = SkeletonSequence(np.zeros((2, 7, 25, 3), np.float32), NTU25, "clip", 4, fields={"camera": 1})
    assert (sequence.num_bodies, sequence.num_frames) == (2, 7)
    assert (sequence.name, sequence.label, sequence.fields["camera"]) == ("clip", 4, 1)


@pytest.mark.parametrize("shape", [(0, 5, 25, 3), (1, 0, 25, 3)])
def test_nobody_and_no_frame_are_fine(shape: tuple[int, ...]) -> None:
    sequence = SkeletonSequence(np.zeros(shape, np.float32), NTU25)
    assert (sequence.num_bodies, sequence.num_frames) == shape[:2]


@pytest.mark.parametrize("shape", [(2, 7, 24, 3), (2, 7, 25, 2), (7, 25, 3)])
def test_refuses_other_shapes(shape: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match=r"'clip'.*25.*3"):
        SkeletonSequence(np.zeros(shape, np.float32), NTU25, "clip")


def test_confidence_has_one_value_per_joint() -> None:
    joints = np.zeros((1, 4, 17, 2), np.float32)
    assert SkeletonSequence(joints, COCO17, confidence=np.ones((1, 4, 17), np.float32)).confidence is not None
    with pytest.raises(ConfigError, match="confidence of shape"):
        SkeletonSequence(joints, COCO17, confidence=np.ones((1, 4, 16), np.float32))


def test_is_frozen() -> None:
    sequence = SkeletonSequence(np.zeros((1, 1, 25, 3), np.float32), NTU25)
    with pytest.raises(dataclasses.FrozenInstanceError):
        sequence.label = 1  # type: ignore[misc]


def test_a_part_keeps_everything_else() -> None:
    joints = np.arange(3 * 4 * 17 * 2, dtype=np.float32).reshape(3, 4, 17, 2)
    whole = SkeletonSequence(joints, COCO17, "clip", 4, joints[..., 0], {"camera": 1})
    part = whole.with_bodies([2, 0], 1, 3)
    np.testing.assert_array_equal(part.joints, joints[[2, 0], 1:3])
    np.testing.assert_array_equal(part.confidence, joints[[2, 0], 1:3, :, 0])
    assert (part.name, part.label, part.fields) == ("clip", 4, {"camera": 1})
    assert np.shares_memory(whole.with_bodies(slice(1, 2)).joints, joints)


def test_a_skeleton_is_taken_by_name_and_numbers_become_float32() -> None:
    joints = np.arange(2 * 3 * 25 * 3).reshape(2, 3, 25, 3)  # int64
    sequence = SkeletonSequence(joints, "ntu25", fps=30)
    assert sequence.skeleton is NTU25 and sequence.fps == 30 and sequence.fields == {}
    assert sequence.joints.dtype == np.float32 and sequence.joints[1, 2, 24, 2] == 449
    flat = SkeletonSequence(np.ones((1, 2, 17, 2)), "coco17", confidence=np.full((1, 2, 17), 0.5))
    assert flat.joints.dtype == np.float32
    assert flat.confidence is not None and flat.confidence.dtype == np.float32


def test_float32_is_not_copied() -> None:
    joints = np.zeros((1, 2, 25, 3), np.float32)
    assert SkeletonSequence(joints, "ntu25").joints is joints


def test_an_unknown_skeleton_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ConfigError, match=r"ntu26.*ntu25"):
        SkeletonSequence(np.zeros((1, 2, 25, 3)), "ntu26")


@pytest.mark.parametrize(
    ("joints", "dtype"),
    [(np.zeros((1, 2, 25, 3), complex), "complex128"), (np.full((1, 2, 25, 3), "1"), "<U1"), (None, "object")],
)
def test_refuses_what_is_not_real_numbers(joints: object, dtype: str) -> None:
    with pytest.raises(ConfigError, match=dtype):
        SkeletonSequence(joints, "ntu25")  # type: ignore[arg-type]


def test_refuses_lists_of_different_lengths() -> None:
    with pytest.raises(ConfigError, match="'clip'"):
        SkeletonSequence([[[0.0], [0.0, 1.0]]], "ntu25", "clip")


@pytest.mark.parametrize("fps", [0, -30.0, float("nan")])
def test_refuses_frame_rates_that_are_not_positive(fps: float) -> None:
    with pytest.raises(ConfigError, match="fps"):
        SkeletonSequence(np.zeros((1, 2, 25, 3)), "ntu25", fps=fps)


@pytest.mark.parametrize(
    ("shape", "skeleton", "advice"),
    [
        ((7, 25, 3), "ntu25", "joints[None]"),
        ((1, 7, 17, 3), "coco17", "joints[..., :2]"),
        ((1, 3, 7, 25), "ntu25", "joints.transpose(0, 2, 3, 1)"),
        ((3, 7, 25, 1), "ntu25", "joints.transpose(3, 1, 2, 0)"),
    ],
)
def test_what_to_do_about_other_axes(shape: tuple[int, ...], skeleton: str, advice: str) -> None:
    joints = np.zeros(shape, np.float32)
    with pytest.raises(ConfigError) as caught:
        SkeletonSequence(joints, skeleton)
    assert advice in str(caught.value)
    followed = eval(advice, {"joints": joints})
    assert SkeletonSequence(followed, skeleton).num_frames == 7


def test_replacing_and_pickling_keep_the_rest() -> None:
    whole = SkeletonSequence(np.ones((1, 4, 17, 2)), "coco17", "clip", 4, fields={"camera": 1}, fps=25)
    for same in (dataclasses.replace(whole, label=None), pickle.loads(pickle.dumps(whole))):  # noqa: S301
        assert (same.name, same.skeleton, same.fields, same.fps) == ("clip", COCO17, {"camera": 1}, 25)
        np.testing.assert_array_equal(same.joints, whole.joints)
