"""One recording in memory: its shapes are checked against its skeleton."""

from __future__ import annotations

import dataclasses

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
