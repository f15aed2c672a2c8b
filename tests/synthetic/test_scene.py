from __future__ import annotations

import numpy as np
import pytest

from dualhead.skeleton import NTU25
from dualhead.synthetic.actions import ACTIONS
from dualhead.synthetic.performer import make_performer
from dualhead.synthetic.scene import Setup, film, make_setup, perform


def test_camera_1_sees_the_stage_from_the_front() -> None:
    level = Setup(height=0.9, distance=3.0)  # at 0.9 m a camera looks straight ahead
    seen = film(np.array([[0.0, 0.9, 0.0], [0.2, 1.4, -0.5]]), level, 1)
    assert seen[0] == pytest.approx([0, 0, 3])
    assert seen[1] == pytest.approx([0.2, 0.5, 2.5])


def test_side_cameras_stand_at_45_degrees() -> None:
    level = Setup(height=0.9, distance=3.0)
    diagonal = np.array([-1.0, 0.9, -1.0]) / np.array([np.sqrt(2), 1, np.sqrt(2)])  # 1 m off, to the front and -x
    near = {camera: float(film(diagonal, level, camera)[2]) for camera in (1, 2, 3)}
    assert near == pytest.approx({1: 3 - np.sqrt(0.5), 2: 3.0, 3: 2.0})


def test_a_high_camera_looks_down_at_the_middle() -> None:
    seen = film(np.array([0.0, 0.9, 0.0]), Setup(height=1.9, distance=2.0), 1)
    assert seen == pytest.approx([0, 0, np.sqrt(5)])


def test_setups_differ() -> None:
    assert len({make_setup(number) for number in range(1, 5)}) == 4
    assert all(1.0 <= make_setup(n).height <= 1.9 and 2.4 <= make_setup(n).distance <= 3.9 for n in range(1, 33))


def test_a_performer_stands_on_the_floor_near_the_middle() -> None:
    for action in ACTIONS:
        cast = [make_performer(1, 0), make_performer(2, 0)]
        joints = perform(action, cast, 30.0, np.random.default_rng(0))
        assert joints.shape[0] == (2 if action.partner else 1)
        assert joints.shape[2:] == (NTU25.num_joints, 3)
        assert 30 <= joints.shape[1] <= 120
        assert -0.1 < joints[..., 1].min() < 0.12, action.name
        assert 0.7 < joints[..., 1].max() < 2.7, action.name
        assert np.abs(joints[..., [0, 2]].mean(axis=(1, 2))).max() < 1.2, action.name


def test_facing_turns_to_the_cameras() -> None:
    still = next(action for action in ACTIONS if action.name == "hold a tray")
    for facing, camera in ((0.0, 1), (45.0, 3), (-45.0, 2)):
        joints = perform(still, [make_performer(1, 0)], facing, np.random.default_rng(0))
        seen = film(joints, Setup(height=0.9, distance=3.0), camera)[0]
        hips = seen[:, NTU25.joints.index("right_hip")] - seen[:, NTU25.joints.index("left_hip")]
        assert hips.mean(axis=0)[2] == pytest.approx(0, abs=0.02)
        assert hips.mean(axis=0)[0] > 0.1


def test_hands_meet_when_people_shake_them() -> None:
    action = next(action for action in ACTIONS if action.name == "shake hands")
    left, right = NTU25.joints.index("left_hand"), NTU25.joints.index("right_hand")
    for number in range(1, 11):
        cast = [make_performer(number, 0), make_performer(number + 50, 0)]
        joints = perform(action, cast, 90.0, np.random.default_rng(number))
        hands = [joints[i, :, right if cast[i].right_handed else left] for i in (0, 1)]
        distance = np.linalg.norm((hands[0] - hands[1])[:, [0, 2]], axis=-1)
        assert distance.min() < 0.12
        assert distance[0] > 0.4
