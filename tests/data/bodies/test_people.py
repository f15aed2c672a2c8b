from __future__ import annotations

import numpy as np
import pytest

from dualhead.data.bodies.people import follow_people, place_people, select_people
from dualhead.data.bodies.selection import get_selection
from dualhead.formats.recording import Recording, from_dense


def standing(x: list[float], y: float = 0.5) -> np.ndarray:
    """A body of 4 joints that is 0.4 high, at x over time: `(T, 4, 2)`. A metre is 0.4 / 1.7 = 0.235 of the image."""
    shape = np.array([[0.0, -0.2], [0.02, -0.1], [-0.02, 0.1], [0.0, 0.2]])
    return np.stack([shape + np.array([place, y]) for place in x])


def mixed(*bodies: np.ndarray, order: list[list[int]], scores: list[float] | None = None) -> Recording:
    """Bodies `(T, V, 2)` whose order in each frame is given; with a score each."""
    joints, frames, slots, confidence = [], [], [], []
    for frame, numbers in enumerate(order):
        for slot, number in enumerate(numbers):
            joints.append(bodies[number][frame])
            frames.append(frame)
            slots.append(slot)
            confidence.append([1.0 if scores is None else scores[number]] * 4)
    return Recording(
        np.array(joints), np.array(frames), np.array(slots), len(order),
        confidence=None if scores is None else np.array(confidence),
    )  # fmt: skip


def test_people_are_followed_though_their_order_changes() -> None:
    left, right = standing([0.2, 0.21, 0.22, 0.23]), standing([0.8, 0.79, 0.78, 0.77])
    recording = mixed(left, right, order=[[0, 1], [1, 0], [1, 0], [0, 1]])
    assert [person.tolist() for person in follow_people(recording)] == [[0, 3, 5, 6], [1, 2, 4, 7]]
    joints, _ = select_people(recording, 2)
    np.testing.assert_allclose(joints, np.stack([left, right]), rtol=1e-6)


def test_the_nearest_pair_is_joined_first() -> None:
    """At 0.50 and 0.53, then 0.52 and 0.545: one by one in the file's order the first would take the wrong one."""
    one, other = standing([0.5, 0.52]), standing([0.53, 0.545])
    recording = mixed(one, other, order=[[1, 0], [0, 1]])
    assert [person.tolist() for person in follow_people(recording)] == [[0, 2], [1, 3]]


def test_a_joint_that_is_lost_does_not_lose_the_person() -> None:
    body = standing([0.2, 0.2, 0.2])
    body[1, 2:] = 0  # half of the body: its centre jumps by 0.15, more than 0.3 m, but no joint moves
    assert len(follow_people(mixed(body, order=[[0], [0], [0]]))) == 1


def test_who_jumps_or_is_away_too_long_is_somebody_new() -> None:
    """0.3 m, that is 0.07 of the image, in one frame; 0.1 m more for each frame away; at most 30 frames."""
    assert len(follow_people(mixed(standing([0.2, 0.265]), order=[[0], [0]]))) == 1
    assert len(follow_people(mixed(standing([0.2, 0.28]), order=[[0], [0]]))) == 2
    for away, people in ((1, 1), (29, 1), (30, 2)):
        order = [[0], *([[]] * away), [0]]
        assert len(follow_people(mixed(standing([0.2] * len(order)), order=order))) == people


def test_people_are_ranked_by_their_scores() -> None:
    bodies = standing([0.2] * 3), standing([0.8] * 3)
    joints, confidence = select_people(mixed(*bodies, order=[[0, 1]] * 3, scores=[0.4, 0.9]), 2)
    assert joints[:, 0, 0, 0].tolist() == pytest.approx([0.8, 0.2])
    assert confidence is not None
    assert confidence[:, 0, 0].tolist() == pytest.approx([0.9, 0.4])
    alone, _ = select_people(mixed(*bodies, order=[[0, 1], [0], [0]], scores=[0.4, 0.9]), 1)
    assert alone[:, 0, 0, 0].tolist() == pytest.approx([0.2])  # 3 frames of 0.4 are more than one of 0.9


def test_ids_are_believed() -> None:
    """Somebody who jumps in a dense recording goes on under the same ID, as `find_people` says."""
    joints = np.stack([standing([0.2, 0.21, 0.22]), standing([0.8, 0.8, 0.8])])
    recording = from_dense(joints, body_ids=["a", "b"])
    np.testing.assert_allclose(get_selection("people")(recording, 2)[0], joints, rtol=1e-6)


def test_people_who_are_never_there_together_share_a_place() -> None:
    recording = mixed(standing([0.2] * 4), standing([0.8] * 4), order=[[0], [0], [1], [1]])
    people = follow_people(recording)
    assert len(people) == 2
    joints, _ = place_people(recording, people, 2)
    assert joints.shape == (1, 4, 4, 2)
    assert joints[0, :, 0, 0].tolist() == pytest.approx([0.2, 0.2, 0.8, 0.8])


def test_nobody() -> None:
    recording = Recording(np.zeros((0, 4, 2)), np.zeros(0, np.int64), np.zeros(0, np.int64), 5)
    assert follow_people(recording) == []
    assert select_people(recording, 2)[0].shape == (0, 5, 4, 2)
