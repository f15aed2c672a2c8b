"""Figures of every clip of a store, taken from the memory map some megabytes at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from dualhead.data.store.store import Store

_PART = 2**22
"""Coordinates that are looked at together: 16 MiB."""


@dataclass(frozen=True, eq=False)
class ClipFigures:
    """Statistics of the coordinates of N clips; every column is `(N,)`.

    A body is present in a frame where one of its coordinates is not 0. Lengths are in the units of the coordinates.

    Attributes:
        empty_frames: Frames in which no person is present.
        absent: Share of the frames in which the body seen least is absent, 0 to 1.
        jump: The furthest that a joint gets from one frame to the next while its body is present in both.
        jumps: Number of times that a joint moves further than half its body's extent from one frame to the next.
        constant_joints: Joints that never move although their body is present in two frames or more; of the body with
            most of them.
        missing_joints: Share of the joints of present bodies that are 0 in all coordinates.
        extent: The mean over present bodies of their largest extent along an axis.
        not_finite: Coordinates that are NaN or infinite.
    """

    empty_frames: NDArray[np.int64]
    absent: NDArray[np.float64]
    jump: NDArray[np.float64]
    jumps: NDArray[np.int64]
    constant_joints: NDArray[np.int64]
    missing_joints: NDArray[np.float64]
    extent: NDArray[np.float64]
    not_finite: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.jump)


def measure_clips(store: Store, on_progress: Callable[[int, int], object] | None = None) -> ClipFigures:
    """Measure every clip of a store.

    Args:
        store: The store.
        on_progress: Called with the number of clips done and the number of all.

    Returns:
        The figures, in store order. Memory is bounded by the longest clip or 16 MiB of coordinates, times about ten.
    """
    sizes = np.cumsum(store.frames * store.bodies) * (store.skeleton.num_joints * store.skeleton.dimensions)
    parts: list[ClipFigures] = []
    start = 0
    while start < len(store) or not parts:
        begin = int(sizes[start - 1]) if start else 0
        stop = max(min(start + 1, len(store)), int(np.searchsorted(sizes, begin + _PART, side="right")))
        parts.append(_measure(store.coordinates(start, stop), store.frames[start:stop], store.bodies[start:stop]))
        start = stop
        if on_progress is not None:
            on_progress(start, len(store))
    names = [column.name for column in fields(ClipFigures)]
    return ClipFigures(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


def _measure(values: NDArray[np.float32], frames: NDArray[np.int64], bodies: NDArray[np.int64]) -> ClipFigures:
    """Measure clips that lie one behind the other in `values` `(R, V, C)`, clip n in `bodies[n] * frames[n]` rows."""
    count = len(frames)
    owner = np.repeat(np.arange(count), bodies * (frames > 0))  # (B,): the clip of each body that has rows
    length = frames[owner]  # (B,)
    first = np.cumsum(length) - length  # (B,): its first row
    body = np.repeat(np.arange(len(length)), length)  # (R,)
    clip = owner[body]  # (R,)
    finite = np.isfinite(values)
    not_finite = np.zeros(count, np.int64)
    if not finite.all():
        not_finite = np.bincount(clip, (~finite).sum(axis=(1, 2)), count).astype(np.int64)
        values = np.where(finite, values, np.float32(0))
    there = (values != 0).any(axis=2)  # (R, V)
    present = there.any(axis=1)  # (R,)
    extent = _extents(values, there)  # (R,)
    moves, pairs = _moves(values, there, first)  # (R, V) both
    far = (moves > extent[:, None] / 2).sum(axis=1)

    cell = (np.cumsum(frames) - frames)[clip] + np.arange(len(body)) - first[body]  # (R,): its frame among all clips'
    somebody = np.zeros(int(frames.sum()), np.bool_)
    somebody[cell[present]] = True
    absent, jump, constant = np.zeros(count), np.zeros(count), np.zeros(count, np.int64)
    if len(length):
        np.maximum.at(absent, owner, 1 - np.add.reduceat(present, first, dtype=np.int64) / length)
        np.maximum.at(jump, owner, np.maximum.reduceat(moves.max(axis=1), first))
        still = (np.maximum.reduceat(moves, first) == 0) & np.logical_or.reduceat(pairs, first)  # (B, V)
        np.maximum.at(constant, owner, still.sum(axis=1))
    seen = np.bincount(clip, present, count)
    joints_seen = np.where(seen > 0, np.bincount(clip, there.sum(axis=1), count), 1)
    return ClipFigures(
        empty_frames=frames - np.bincount(np.repeat(np.arange(count), frames), somebody, count).astype(np.int64),
        absent=absent,
        jump=jump,
        jumps=np.bincount(clip, far, count).astype(np.int64),
        constant_joints=constant,
        missing_joints=1 - joints_seen / np.maximum(seen * values.shape[1], 1),
        extent=np.bincount(clip, extent, count) / np.maximum(seen, 1),
        not_finite=not_finite,
    )


def _extents(values: NDArray[np.float32], there: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Measure the largest extent along an axis of each body, 0 where none is present. `(R, V, C)` to `(R,)`."""
    if there.all():
        return np.asarray((values.max(axis=1) - values.min(axis=1)).max(axis=1))
    limit = np.float32(np.finfo(np.float32).max / 4)
    highest = np.where(there[..., None], values, -limit).max(axis=1)  # (R, C)
    lowest = np.where(there[..., None], values, limit).min(axis=1)
    return np.asarray(np.maximum(highest - lowest, 0).max(axis=1))


def _moves(
    values: NDArray[np.float32], there: NDArray[np.bool_], first: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Measure how far each joint is from where it was a frame before.

    Args:
        values: `(R, V, C)`.
        there: True where a joint is seen `(R, V)`.
        first: The first row of each body.

    Returns:
        Distances `(R, V)`, 0 where a joint was not seen in both frames; and where it was `(R, V)`.
    """
    pairs = np.zeros(there.shape, np.bool_)
    pairs[1:] = there[1:] & there[:-1]
    pairs[first] = False
    moves = np.zeros(there.shape, np.float32)
    step = values[1:] - values[:-1]
    np.sqrt(np.einsum("rvc,rvc->rv", step, step), out=moves[1:])
    moves[~pairs] = 0
    return moves, pairs
