from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from dualhead.skeleton import NTU25
from dualhead.synthetic.actions import ACTIONS
from dualhead.synthetic.performer import make_performer
from dualhead.synthetic.scene import Setup, film, perform
from dualhead.synthetic.sensor import Sensor

PERFECT = Sensor(noise=0, jumps=0, gaps=0, new_ids=0, ghosts=0)


@pytest.fixture
def people() -> np.ndarray:
    joints = perform(ACTIONS[2], [make_performer(1, 0)], 0.0, np.random.default_rng(0))
    return film(joints, Setup(1.2, 3.0), 1)


def test_a_perfect_sensor_sees_what_is_there(people: np.ndarray) -> None:
    recording = PERFECT.record(people, np.random.default_rng(0))
    assert recording.dense([0]) == pytest.approx(people, abs=1e-6)
    assert recording.num_frames == people.shape[1]
    assert len(set(recording.body_ids)) == 1
    assert int(recording.body_ids[0]) > 2**53


def test_noise_is_as_large_as_said_and_remembers(people: np.ndarray) -> None:
    still = np.repeat(people[:, :1], 3000, axis=1)
    still[..., 2] = 3.0  # no joint behind another, all at 3 m
    noise = Sensor(noise=0.006, memory=0.6, jumps=0, gaps=0, new_ids=0, ghosts=0).record(
        still, np.random.default_rng(0)
    )
    error = noise.dense([0])[0] - still[0]
    assert error[:, NTU25.joints.index("left_knee")].std() == pytest.approx(0.006, rel=0.05)
    assert error[:, NTU25.joints.index("right_hand_tip")].std() == pytest.approx(0.006 * 1.7, rel=0.05)
    knee = error[:, NTU25.joints.index("left_knee"), 0]
    assert np.corrcoef(knee[1:], knee[:-1])[0, 1] == pytest.approx(0.6, abs=0.05)


def test_far_bodies_are_noisier(people: np.ndarray) -> None:
    sensor = Sensor(jumps=0, gaps=0, new_ids=0, ghosts=0)
    far = people + np.array([0, 0, 3.0])
    errors = [sensor.record(x, np.random.default_rng(0)).dense([0]) - x for x in (people, far)]
    assert errors[1].std() > 2 * errors[0].std()


def test_a_lost_body_leaves_frames_empty(people: np.ndarray) -> None:
    sensor = Sensor(noise=0, jumps=0, gaps=1, new_ids=0, ghosts=0)
    recording = sensor.record(people, np.random.default_rng(3))
    gone = sorted(set(range(people.shape[1])) - set(recording.frames.tolist()))
    assert 1 <= len(gone) <= 8
    assert gone == list(range(gone[0], gone[0] + len(gone)))
    assert gone[0] > 0


def test_ids_change_once(people: np.ndarray) -> None:
    sensor = Sensor(noise=0, jumps=0, gaps=0, new_ids=1, ghosts=0)
    ids = sensor.record(people, np.random.default_rng(0)).body_ids
    assert len(set(ids)) == 2
    assert sum(a != b for a, b in pairwise(ids)) == 1


def test_ghosts_hardly_move_and_are_sometimes_listed_first(people: np.ndarray) -> None:
    sensor = Sensor(jumps=0, gaps=0, new_ids=0, ghosts=1)
    first = 0
    for seed in range(20):
        recording = sensor.record(people, np.random.default_rng(seed))
        persons = [name for name in recording.body_ids if recording.body_ids.count(name) == people.shape[1]]
        person = persons[0]
        mine = np.array([name == person for name in recording.body_ids])
        ghost = recording.joints[~mine]
        assert 0 < len(ghost) < people.shape[1]
        assert ghost.std(axis=0).max() < 0.05
        # smaller than the person, so that the choice by energy finds the person
        assert ghost.std(axis=(0, 1)).sum() < recording.joints[mine].std(axis=(0, 1)).sum()
        first += bool((recording.slots[mine] == 1).any())
    assert 4 <= first <= 16


def test_jumps_are_rare_and_large(people: np.ndarray) -> None:
    sensor = Sensor(noise=0, jumps=0.01, gaps=0, new_ids=0, ghosts=0)
    error = np.linalg.norm(sensor.record(people, np.random.default_rng(0)).dense([0]) - people, axis=-1)
    assert 0.01 < (error > 0.001).mean() < 0.03  # each lasts two frames
    assert np.median(error[error > 0.001]) > 0.08


def test_joints_behind_the_trunk_are_guessed(people: np.ndarray) -> None:
    hand = NTU25.joints.index("right_hand")
    hidden = people.copy()
    hidden[:, :, hand] = hidden[:, :, NTU25.joints.index("spine_mid")] + [0, 0, 0.2]
    sensor = Sensor(jumps=0, gaps=0, new_ids=0, ghosts=0)
    guessed = sensor.record(hidden, np.random.default_rng(0)).dense([0]) - hidden
    seen = sensor.record(people, np.random.default_rng(0)).dense([0]) - people
    assert guessed[0, :, hand].std() > 1.5 * seen[0, :, hand].std()
