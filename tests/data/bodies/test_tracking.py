from __future__ import annotations

import numpy as np
import pytest

from dualhead.data.bodies.tracking import find_people, unit
from dualhead.formats.recording import Recording, from_dense


def people_at(*paths: list[float | None], ids: list[list[str]] | None = None) -> Recording:
    """Bodies of two joints 2 m high whose centre is at x = the path, absent where it is None."""
    count, frames = len(paths), len(paths[0])
    joints = np.zeros((count, frames, 2, 3))
    present = np.array([[place is not None for place in path] for path in paths])
    for body, path in enumerate(paths):
        for frame, place in enumerate(path):
            joints[body, frame] = [[place or 0, 1, 3], [place or 0, 3, 3]]
    names = ids or [[f"{body}"] * frames for body in range(count)]
    return from_dense(joints, present, np.array(names, object))


def paths(recording: Recording) -> list[list[tuple[int, float]]]:
    """Each person's frames and places."""
    return [
        [(int(recording.frames[row]), float(recording.joints[row, 0, 0])) for row in rows]
        for rows in find_people(recording)
    ]


def test_one_id_is_one_person() -> None:
    assert paths(people_at([0.0, 0.1, 0.2])) == [[(0, 0.0), (1, 0.1), (2, 0.2)]]
    assert find_people(people_at([None, None])) == []


def test_a_person_is_followed_to_another_id() -> None:
    changed = people_at([1.0, 1.1, None, 1.2], ids=[["7", "7", "x", "8"]])
    assert paths(changed) == [[(0, 1.0), (1, 1.1), (3, 1.2)]]


def test_two_people_who_change_ids_are_followed() -> None:
    swapped = people_at([0.0] * 4, [2.0] * 4, ids=[["a", "a", "b", "b"], ["b", "b", "a", "a"]])
    assert paths(swapped) == [[(frame, 0.0) for frame in range(4)], [(frame, 2.0) for frame in range(4)]]


def test_both_get_new_ids_in_the_same_frame() -> None:
    renamed = people_at([0.0] * 4, [0.6] * 4, ids=[["a", "a", "c", "c"], ["b", "b", "d", "d"]])
    assert paths(renamed) == [[(frame, 0.0) for frame in range(4)], [(frame, 0.6) for frame in range(4)]]


@pytest.mark.parametrize(
    ("gap", "distance", "people"),
    [
        (1, 0.29, 1),
        (1, 0.31, 2),  # 0.3 m in one frame
        (3, 0.49, 1),
        (3, 0.51, 2),  # 0.1 m more for each frame without
        (20, 0.99, 1),
        (20, 1.01, 2),  # 1 m at most
        (30, 0.5, 1),
        (31, 0.5, 2),  # after a second it is somebody else
    ],
)
def test_how_far_and_how_long_a_new_id_is_followed(gap: int, distance: float, people: int) -> None:
    path = [0.0, *[None] * (gap - 1), distance]
    assert len(find_people(people_at(path, ids=[["a", *["b"] * gap]]))) == people


def test_the_same_id_is_kept_over_any_gap_unless_it_jumps() -> None:
    assert len(find_people(people_at([0.0, *[None] * 99, 3.0]))) == 1
    assert len(find_people(people_at([0.0, 0.0, 3.0, 3.0]))) == 2


def test_an_id_twice_in_a_frame_counts_as_two() -> None:
    twins = people_at([0.0, 0.0], [2.0, 2.0], ids=[["a", "a"], ["a", "a"]])
    assert paths(twins) == [[(0, 0.0), (1, 0.0)], [(0, 2.0), (1, 2.0)]]


def test_without_ids_the_place_in_the_file_stands_for_one() -> None:
    recording = people_at([0.0] * 3, [2.0] * 3)
    plain = Recording(recording.joints, recording.frames, recording.slots, 3)
    assert [len(person) for person in find_people(plain)] == [3, 3]


def test_empty_observations_belong_to_nobody() -> None:
    recording = people_at([1.0, 1.0, 1.0])
    recording.joints[1] = 0
    assert [person.tolist() for person in find_people(recording)] == [[0, 2]]


def test_flat_coordinates_are_measured_by_the_people() -> None:
    assert unit(np.zeros((3, 2, 3))) == 1.0
    assert unit(np.zeros((3, 2, 2))) == 1.0
    joints = np.zeros((2, 3, 2))
    joints[:, 1, 1] = 340.0
    joints[:, 2] = 0  # a missing joint
    joints[:, 0, 0] = 1.0
    assert unit(joints) == pytest.approx(200.0)
