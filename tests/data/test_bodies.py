from __future__ import annotations

import numpy as np
import pytest

from dualhead.data.bodies import body_energy, get_selection, select_energy
from dualhead.errors import ConfigError
from dualhead.formats.recording import Recording, from_dense


def _bodies(*spreads: float, frames: int = 2) -> np.ndarray:
    """Bodies whose two joints lie at x = 10 - spread and 10 + spread, so that their energy is the spread."""
    joints = np.zeros((len(spreads), frames, 2, 3))
    for body, spread in enumerate(spreads):
        joints[body, :, 0, 0], joints[body, :, 1, 0] = 10 - spread, 10 + spread
    return joints


def test_energy_is_the_sum_of_standard_deviations() -> None:
    joints = np.zeros((2, 2, 3))  # (F, V, C): x is 1, 3, 1, 3 (deviation 1); y is 0, 0, 4, 4 (deviation 2); z is 5
    joints[..., 0] = [[1, 3], [1, 3]]
    joints[..., 1] = [[0, 0], [4, 4]]
    joints[..., 2] = 5
    assert body_energy(joints) == pytest.approx(3.0)


def test_energy_leaves_out_frames_that_sum_to_zero() -> None:
    joints = np.zeros((3, 2, 3))
    joints[0, :, 0] = [1, 3]
    joints[2, :, 0] = [-50, 50]  # sums to 0, so it counts as empty
    assert body_energy(joints) == pytest.approx(1.0)
    assert body_energy(np.zeros((4, 2, 3))) == 0.0


def test_the_two_of_highest_energy_come_highest_first() -> None:
    joints, confidence = select_energy(from_dense(_bodies(1, 3, 2)), 2)
    assert joints.shape == (2, 2, 2, 3)
    assert joints[:, 0, 1, 0].tolist() == [13, 12]
    assert confidence is None


def test_only_the_first_four_of_a_frame_count() -> None:
    joints, _ = select_energy(from_dense(_bodies(1, 2, 3, 4, 9)), 1)
    assert joints[:, 0, 1, 0].tolist() == [14]


def test_equal_energies_keep_the_files_order() -> None:
    tied = _bodies(2, 2)
    tied[0, :, :, 1] = 5
    joints, _ = select_energy(from_dense(tied), 2)
    assert joints[:, 0, 0, 1].tolist() == [5, 0]


def test_a_body_is_a_place_in_the_file_whatever_its_id() -> None:
    joints = _bodies(1, 3, frames=2)
    present = np.array([[True, False], [True, True]])
    selected, _ = select_energy(from_dense(joints, present, body_ids=["a", "b"]), 2)
    # in frame 1 body "b" moves up into the first place; the second place has the higher energy
    assert selected[:, :, 1, 0].tolist() == [[13, 0], [11, 13]]


def test_bodies_that_are_always_empty_are_left_out() -> None:
    recording = Recording(np.zeros((2, 2, 3)), np.array([0, 1]), np.array([0, 0]), 2)
    assert select_energy(recording, 2)[0].shape == (0, 2, 2, 3)
    assert select_energy(from_dense(_bodies(1)), 2)[0].shape == (1, 2, 2, 3)


def test_a_body_without_spread_is_still_a_body() -> None:
    assert select_energy(from_dense(_bodies(0)), 2)[0].shape == (1, 2, 2, 3)


def test_confidence_goes_with_its_body() -> None:
    confidence = np.arange(8).reshape(2, 2, 2)
    _, selected = select_energy(from_dense(_bodies(1, 3), confidence=confidence), 1)
    assert selected is not None
    assert selected.tolist() == [[[4, 5], [6, 7]]]


def test_an_unknown_selection_names_the_valid_ones() -> None:
    assert get_selection("energy") is select_energy
    with pytest.raises(ConfigError, match="valid: energy"):
        get_selection("enrgy")
