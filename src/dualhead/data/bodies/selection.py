"""Body selections by name: rules that choose the people who act among the bodies that a sensor saw."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from dualhead.data.bodies.ghosts import keep_people
from dualhead.data.bodies.people import place_people, select_people
from dualhead.data.bodies.places import select_order, select_score
from dualhead.data.bodies.tracking import find_people, unit
from dualhead.formats.file_format import RawClip
from dualhead.formats.recording import Recording
from dualhead.runtime.errors import FormatError, unknown
from dualhead.sequence import SkeletonSequence

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
    if not len(present):
        return 0.0
    # coordinate by coordinate as published, to the last bit; and numpy is fast along the last axis
    return float(np.ascontiguousarray(present.reshape(-1, joints.shape[2]).T).std(axis=1).sum())


def select_energy(recording: Recording, max_bodies: int) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """Select the bodies of highest energy, highest first: the published selection.

    A body is a place in the file's order: the first of each frame make the first body, whatever their IDs, and only the
    first 4 count. Bodies of equal energy keep that order. A body whose every frame is empty is left out.

    Args:
        recording: The parsed recording.
        max_bodies: The most bodies to keep.

    Returns:
        Joints `(M, T, V, C)` and confidence `(M, T, V)` or None, M from 0 to `max_bodies`, all frames.
    """
    filled = recording.slots[recording.joints.sum(axis=(1, 2)) != 0]
    present = [slot for slot in range(_ENERGY_SLOTS) if (filled == slot).any()]
    if len(present) > 1:  # who is alone need not be measured
        ranked = [(-body_energy(recording.joints[recording.slots == slot]), slot) for slot in present]
        present = [slot for _, slot in sorted(ranked)]
    slots = present[:max_bodies]
    return recording.dense(slots), recording.dense_confidence(slots)


def select_tracked(recording: Recording, max_bodies: int) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """Select the people who act, one place each: by body ID, tracked across changes of ID, without ghosts.

    Observations are joined to people (`tracking.find_people`), those of no person are left out
    (`ghosts.keep_people`), and the rest are ranked by frames times motion. In that order they get places
    (`people.place_people`).

    Args:
        recording: The parsed recording.
        max_bodies: The most bodies to keep.

    Returns:
        Joints `(M, T, V, C)` and confidence `(M, T, V)` or None, M from 0 to `max_bodies`, all frames, zeros where
        no person is seen.
    """
    people = find_people(recording)
    kept = keep_people([recording.joints.take(rows, axis=0) for rows in people], unit(recording.joints))
    return place_people(recording, [people[number] for number in kept], max_bodies)


SELECTIONS = MappingProxyType(
    {
        "energy": select_energy,
        "tracked": select_tracked,
        "order": select_order,
        "score": select_score,
        "people": select_people,
    }
)
"""The selections by name."""


def get_selection(name: str) -> Selection:
    """Return a body selection by name.

    Args:
        name: A name from `SELECTIONS`.

    Returns:
        The selection.

    Raises:
        ConfigError: If the name is unknown.
    """
    if name not in SELECTIONS:
        raise unknown("body selection", name, SELECTIONS)
    return SELECTIONS[name]


def select_bodies(
    clip: RawClip,
    body_selection: str | None = None,
    max_bodies: int | None = None,
    name: str | None = None,
) -> SkeletonSequence:
    """Choose the bodies of a parsed recording.

    Args:
        clip: The parsed recording.
        body_selection: The selection of bodies, such as "energy"; default: the format's.
        max_bodies: The most bodies to keep; default: as many as the format's data sets.
        name: The name of the recording; default: from its file.

    Returns:
        The selected bodies' raw coordinates, all frames.

    Raises:
        ConfigError: If the selection is unknown or needs scores that there are not.
        FormatError: If the recording has no body.
    """
    recording = clip.recording
    choose = get_selection(body_selection or clip.body_selection)
    joints, confidence = choose(recording, clip.max_bodies if max_bodies is None else max_bodies)
    if not len(joints) and not clip.keeps_empty:
        raise FormatError(f"no body in any of its {recording.num_frames} frames", clip.where)
    return SkeletonSequence(
        joints, clip.skeleton, clip.name if name is None else name, clip.label, confidence, dict(clip.fields),
        fps=recording.fps,
    )  # fmt: skip
