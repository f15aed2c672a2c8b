from __future__ import annotations

import numpy as np
import pytest

from dualhead.formats.recording import Recording, from_dense
from dualhead.runtime.errors import ConfigError


def _two_bodies() -> np.ndarray:
    joints = np.zeros((2, 3, 1, 3))  # (M, T, V, C)
    joints[0, 1] = [1, 2, 3]
    joints[1, 1] = [4, 5, 6]
    joints[1, 2] = [7, 8, 9]
    return joints


def test_from_dense_lists_bodies_frame_by_frame_and_lets_them_move_up() -> None:
    recording = from_dense(_two_bodies(), body_ids=["a", "b"])
    assert recording.num_frames == 3
    assert recording.frames.tolist() == [1, 1, 2]
    assert recording.slots.tolist() == [0, 1, 0]
    assert recording.body_ids == ("a", "b", "b")
    assert recording.joints[:, 0].tolist() == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]


def test_dense_lays_slots_out_over_all_frames() -> None:
    recording = from_dense(_two_bodies(), confidence=np.arange(6).reshape(2, 3, 1))
    joints = recording.dense([1, 0])
    assert joints.dtype == np.float32
    assert joints[:, :, 0].tolist() == [[[0, 0, 0], [4, 5, 6], [0, 0, 0]], [[0, 0, 0], [1, 2, 3], [7, 8, 9]]]
    confidence = recording.dense_confidence([0])
    assert confidence is not None
    assert confidence[..., 0].tolist() == [[0, 1, 5]]
    assert recording.dense([]).shape == (0, 3, 1, 3)


def test_dense_of_a_body_that_is_always_there() -> None:
    joints = np.random.default_rng(0).normal(size=(2, 3, 2, 3))
    assert from_dense(joints[:1]).dense([0, 1]).tolist() == np.float32([joints[0], 0 * joints[0]]).tolist()
    assert from_dense(joints).dense([1]).tolist() == np.float32(joints[1:]).tolist()
    assert from_dense(joints, [[True, True, True], [False, True, False]]).dense([0])[0].tolist() == (
        np.float32(joints[0]).tolist()
    )


def test_from_dense_takes_presence_and_ids_that_change() -> None:
    present = np.array([[True, True, False], [False, False, True]])
    recording = from_dense(_two_bodies(), present, body_ids=[[1, 2, 3], [4, 5, 6]])
    assert recording.frames.tolist() == [0, 1, 2]
    assert recording.slots.tolist() == [0, 0, 0]
    assert recording.body_ids == ("1", "2", "6")
    assert recording.dense_confidence([0]) is None


def test_from_dense_can_keep_places() -> None:
    recording = from_dense(_two_bodies(), keep_places=True)
    assert recording.slots.tolist() == [0, 1, 1]
    assert recording.dense([0, 1])[:, :, 0, 0].tolist() == [[0, 1, 0], [0, 4, 7]]


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"shape \(3, 1, 3\)"):
        from_dense(_two_bodies()[0])
    with pytest.raises(ConfigError, match="present has shape"):
        from_dense(_two_bodies(), np.ones((3, 2), bool))
    with pytest.raises(ConfigError, match="3 body IDs for 2 bodies"):
        from_dense(_two_bodies(), body_ids=[1, 2, 3])


def test_an_empty_recording_has_no_observation() -> None:
    recording = from_dense(np.zeros((2, 5, 25, 3)))
    assert isinstance(recording, Recording)
    assert recording.num_observations == 0
    assert recording.dense([0]).shape == (1, 5, 25, 3)
