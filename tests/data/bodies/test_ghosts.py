from __future__ import annotations

import numpy as np
import pytest

from dualhead.data.bodies.ghosts import keep_people, motion, wide_share


def person(frames: int = 20, height: float = 1.8, width: float = 0.5, at: float = 0.0) -> np.ndarray:
    """Four joints at the corners of a rectangle that stands still: variance (width / 2)^2 + (height / 2)^2."""
    corners = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]) * (width, height)
    joints = np.zeros((frames, 4, 3))
    joints[..., :2] = corners + np.array([at, 0])
    return joints


def test_motion_is_the_sum_of_variances() -> None:
    joints = np.zeros((2, 2, 3))
    joints[..., 0] = [[1, 3], [1, 3]]  # variance 1
    joints[..., 1] = [[0, 0], [4, 4]]  # variance 4
    assert motion(joints) == pytest.approx(5.0)
    assert motion(person()) == pytest.approx(0.25**2 + 0.9**2)


def test_wide_frames_are_those_wider_than_four_fifths_of_their_height() -> None:
    joints = np.concatenate([person(3, 1.0, 0.79), person(1, 1.0, 0.81)])
    assert wide_share(joints) == 0.25


def test_each_test_leaves_a_ghost_out() -> None:
    chair, flash, pole = person(20, 0.8, 0.8), person(10), person(20, 0.4, 0.1)
    assert wide_share(chair) == 1.0
    assert motion(pole) < 0.089925
    for ghost in (chair, flash, pole, person(20, 4.0)):
        assert keep_people([ghost, person()]) == [1]


def test_a_test_that_nobody_passes_is_not_held() -> None:
    assert keep_people([person(5), person(6)]) == [1, 0]
    assert keep_people([person(20, 0.8, 0.8)]) == [0]
    assert keep_people([]) == []


def test_frames_times_motion_rank_and_ties_keep_their_order() -> None:
    assert keep_people([person(20), person(40), person(20)]) == [1, 0, 2]
    assert keep_people([person(12, 2.0), person(40, 1.5)]) == [1, 0]


def test_the_unit_scales_the_limits_of_motion() -> None:
    """In pixels of 1/100 metre a person moves 10,000 times the square metres."""
    small = [person() * 100, person(20, 0.4, 0.1) * 100]
    assert keep_people(small, metre=100.0) == [0]
    assert keep_people(small) == [0, 1]  # nobody is below the limit, so the test is not held
