from __future__ import annotations

import numpy as np
import pytest

from dualhead.data.bodies.ghosts import keep_people, motion, movement, wide_share


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


def walker(frames: int = 90, way: float = 3.2, wait: int = 30, height: float = 1.8) -> np.ndarray:
    """A person who waits, walks and waits again."""
    place = np.concatenate([np.zeros(wait), np.linspace(0, way, frames - 2 * wait), np.full(wait, way)])
    joints = person(frames, height)
    joints[..., 0] += place[:, None]
    return joints


def test_movement_is_the_variance_over_time_times_the_frames() -> None:
    joints = person(4)
    assert movement(joints) == 0.0
    joints[..., 2] += np.array([[1], [3], [1], [3]])  # every joint: variance 1
    assert movement(joints) == pytest.approx(4.0)


def test_each_test_leaves_a_ghost_out() -> None:
    chair, flash, pole = person(20, 0.8, 0.8), person(11), person(20, 0.4, 0.1)
    assert wide_share(chair) == 1.0
    assert motion(pole) < 0.089925
    actor = walker(40, 0.5, 10)
    for ghost in (chair, flash, pole):
        assert keep_people([ghost, actor]) == [1]
    assert keep_people([person(12), actor]) == [1, 0]


@pytest.mark.parametrize("way", [0.0, 1.0, 3.2, 6.0])
def test_somebody_who_walks_stays_beside_a_ghost(way: float) -> None:
    """Beyond 2 square metres of motion too, which CTR-GCN's code knows as a limit and does not apply."""
    pole = person(90, 0.6, 0.2)  # motion 0.1
    assert (motion(walker(way=way)) > 2) == (way > 3)
    assert keep_people([pole, walker(way=way)]) == [1, 0]
    assert keep_people([walker(way=way), pole]) == [0, 1]


def test_the_main_actor_stays_beside_an_upright_ghost_however_wide() -> None:
    lying = walker(90, 1.0, height=0.4)
    assert wide_share(lying) == 1.0
    assert set(keep_people([person(90), lying])) == {0, 1}
    still_and_wide = person(90, 0.4)
    assert keep_people([walker(), still_and_wide]) == [0]


def test_the_main_actor_stays_however_small() -> None:
    crouching = walker(90, 0.3, height=0.5)
    crouching[..., 0] *= 0.5
    assert motion(crouching) < 0.089925
    assert set(keep_people([person(90), crouching])) == {0, 1}


def test_the_unit_scales_the_least_size() -> None:
    """In pixels of 1/100 metre a person covers 10,000 times the square metres."""
    small = [walker() * 100, person(20, 0.4, 0.1) * 100]
    assert keep_people(small, metre=100.0) == [0]
    assert keep_people(small) == [0, 1]


def test_two_people_who_act_both_stay() -> None:
    assert set(keep_people([walker(), person(20, 0.8, 0.8), walker(way=6.0)])) == {0, 2}


def test_a_test_that_nobody_passes_is_not_held() -> None:
    assert keep_people([person(5), person(6)]) == [1, 0]
    assert keep_people([person(20, 0.8, 0.8)]) == [0]
    assert keep_people([]) == []


def test_frames_times_motion_rank_and_ties_keep_their_order() -> None:
    assert keep_people([person(20), person(40), person(20)]) == [1, 0, 2]
    assert keep_people([person(12, 2.0), person(40, 1.5)]) == [1, 0]
