"""People, each in a place of their own: the selection for key points whose order changes from frame to frame."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from dualhead.data.bodies.tracking import LEAP, PAUSE, STEP, STRIDE, find_people, unit
from dualhead.formats.recording import Recording


def select_people(recording: Recording, max_bodies: int) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """Select the people seen in most frames, one place each: for 2D key points without an order.

    Observations are joined to people by their IDs (`tracking.find_people`), or where there are none from
    frame to frame (`follow_people`). People are ranked by the sum of their scores over all joints and frames, or by the
    number of joints seen where there are no scores, and get places in that order (`place_people`). Unlike `score`, a
    body is one person all the time; unlike `tracked`, no person is interpreted as a ghost: a joint that was not found
    would count as one in the corner of the image.

    Args:
        recording: The parsed recording.
        max_bodies: The most bodies to keep.

    Returns:
        Joints `(M, T, V, C)` and confidence `(M, T, V)` or None, M from 0 to `max_bodies`, all frames, zeros where
        no person is seen.
    """
    seen = recording.joints.any(axis=2) if recording.confidence is None else recording.confidence  # (B, V)
    weight = seen.sum(axis=1)  # (B,)
    people = find_people(recording) if recording.body_ids else follow_people(recording)
    order = np.argsort([-weight[rows].sum() for rows in people], kind="stable")
    return place_people(recording, [people[number] for number in order], max_bodies)


def follow_people(recording: Recording) -> list[NDArray[np.int64]]:
    """Join the observations of a recording to people where the order in a frame says nothing about who is who.

    Convention: frame by frame, each observation goes to the person whose last one is nearest, nearest pairs first. The
    distance is the mean over the joints that both have; it is at most 0.3 + 0.1 (n - 1) metres, and at most 1, where
    the person was last seen n frames before, n up to 30 (the limits of `tracking`). Who is near no person is
    a person new. Empty observations belong to no person.

    Args:
        recording: The parsed recording.

    Returns:
        For each person the rows of their observations, by frame, at most one a frame; the earliest person first.
    """
    present: NDArray[np.bool_] = np.any(recording.joints, axis=2)  # (B, V)
    rows = np.flatnonzero(present.any(axis=1))
    reach = unit(recording.joints)
    people: list[list[int]] = []
    near: list[int] = []  # the people seen within the last `PAUSE` frames
    for start, stop in _frames(recording.frames[rows]):
        here = rows[start:stop]
        frame = int(recording.frames[here[0]])
        near = [person for person in near if frame - recording.frames[people[person][-1]] <= PAUSE]
        last = np.array([people[person][-1] for person in near], np.int64)
        limit = reach * np.minimum(STEP + STRIDE * (frame - recording.frames[last] - 1), LEAP)  # (P,)
        distance = _distances(recording.joints, present, last, here)  # (P, O)
        distance[distance > limit[:, None]] = np.inf
        free = set(here.tolist())
        followed: set[int] = set()
        for pair in np.argsort(distance, axis=None, kind="stable").tolist():
            place, other = divmod(pair, len(here))
            if not np.isfinite(distance[place, other]):
                break
            if near[place] not in followed and int(here[other]) in free:
                people[near[place]].append(int(here[other]))
                followed.add(near[place])
                free.discard(int(here[other]))
        for row in sorted(free):
            near.append(len(people))
            people.append([row])
    return [np.array(person, np.int64) for person in people]


def _frames(frames: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Yield the first row of each frame and the one behind its last."""
    if len(frames):
        edges = [0, *(np.flatnonzero(np.diff(frames)) + 1).tolist(), len(frames)]
        yield from pairwise(edges)


def _distances(
    joints: NDArray[np.float64], present: NDArray[np.bool_], last: NDArray[np.int64], here: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Measure how far people have moved, `(P, O)`: the mean over the joints of both; infinite where there are none."""
    both = present[last][:, None] & present[here][None]  # (P, O, V)
    moved = np.linalg.norm(joints[last][:, None] - joints[here][None], axis=3)
    count = both.sum(axis=2)
    return np.where(count, (moved * both).sum(axis=2) / np.maximum(count, 1), np.inf)


def place_people(
    recording: Recording, people: Sequence[NDArray[np.int64]], max_bodies: int
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """Arrange people over time.

    Each takes the first place in which none of their frames is occupied, or a new one while there are fewer than
    `max_bodies`; a person for whom none is left is dropped. So a person who leaves and returns keeps their place, also
    under another ID, and people who are never seen together may share one.

    Args:
        recording: The parsed recording.
        people: The rows of each person's observations, the most important person first.
        max_bodies: The most places.

    Returns:
        Joints `(M, T, V, C)` and confidence `(M, T, V)` or None, M from 0 to `max_bodies`, all frames, zeros where
        no person is seen.
    """
    taken: list[NDArray[np.bool_]] = []
    places: list[list[NDArray[np.int64]]] = []
    for rows in people:
        frames = recording.frames[rows]
        free = (place for place, mask in enumerate(taken) if not mask[frames].any())
        place = next(free, len(taken))
        if place == max_bodies:
            continue
        if place == len(taken):
            taken.append(np.zeros(recording.num_frames, np.bool_))
            places.append([])
        taken[place][frames] = True
        places[place].append(rows)
    chosen = [np.concatenate(rows) for rows in places]
    confidence = None if recording.confidence is None else _lay_out(recording, recording.confidence, chosen)
    return _lay_out(recording, recording.joints, chosen), confidence


def _lay_out(recording: Recording, values: NDArray[np.float64], rows: list[NDArray[np.int64]]) -> NDArray[np.float32]:
    """Arrange observations `(B, ...)` over all frames, `(M, T, ...)`, given the rows of each of M bodies."""
    result = np.zeros((len(rows), recording.num_frames, *values.shape[1:]), np.float32)
    for body, chosen in enumerate(rows):
        result[body, recording.frames.take(chosen)] = values.take(chosen, axis=0)
    return result
