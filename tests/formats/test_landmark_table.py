from __future__ import annotations

import numpy as np
import pytest

from dualhead.formats.landmark_table import find_columns, joint_aliases, read_landmarks, squash
from dualhead.runtime.errors import FormatError
from dualhead.skeleton import HAND21, MEDIAPIPE33, NTU25, Skeleton

PAIR = Skeleton(
    name="pair", joints=("left_hand", "left_hand_tip"), parents=(0, 0), edges=((1, 0),), mirror=(), centre=0, origin=0,
    spine=None, shoulders=None, dimensions=3,
)  # fmt: skip


def read(header: str, *lines: str, skeleton: Skeleton = PAIR) -> list[np.ndarray]:
    columns = find_columns(header.split(","), skeleton)
    assert columns is not None
    rows = [(number, line.split(",")) for number, line in enumerate(lines, 2)]
    table = read_landmarks(rows, columns, skeleton, "x")
    return [table.frames, table.points]


def test_ways_to_write_a_joint() -> None:
    aliases = joint_aliases(NTU25)
    for name in ("left_hand_tip", "HandTipLeft", "HAND_TIP_LEFT", "LeftHandTip", "hand_tip_l"):
        assert aliases[squash(name)] == NTU25.joints.index("left_hand_tip")
    assert aliases[squash("SpineBase")] == 0


@pytest.mark.parametrize(
    "form", ["x_{}", "x{}", "{}_x", "landmark_{}_x", "pose_{}_x", "LM{}.x", "X_{}", "keypoint {} x"]
)
def test_numbered_columns(form: str) -> None:
    names = [form.format(joint).replace("x", axis).replace("X", axis) for joint in range(33) for axis in "xy"]
    columns = find_columns(names, MEDIAPIPE33)
    assert columns is not None
    assert (columns.coordinates[5, "x"], columns.coordinates[32, "y"]) == (10, 65)
    assert (columns.dimensions, columns.has_confidence) == (2, False)


def test_columns_from_one() -> None:
    names = ["class", *(f"{axis}{joint}" for joint in range(1, 34) for axis in "xyzv")]
    columns = find_columns(names, MEDIAPIPE33)
    assert columns is not None
    assert columns.coordinates[0, "x"] == 1
    assert columns.coordinates[32, "confidence"] == 132
    assert (columns.dimensions, columns.class_name) == (3, 0)


@pytest.mark.parametrize("form", ["{}_X", "{}.X", "{}X", "{}_PositionX", "{} Position X"])
def test_named_columns(form: str) -> None:
    columns = find_columns([form.format(n).replace("X", a) for n in ("HandLeft", "HandTipLeft") for a in "XYZ"], PAIR)
    assert columns is not None
    assert columns.coordinates == {(0, "x"): 0, (0, "y"): 1, (0, "z"): 2, (1, "x"): 3, (1, "y"): 4, (1, "z"): 5}


def test_what_is_no_table_of_joints() -> None:
    assert find_columns(["x_0", "y_0"], PAIR) is None
    assert find_columns([f"{axis}_{joint}" for joint in range(33) for axis in "xy"], HAND21) is None  # more than 21
    assert find_columns(["a", "b"], PAIR) is None
    assert find_columns([], PAIR) is None


WIDE = "frame,left_hand_x,left_hand_y,left_hand_z,left_hand_tip_x,left_hand_tip_y,left_hand_tip_z"


def test_lines_are_frames() -> None:
    frames, points = read(WIDE, "3,1,2,3,4,5,6", "5,1,2,3,,,nan")
    assert frames.tolist() == [3, 5]
    assert points[0].tolist() == [[1, 2, 3], [4, 5, 6]]
    assert np.isnan(points[1, 1]).all()


LONG = "Time,JointID,X,Y,Z,TrackingState"


def test_a_line_a_joint() -> None:
    frames, points = read(LONG, "0,0,1,2,3,2", "0,1,4,5,6,2", "1,1,7,8,9,2", "1,HandLeft,1,1,1,0")
    assert frames.tolist() == [0, 1]
    assert points[0].tolist() == [[1, 2, 3], [4, 5, 6]]
    assert np.isnan(points[1, 0]).all()  # not tracked
    assert points[1, 1].tolist() == [7, 8, 9]


def test_a_state_that_is_always_0_says_nothing() -> None:
    _, points = read(LONG, "0,0,1,2,3,0", "0,1,4,5,6,0")
    assert np.isfinite(points).all()


def test_joints_that_come_again_are_of_another_body() -> None:
    frames, _ = read("Time,JointID,X,Y,Z", "0,0,1,2,3", "0,1,1,2,3", "0,0,9,9,9", "0,1,9,9,9")
    assert frames.tolist() == [0, 0]
    frames, _ = read("JointID,X,Y,Z", "0,1,2,3", "1,1,2,3", "0,9,9,9", "1,9,9,9")
    assert frames.tolist() == [0, 1]  # without a time it is the next frame


@pytest.mark.parametrize(
    ("header", "line", "reason"),
    [
        (WIDE, "0,1,2,3,4,5", "6 cells"),
        (WIDE, "0,1,2,3,4,5,six", "'six' is not a number"),
        (WIDE, "x,1,2,3,4,5,6", "'x' is not a number"),
        (WIDE, "-1,1,2,3,4,5,6", "frame '-1'"),
        (WIDE, "0,1,2,3,4,5,1e99", "far too large"),
        (LONG, "0,7,1,2,3,2", "'7' is not a joint"),
        (LONG, "0,Tail,1,2,3,2", "'Tail' is not a joint"),
    ],
)
def test_damage_names_the_line(header: str, line: str, reason: str) -> None:
    with pytest.raises(FormatError, match=reason) as caught:
        read(header, line)
    assert caught.value.line == 2


def test_nothing_below_the_names() -> None:
    with pytest.raises(FormatError, match="no line"):
        read(WIDE)
