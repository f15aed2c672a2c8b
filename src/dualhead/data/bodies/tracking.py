"""Tracking of people in a recording: the observations of body IDs, joined where a person's ID changes.

Convention: all lengths are in metres for three coordinates. Flat coordinates have no such unit; there the median extent
of the bodies represents `TALL` metres.

1. A *stretch* is what one body ID shows, cut wherever the body's centre (the mean of its joints that are not 0) is
   further from where it was last seen, n frames before, than a person gets: 0.3 + 0.1 (n - 1) metres. So two people
   who swap their IDs give four stretches.
2. Stretches follow one another in the same person where the second begins after the first has ended, at most 30 frames
   later, and no further away than 0.3 + 0.1 (n - 1) metres, at most 1 metre. Of all such pairs the nearest is joined
   first; each stretch gets at most one before and one behind it. So a person who goes on under another ID is followed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dualhead.formats.recording import Recording

STEP = 0.3
"""Largest displacement of a body's centre between two frames, in metres: 9 m/s at 30 frames per second."""

STRIDE = 0.1
"""Additional displacement for each frame in which the body is not seen, in metres."""

LEAP = 1.0
"""The furthest that a body is followed to another ID, in metres."""

PAUSE = 30
"""The most frames between its last frame under one ID and its first under another: a second."""

TALL = 1.7
"""The extent of a person, in metres, by which flat coordinates are measured."""


def find_people(recording: Recording) -> list[NDArray[np.int64]]:
    """Join the observations of a recording to people.

    Observations whose coordinates sum to 0 are empty and belong to no person. Without body IDs, the place among the
    bodies of a frame represents one. An ID that a frame holds twice counts as two.

    Args:
        recording: The parsed recording.

    Returns:
        For each person the rows of their observations, by frame, at most one a frame; the earliest person first.
    """
    rows = np.flatnonzero(recording.joints.sum(axis=(1, 2)) != 0)
    if not len(rows):
        return []
    reach = unit(recording.joints)
    centres = _centres(recording.joints)
    stretches = [
        stretch for body in _by_id(recording, rows) for stretch in _cut(body, recording.frames, centres, reach)
    ]
    return _join(stretches, recording.frames, centres, reach)


def unit(joints: NDArray[np.float64]) -> float:
    """Measure the length of a metre in the units of some bodies.

    Args:
        joints: `(B, V, C)`; empty ones do not count.

    Returns:
        1 for three coordinates; else the median over the bodies of their largest extent, divided by `TALL`.
    """
    if joints.shape[2] == 3:
        return 1.0
    present = (joints != 0).any(axis=2, keepdims=True)  # (B, V, 1)
    if not present.any():
        return 1.0
    seen = present.any(axis=(1, 2))
    joints, present = joints[seen], present[seen]
    highest = np.where(present, joints, -np.inf).max(axis=1)
    lowest = np.where(present, joints, np.inf).min(axis=1)
    return float(np.median((highest - lowest).max(axis=1))) / TALL or 1.0


def _centres(joints: NDArray[np.float64]) -> NDArray[np.float64]:
    """Average the joints that are present. `(B, V, C)` to `(B, C)`."""
    present = joints[..., 0] != 0
    for coordinate in range(1, joints.shape[2]):
        present |= joints[..., coordinate] != 0
    by_joint = np.ascontiguousarray(joints.transpose(1, 0, 2))  # numpy adds rows at once, three numbers slowly
    return np.asarray(by_joint.sum(axis=0) / np.maximum(present.sum(axis=1), 1)[:, None])


def _by_id(recording: Recording, rows: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Group observations by body ID, in the order in which IDs appear."""
    if len(set(recording.body_ids)) == 1 and not recording.slots.any():
        return [rows]
    groups: dict[tuple[str, int], list[int]] = {}
    last: dict[tuple[str, int], int] = {}
    names = recording.body_ids or tuple(map(str, recording.slots.tolist()))
    frames = recording.frames.tolist()
    for row in rows.tolist():
        name, frame, copy = names[row], frames[row], 0
        while last.get((name, copy)) == frame:
            copy += 1
        last[name, copy] = frame
        groups.setdefault((name, copy), []).append(row)
    return [np.array(group, np.int64) for group in groups.values()]


def _cut(
    rows: NDArray[np.int64], frames: NDArray[np.int64], centres: NDArray[np.float64], reach: float
) -> list[NDArray[np.int64]]:
    """Cut one ID's observations where they jump."""
    distance = np.linalg.norm(np.diff(centres[rows], axis=0), axis=1)
    limit = reach * (STEP + STRIDE * (np.diff(frames[rows]) - 1))
    jumps = np.flatnonzero(distance > limit) + 1
    return np.split(rows, jumps) if len(jumps) else [rows]


def _join(
    stretches: list[NDArray[np.int64]], frames: NDArray[np.int64], centres: NDArray[np.float64], reach: float
) -> list[NDArray[np.int64]]:
    """Join stretches to people, nearest ends first."""
    if len(stretches) == 1:
        return stretches
    stretches = sorted(stretches, key=_first)
    first, last = (np.array([stretch[end] for stretch in stretches]) for end in (0, -1))
    gap = frames[first][None] - frames[last][:, None]  # (before, behind)
    distance = np.linalg.norm(centres[first][None] - centres[last][:, None], axis=2)
    limit = reach * np.minimum(STEP + STRIDE * (gap - 1), LEAP)
    before, behind = np.nonzero((gap >= 1) & (gap <= PAUSE) & (distance <= limit))
    follower: dict[int, int] = {}
    for pair in np.argsort(distance[before, behind], kind="stable").tolist():
        one, other = int(before[pair]), int(behind[pair])
        if one not in follower and other not in follower.values():
            follower[one] = other
    people = []
    for start in range(len(stretches)):
        if start in follower.values():
            continue
        chain = [start]
        while chain[-1] in follower:
            chain.append(follower[chain[-1]])
        people.append(np.concatenate([stretches[number] for number in chain]))
    return people


def _first(stretch: NDArray[np.int64]) -> int:
    return int(stretch[0])
