from __future__ import annotations

import numpy as np
import pytest

from dualhead.skeleton import NTU25
from dualhead.synthetic.body import CHANNEL, CHANNELS, Build, pose, rotation, stand

BUILD = Build.of_height(2.0)


def bent(frames: int = 1, **degrees: float | np.ndarray) -> np.ndarray:
    angles = np.zeros((frames, len(CHANNELS)))
    for name, value in degrees.items():
        angles[:, CHANNEL[name]] = value
    return angles


def at(joints: np.ndarray, name: str) -> np.ndarray:
    return joints[..., NTU25.joints.index(name), :]


def test_rotation_is_right_handed() -> None:
    assert rotation(0, np.array([90.0]))[0] @ [0, 1, 0] == pytest.approx([0, 0, 1])
    assert rotation(1, np.array([90.0]))[0] @ [0, 0, 1] == pytest.approx([1, 0, 0])
    assert rotation(2, np.array([90.0]))[0] @ [1, 0, 0] == pytest.approx([0, 1, 0])


def test_standing_body_has_its_heights() -> None:
    joints = stand(bent(), BUILD)[0]
    assert at(joints, "left_ankle")[1] == pytest.approx(0.078)  # 0.039 of 2 m
    assert at(joints, "left_knee")[1] == pytest.approx(0.078 + 0.472)
    assert at(joints, "left_hip")[1] == pytest.approx(0.078 + 0.472 + 0.49)
    trunk = at(joints, "spine_shoulder") - at(joints, "spine_base")
    assert trunk == pytest.approx([0, 0.576, 0])
    assert at(joints, "spine_base")[[0, 2]] == pytest.approx([0, 0])


def test_right_is_positive_x_and_forward_is_negative_z() -> None:
    joints = stand(bent(), BUILD)[0]
    assert at(joints, "right_shoulder")[0] == pytest.approx(0.21)
    assert at(joints, "left_shoulder")[0] == pytest.approx(-0.21)
    assert at(joints, "right_foot")[2] < at(joints, "right_ankle")[2]


@pytest.mark.parametrize(
    ("channel", "joint", "parent", "direction"),
    [
        ("right_raise", "right_elbow", "right_shoulder", [0, 0, -1]),
        ("left_raise", "left_elbow", "left_shoulder", [0, 0, -1]),
        ("right_spread", "right_elbow", "right_shoulder", [1, 0, 0]),
        ("left_spread", "left_elbow", "left_shoulder", [-1, 0, 0]),
        ("right_elbow", "right_wrist", "right_elbow", [0, 0, -1]),
        ("right_hip", "right_knee", "right_hip", [0, 0, -1]),
        ("left_knee", "left_ankle", "left_knee", [0, 0, 1]),
        ("left_open", "left_knee", "left_hip", [-1, 0, 0]),
    ],
)
def test_a_right_angle_turns_a_limb(channel: str, joint: str, parent: str, direction: list[float]) -> None:
    joints = pose(bent(**{channel: 90.0}), BUILD)[0]
    bone = at(joints, joint) - at(joints, parent)
    assert bone / np.linalg.norm(bone) == pytest.approx(direction, abs=1e-9)


def test_roll_turns_a_bent_forearm_inward_on_both_sides() -> None:
    joints = pose(bent(right_elbow=90.0, right_roll=90.0, left_elbow=90.0, left_roll=90.0), BUILD)[0]
    for side, inward in (("right", -1), ("left", 1)):
        forearm = at(joints, f"{side}_wrist") - at(joints, f"{side}_elbow")
        assert forearm == pytest.approx([inward * 0.292, 0, 0], abs=1e-9)


def test_bend_tilt_and_turn_have_their_signs() -> None:
    assert at(pose(bent(bend=60.0), BUILD)[0], "neck")[2] < -0.2
    assert at(pose(bent(tilt=30.0), BUILD)[0], "neck")[0] > 0.2
    nose = at(pose(bent(turn=90.0), BUILD)[0], "head")  # the head's middle is a little before the neck
    assert nose[0] == pytest.approx(-0.03)


def test_bones_keep_their_lengths_in_any_pose() -> None:
    angles = np.random.default_rng(0).uniform(-90, 90, (50, len(CHANNELS)))
    joints = stand(angles, BUILD)
    child, parent = np.array(NTU25.edges).T
    lengths = np.linalg.norm(joints[:, child] - joints[:, parent], axis=-1)
    stiff = [i for i, (a, _) in enumerate(NTU25.edges) if not NTU25.joints[a].startswith(("left_thumb", "right_thumb"))]
    trunk = {NTU25.edges.index((0, 1)), NTU25.edges.index((1, 20))}
    for edge in set(stiff) | trunk:
        if not NTU25.joints[NTU25.edges[edge][0]].endswith("hand_tip"):
            assert np.ptp(lengths[:, edge]) < 1e-9, NTU25.edges[edge]


def test_the_lower_foot_rests_on_the_floor() -> None:
    joints = stand(bent(right_hip=60.0, right_knee=30.0), BUILD)[0]
    assert at(joints, "left_ankle")[1] == pytest.approx(0.078)
    assert at(joints, "right_ankle")[1] > 0.2


def test_bent_legs_lower_the_body_and_feet_do_not_slide() -> None:
    sink = np.linspace(0, 90, 30)
    joints = stand(bent(30, left_hip=sink, right_hip=sink, left_knee=sink, right_knee=sink), BUILD)
    assert at(joints, "spine_base")[0, 1] - at(joints, "spine_base")[-1, 1] == pytest.approx(0.49)
    assert np.ptp(at(joints, "left_ankle"), axis=0) == pytest.approx([0, 0, 0], abs=1e-9)
    assert at(joints, "spine_base")[-1, 2] == pytest.approx(0.49)  # backward, by the length of the thigh


def test_advance_and_yaw_move_the_whole_body() -> None:
    joints = stand(bent(advance=0.5, yaw=90.0), BUILD)[0]
    assert at(joints, "spine_base")[[0, 2]] == pytest.approx([-0.5, 0])  # forward is now the camera's -x
    assert stand(bent(lift=0.3), BUILD)[0, 0, 1] - stand(bent(), BUILD)[0, 0, 1] == pytest.approx(0.3)
