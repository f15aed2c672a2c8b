"""Which of the bodies that a sensor saw are the people who act: body selections by name."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from dualhead.data.body_places import select_order, select_score
from dualhead.data.ghosts import keep_people
from dualhead.data.tracking import find_people, unit
from dualhead.errors import unknown
from dualhead.formats.recording import Recording

Selection = Callable[[Recording, int], tuple[NDArray[np.float32], NDArray[np.float32] | None]]
"""From a recording and the most bodies to keep: joints `(M, T, V, C)` and confidence `(M, T, V)` or None."""

_ENERGY_SLOTS = 4


def body_energy(joints: NDArray[np.float64]) -> float:
    """Measure how much a body moves and extends.

    Args:
        joints: `(F, V, C)`, the frames in which the body was seen.

    Returns:
        The sum over coordinates of the standard deviation over all joints and all frames whose coordinates do not sum
        to 0; 0 if there is no such frame.
    """
    present = joints[joints.sum(axis=(1, 2)) != 0]
    return float(present.std(axis=(0, 1)).sum()) if len(present) else 0.0


def select_energy(recording: Recording, max_bodies: int) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """Keep the bodies of highest energy, highest first: the published selection.

    A body is a place in the file's order: the first of each frame make the first body, whatever their IDs, and only the
    first 4 count. Bodies of equal energy keep that order. A body whose every frame is empty is left out.

    Args:
        recording: What was parsed.
        max_bodies: The most bodies to keep.

    Returns:
        Joints `(M, T, V, C)` and confidence `(M, T, V)` or None, M from 0 to `max_bodies`, all frames.
    """
    empty = recording.joints.sum(axis=(1, 2)) == 0  # (B,)
    present = [slot for slot in range(_ENERGY_SLOTS) if ((recording.slots == slot) & ~empty).any()]
    if len(present) > 1:  # who is alone need not be measured
        ranked = [(-body_energy(recording.joints[recording.slots == slot]), slot) for slot in present]
        present = [slot for _, slot in sorted(ranked)]
    slots = present[:max_bodies]
    return recording.dense(slots), recording.dense_confidence(slots)


def select_tracked(recording: Recording, max_bodies: int) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """Keep the people who act, each in a place of their own: by body ID, followed where it changes, without ghosts.

    Observations are joined to people (`dualhead.data.tracking.find_people`), what is none is left out
    (`dualhead.data.ghosts.keep_people`), and the rest are ranked by frames times motion. In that order each takes the
    first place in which none of their frames is taken yet, or a new one while there are fewer than `max_bodies`;
    whoever finds none is left out. So somebody who comes and goes keeps their place, also under another ID.

    Args:
        recording: What was parsed.
        max_bodies: The most bodies to keep.

    Returns:
        Joints `(M, T, V, C)` and confidence `(M, T, V)` or None, M from 0 to `max_bodies`, all frames, zeros where
        nobody is seen.
    """
    people = find_people(recording)
    bodies = [recording.joints[rows] for rows in people]
    taken: list[NDArray[np.bool_]] = []
    places: list[list[NDArray[np.int64]]] = []
    for number in keep_people(bodies, unit(recording.joints)):
        rows = people[number]
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
    """Lay observations `(B, ...)` out over all frames, `(M, T, ...)`, given the rows of each of M bodies."""
    result = np.zeros((len(rows), recording.num_frames, *values.shape[1:]), np.float32)
    for body, chosen in enumerate(rows):
        result[body, recording.frames[chosen]] = values[chosen]
    return result


SELECTIONS = MappingProxyType(
    {"energy": select_energy, "tracked": select_tracked, "order": select_order, "score": select_score}
)
"""The selections by name."""


def get_selection(name: str) -> Selection:
    """Look up a body selection.

    Args:
        name: A name from `SELECTIONS`.

    Returns:
        The selection.

    Raises:
        ConfigError: If there is none of that name.
    """
    if name not in SELECTIONS:
        raise unknown("body selection", name, SELECTIONS)
    return SELECTIONS[name]
