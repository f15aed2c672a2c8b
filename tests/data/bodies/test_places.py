from __future__ import annotations

import numpy as np
import pytest

from dualhead.data.bodies.places import select_order, select_score
from dualhead.data.bodies.selection import get_selection
from dualhead.formats.recording import Recording, from_dense
from dualhead.runtime.errors import ConfigError


def people(*frames: dict[float, float]) -> Recording:
    """Per frame, the x of each person (all of one joint) and the score."""
    places = [
        (frame, slot, x, score) for frame, seen in enumerate(frames) for slot, (x, score) in enumerate(seen.items())
    ]
    frame, slot, x, score = (np.array(column) for column in zip(*places, strict=True)) if places else [np.zeros(0)] * 4
    joints = np.repeat(x[:, None, None], 2, axis=2).astype(np.float64)  # (B, 1, 2)
    return Recording(joints, frame.astype(int), slot.astype(int), len(frames), confidence=score[:, None].astype(float))


def test_the_surest_two_people_of_each_frame_are_kept() -> None:
    joints, confidence = select_score(people({1: 0.2, 2: 0.9, 3: 0.5}, {}, {4: 0.1}, {5: 0.3, 6: 0.3, 7: 0.3}), 2)
    assert joints[..., 0, 0].tolist() == [[2, 0, 4, 5], [3, 0, 0, 6]]
    assert confidence is not None
    np.testing.assert_allclose(confidence[..., 0], [[0.9, 0, 0.1, 0.3], [0.5, 0, 0, 0.3]])


def test_only_the_first_five_people_of_a_frame_count() -> None:
    joints, _ = select_score(people({1: 0.1, 2: 0.2, 3: 0.3, 4: 0.4, 5: 0.5, 6: 0.9}), 2)
    assert joints[..., 0, 0].tolist() == [[5], [4]]


def test_fewer_people_make_fewer_bodies() -> None:
    assert select_score(people({1: 0.1}, {}), 2)[0].shape == (1, 2, 1, 2)
    assert select_score(people({}, {}), 2)[0].shape[0] == 0


def test_scores_are_needed() -> None:
    with pytest.raises(ConfigError, match="'score'"):
        select_score(from_dense(np.ones((1, 2, 1, 3))), 2)


def test_order_keeps_the_first_bodies_in_their_places() -> None:
    joints = np.zeros((4, 3, 1, 3))
    joints[1, 1:], joints[2] = 1, 2
    kept, confidence = select_order(from_dense(joints, keep_places=True), 3)
    np.testing.assert_array_equal(kept, joints[:3])
    assert confidence is None
    assert select_order(from_dense(joints[:1], keep_places=True), 2)[0].shape == (0, 3, 1, 3)
    joints[:2] = joints[1::-1]
    assert select_order(from_dense(joints[[0, 3]], keep_places=True), 2)[0].shape == (1, 3, 1, 3)


def test_order_loses_nobody_to_an_empty_place() -> None:
    joints = np.zeros((4, 3, 1, 3))
    joints[2:] = [[[[1]]], [[[2]]]]
    for max_bodies in (2, 3):
        kept, _ = select_order(from_dense(joints, keep_places=True), max_bodies)
        np.testing.assert_array_equal(kept, joints[2:])
    np.testing.assert_array_equal(select_order(from_dense(joints, keep_places=True), 1)[0], joints[2:3])


def test_both_are_known_by_name() -> None:
    assert get_selection("order") is select_order
    assert get_selection("score") is select_score
