from __future__ import annotations

import numpy as np
import pytest

from dualhead.data.bodies.selection import body_energy, get_selection, select_energy, select_tracked
from dualhead.formats.recording import Recording, from_dense
from dualhead.runtime.errors import ConfigError
from dualhead.synthetic.actions import ACTIONS
from dualhead.synthetic.sensor import Sensor
from dualhead.synthetic.takes import record_take


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


def test_energy_is_the_published_one_to_the_last_bit() -> None:
    for frames in (1, 2, 7, 64, 300):
        joints = np.random.default_rng(frames).normal(size=(frames, 25, 3))
        assert body_energy(joints) == joints[:, :, 0].std() + joints[:, :, 1].std() + joints[:, :, 2].std()


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


def _person(frames: int, at: float, height: float = 1.8, width: float = 0.5) -> np.ndarray:
    """A body of four joints at the corners of a rectangle, `(frames, 4, 3)`, whose feet are at x = `at`."""
    corners = np.array([[0, 0.1], [0, 1], [1, 0.1], [1, 1]]) * (width, height)
    joints = np.zeros((frames, 4, 3))
    joints[..., :2] = corners + np.array([at, 0])
    joints[..., 2] = 3
    return joints


def test_tracked_leaves_ghosts_out_and_ranks_people() -> None:
    chair = _person(30, 4.0, height=0.8, width=0.9)
    small, tall = _person(30, 0.0, height=1.5), _person(30, 2.0, height=1.9)
    joints, confidence = select_tracked(from_dense(np.stack([chair, small, tall]), body_ids=["c", "s", "t"]), 2)
    np.testing.assert_array_equal(joints, np.stack([tall, small]).astype(np.float32))
    assert confidence is None


def test_tracked_keeps_the_place_of_somebody_who_comes_and_goes() -> None:
    first, second = _person(40, 0.0, height=1.9), _person(40, 2.0)
    present = np.ones((2, 40), bool)
    present[1, 5:9] = False
    present[1, 20:35] = False
    ids = np.array([["a"] * 40, ["b"] * 20 + ["z"] * 20], object)  # and they come back under another ID
    joints, _ = select_tracked(from_dense(np.stack([first, second])[::-1], present[::-1], ids[::-1]), 2)
    assert (joints[0] == first.astype(np.float32)).all()
    assert ((joints[1] != 0).any(axis=(1, 2)) == present[1]).all()
    assert (joints[1][present[1]] == second[present[1]].astype(np.float32)).all()


def test_tracked_gives_a_late_stranger_the_free_place() -> None:
    """Whoever comes far away and long after the second has left takes their place; with none free they are left out."""
    first, second, third = _person(80, 0.0, height=1.9), _person(80, 2.0), _person(80, 5.0)
    present = np.ones((3, 80), bool)
    present[1, 20:] = False
    present[2, :60] = False
    joints, _ = select_tracked(from_dense(np.stack([first, second, third]), present, body_ids=["a", "b", "c"]), 2)
    assert joints.shape[0] == 2
    assert joints[1, [0, 19, 60, 79], 0, 0].tolist() == [2, 2, 5, 5]
    assert not joints[1, 20:60].any()
    present[1, 20:61] = True
    joints, _ = select_tracked(from_dense(np.stack([first, second, third]), present, body_ids=["a", "b", "c"]), 2)
    assert not joints[1, 61:].any()


def test_tracked_takes_confidence_along_and_may_find_nobody() -> None:
    people = np.stack([_person(12, 0.0, height=1.5), _person(12, 2.0)])
    confidence = np.arange(96).reshape(2, 12, 4)
    _, kept = select_tracked(from_dense(people, confidence=confidence), 1)
    assert kept is not None
    assert kept[0].tolist() == confidence[1].tolist()
    assert select_tracked(Recording(np.zeros((2, 2, 3)), np.array([0, 1]), np.array([0, 0]), 2), 2)[0].shape[0] == 0


@pytest.mark.parametrize("action", range(1, len(ACTIONS) + 1))
def test_tracked_follows_generated_people_and_no_ghosts(action: int) -> None:
    """All have a ghost, gaps and IDs that change; a person's IDs differ by 100, a ghost's is above 60,000."""
    sensor = Sensor(ghosts=1.0, new_ids=0.7, gaps=0.7)
    for _, recording in record_take(1, action, 1, action, sensor=sensor, seed=1):
        numbers = np.array([int(name) for name in recording.body_ids]) - 72057594037927936
        person = (numbers - numbers.min()) % 100
        joints, _ = select_tracked(recording, 2)
        hits = [(body[recording.frames] == recording.joints.astype(np.float32)).all(axis=(1, 2)) for body in joints]
        place = np.select(hits, list(range(len(hits))), -1)
        assert (place[numbers > 60_000] == -1).all()
        people = set(person[numbers <= 60_000].tolist())
        assert len(people) == (1 if ACTIONS[action - 1].partner is None else 2) == len(joints)
        places = [set(place[(person == one) & (numbers <= 60_000)].tolist()) for one in people]
        assert all(len(own) == 1 for own in places)
        assert -1 not in set.union(*places)
