from __future__ import annotations

import numpy as np
import pytest

from dualhead.formats.axes import off_zero, stand_up
from dualhead.skeletons.skeleton import skeleton_of_tree

STICK = skeleton_of_tree(
    "stick", "hip head<hip foot<hip hand<hip", centre="hip", origin="hip", spine=None, shoulders=None, dimensions=3
)


def pose(up: tuple[float, float, float]) -> np.ndarray:
    """A head 0.8 above and a foot 0.8 below the hip, along a direction; a hand to the side."""
    direction = np.array(up)
    middle = np.array([1.0, 2.0, 3.0])
    return np.array([[middle, middle + 0.8 * direction, middle - 0.8 * direction, middle + np.array([0.5, 0, 0])]])


@pytest.mark.parametrize("up", [(0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1)])
def test_the_head_comes_up(up: tuple[float, float, float]) -> None:
    turned, note = stand_up(pose(up), STICK, ("head",), ("foot",))
    assert (turned[0, 1] - turned[0, 2]).tolist() == pytest.approx([0, 1.6, 0])
    assert (note == "") == (up == (0, 1, 0))


def test_nobody_is_mirrored() -> None:
    for up in ((0, -1, 0), (0, 0, 1), (0, 0, -1)):
        before = pose(up)[0] - pose(up)[0, 0]
        turned, _ = stand_up(pose(up), STICK, ("head",), ("foot",))
        after = turned[0] - turned[0, 0]
        third = np.cross(before[1], before[3]), np.cross(after[1], after[3])
        rotation = np.linalg.lstsq(np.stack([*before[[1, 3]], third[0]]), np.stack([*after[[1, 3]], third[1]]))[0]
        assert np.linalg.det(rotation) == pytest.approx(1)


def test_what_is_not_clear_stays() -> None:
    for up in ((1, 0, 0), (0, 0.7, 0.7)):
        turned, note = stand_up(pose(up), STICK, ("head",), ("foot",))
        assert note == ""
        assert (turned == pose(up)).all()
    assert stand_up(np.zeros((1, 4, 3)), STICK, ("head",), ("foot",))[1] == ""


def test_a_root_at_zero_is_not_absent() -> None:
    joints = np.array([[[0, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 0]]], float)
    moved, note = off_zero(joints)
    assert moved[0].tolist() == [[0, 0, 4], [0, 1, 4], [0, -1, 4], [0, 0, 0]]  # the hand stays absent
    assert note
    assert off_zero(joints + 1)[1] == ""
    assert off_zero(np.zeros((0, 4, 3)))[1] == ""
