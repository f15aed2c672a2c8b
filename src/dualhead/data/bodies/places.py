"""Body selections that choose by place: the order of the file, or in each frame the people seen most surely."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from dualhead.formats.recording import Recording
from dualhead.runtime.errors import ConfigError

_SCORE_SLOTS = 5


def select_order(recording: Recording, max_bodies: int) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """Select the first bodies in file order: for data whose bodies have been selected already.

    A body that is empty in every frame stays, as zeros, where another follows in the places that there are, so that
    this one keeps its place. Where bodies stand behind those places, the empty ones are left out and the others move
    up in their order, so that no person is lost to an empty place.

    Args:
        recording: The parsed recording.
        max_bodies: The most bodies to keep.

    Returns:
        Joints `(M, T, V, C)` and confidence `(M, T, V)` or None, M from 0 to `max_bodies`, all frames.
    """
    seen = np.unique(recording.slots[recording.joints.any(axis=(1, 2))]).tolist()
    last = seen[-1] if seen else -1
    slots = range(last + 1) if last < max_bodies else seen[:max_bodies]
    return recording.dense(slots), recording.dense_confidence(slots)


def select_score(recording: Recording, max_bodies: int) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """Select in each frame the people of highest score, highest first: the published selection of Kinetics-Skeleton.

    The score of a person is the sum over the joints, in float32 as published; only the first 5 people of a frame count,
    those of equal score keep their order (Yan et al., AAAI 2018). So a body is a rank, not a person: two people may
    change places from one frame to the next.

    Args:
        recording: The parsed recording.
        max_bodies: The most bodies to keep.

    Returns:
        Joints `(M, T, V, C)` and confidence `(M, T, V)`, M from 0 to `max_bodies`, all frames.

    Raises:
        ConfigError: If the recording has no scores.
    """
    if recording.confidence is None:
        raise ConfigError("body selection 'score' ranks people by their scores, but this data has none: use 'energy'")
    considered = np.flatnonzero(recording.slots < _SCORE_SLOTS)
    scores = recording.confidence[considered].T.astype(np.float32).sum(axis=0)  # one joint after the other
    frames = recording.frames[considered]
    order = np.lexsort((recording.slots[considered], -scores, frames))
    ranks = np.empty(len(order), np.int64)
    ranks[order] = np.arange(len(order)) - np.searchsorted(frames, frames[order])
    slots = np.full(recording.num_observations, max_bodies, np.int64)
    slots[considered] = ranks
    ranked = replace(recording, slots=slots)
    kept = range(min(max_bodies, int(ranks.max(initial=-1)) + 1))
    return ranked.dense(kept), ranked.dense_confidence(kept)
