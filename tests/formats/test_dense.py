from __future__ import annotations

import numpy as np
import pytest

from dualhead.formats.dense import dense_recording
from dualhead.runtime.errors import FormatError
from dualhead.skeleton import COCO17, Skeleton

PAIR = Skeleton("pair", ("a", "b"), (0, 0), ((1, 0),), (), 0, 0, None, None, 3)


def test_bodies_keep_their_places() -> None:
    joints = np.zeros((2, 3, 2, 3))
    joints[1, 1:] = 5
    recording = dense_recording(joints, None, PAIR, "x", has_confidence=False)
    assert (recording.frames.tolist(), recording.slots.tolist(), recording.num_frames) == ([1, 2], [1, 1], 3)
    np.testing.assert_array_equal(recording.dense([0, 1]), joints)


def test_nan_means_missing() -> None:
    joints = np.ones((1, 2, 3))
    joints[0, 1, 2] = np.nan
    recording = dense_recording(joints, np.full((1, 2), 0.5), PAIR, "x", has_confidence=True)
    assert recording.joints.tolist() == [[[1, 1, 1], [0, 0, 0]]]
    assert recording.confidence is not None
    assert recording.confidence.tolist() == [[0.5, 0]]


def test_an_extra_channel_is_the_confidence() -> None:
    joints = np.array([[[[1, 2, 3, 0.5], [0, 0, 0, 0.25]]]])
    recording = dense_recording(joints, None, PAIR, "x", has_confidence=True)
    assert recording.joints.tolist() == [[[1, 2, 3], [0, 0, 0]]]
    assert recording.confidence is not None
    assert recording.confidence.tolist() == [[0.5, 0]]  # what lies at zero is absent, whatever its score
    assert dense_recording(joints, None, PAIR, "x", has_confidence=False).confidence is None
    assert dense_recording(joints, None, PAIR, "x", has_confidence=None).confidence is not None
    without = dense_recording(joints[..., :3], None, PAIR, "x", has_confidence=True)
    assert without.confidence is not None
    assert without.confidence.tolist() == [[1, 0]]


@pytest.mark.parametrize(
    ("joints", "confidence", "reason"),
    [
        (np.zeros((4, 3)), None, r"joints of shape \(4, 3\)"),
        (
            np.zeros((4, 3, 3)),
            None,
            r"joints of shape \(4, 3, 3\), but skeleton 'pair' needs \(frames, 2, 3\) or \(bodies, frames, 2, 3\)",
        ),
        (np.zeros((1, 4, 3, 3)), None, r"joints of shape \(1, 4, 3, 3\), but .*: is it of another skeleton"),
        (np.zeros((4, 2, 3)), np.zeros((4, 3)), r"confidence of shape \(4, 3\), but joints of shape \(4, 2, 3\)"),
        (np.zeros((0, 10**12, 2, 3)), None, "1000000000000 frames are more than the 1000000"),
        (np.full((4, 2, 3), np.inf), None, "infinite"),
        (np.zeros((4, 2, 3)), np.full((4, 2), np.inf), "confidence is infinite"),
    ],
)
def test_what_does_not_fit_is_one_sentence(joints: np.ndarray, confidence: np.ndarray | None, reason: str) -> None:
    with pytest.raises(FormatError, match=reason):
        dense_recording(joints, confidence, PAIR, "x", has_confidence=True)


def test_flat_skeletons() -> None:
    assert dense_recording(np.ones((5, 17, 2)), None, COCO17, "x", has_confidence=False).num_observations == 5
