"""Which of the bodies that a sensor saw are the people who act: body selections by name."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

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
    ranked: list[tuple[float, int]] = []
    empty = recording.joints.sum(axis=(1, 2)) == 0  # (B,)
    for slot in range(_ENERGY_SLOTS):
        seen = recording.slots == slot
        if (seen & ~empty).any():
            ranked.append((-body_energy(recording.joints[seen]), slot))
    slots = [slot for _, slot in sorted(ranked)[:max_bodies]]
    return recording.dense(slots), recording.dense_confidence(slots)


SELECTIONS = MappingProxyType({"energy": select_energy})
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
