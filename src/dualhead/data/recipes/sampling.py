"""Sampling of the frames of a clip from those of a recording, as arithmetic on indices."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Index = NDArray[np.intp]


def repeat_index(filled: NDArray[np.bool_], frames: int) -> Index:
    """Fill a clip by repeating one body's recording from its start (the published NTU preparation, step 3a).

    Convention: if the first frame is empty, all empty frames are dropped; otherwise only those at the end are, and
    those inside stay. What remains is repeated cyclically. A recording longer than the clip keeps its first frames.

    Args:
        filled: `(T,)`, whether the body is present in each frame; at most `frames` of them are looked at.
        frames: Length of the clip.

    Returns:
        `(frames,)` numbers of recorded frames; length 0 if the body is present nowhere.
    """
    present = np.flatnonzero(filled[:frames])
    if not present.size:
        return present
    return np.resize(np.arange(present[-1] + 1) if present[0] == 0 else present, frames)


def middle_crop(length: int, share: float) -> tuple[int, int]:
    """Crop a recording to its middle share.

    Convention: floor((1 - share) * length / 2) frames go from each end.

    Args:
        length: Frames of the recording, at least 1.
        share: Fraction to keep, above 0 and at most 1.

    Returns:
        First frame and number of frames.
    """
    margin = int((1 - share) * length / 2)
    return margin, length - 2 * margin


def random_crop(length: int, shortest_share: float, shortest: int, rng: np.random.Generator) -> tuple[int, int]:
    """Draw a stretch of a recording: first its share of the length, uniform, then its start.

    Args:
        length: Frames of the recording, at least 1.
        shortest_share: The share is drawn from this to 1.
        shortest: The stretch is never shorter than this where the recording is not.
        rng: Source of the two draws.

    Returns:
        First frame and number of frames.
    """
    share = rng.uniform(shortest_share, 1.0)
    kept = min(max(int(length * share), shortest), length)
    return int(rng.integers(length - kept + 1)), kept


def linear_resize(length: int, frames: int) -> tuple[Index, Index, NDArray[np.float32]]:
    """Find the two frames, and their mixture, that make each frame of a clip of another length.

    Convention: half-pixel centres: frame i of the clip lies at (i + 0.5) * length / frames - 0.5 of the recording, held
    within its first and last frame (bilinear without aligned corners; no smoothing when it shrinks).

    Args:
        length: Frames of the recording, at least 1.
        frames: Length of the clip.

    Returns:
        `low` and `high`, both `(frames,)`, and the weight of `high`, `(frames,)`: clip = low + weight * (high - low).
    """
    place = np.clip((np.arange(frames) + 0.5) * (length / frames) - 0.5, 0, length - 1)
    low = place.astype(np.intp)
    return low, np.minimum(low + 1, length - 1), (place - low).astype(np.float32)


def wrapped_index(length: int, frames: int, start: int) -> Index:
    """Select consecutive frames, wrapping around from the last to the first.

    Args:
        length: Frames of the recording, at least 1.
        frames: Length of the clip.
        start: The first frame taken.

    Returns:
        `(frames,)` numbers in 0..length-1.
    """
    return np.arange(start, start + frames) % length


def spread_index(length: int, frames: int, rng: np.random.Generator | np.random.RandomState) -> Index:
    """Draw frames that cover a whole recording evenly (Duan et al., "Revisiting Skeleton-based Action Recognition").

    Convention: from twice `frames` on, one random frame of each of `frames` equal segments, segment i being
    floor(i * length / frames) to the next; from `frames` on, distinct frames in order, with at most one left out
    between two; shorter, consecutive frames from a random start, wrapping round.

    Args:
        length: Frames of the recording, at least 1.
        frames: Length of the clip.
        rng: Source of the draws.

    Returns:
        `(frames,)` numbers in 0..length-1.
    """
    if length < frames:
        return wrapped_index(length, frames, int(_integers(rng, length)))
    if length < 2 * frames:
        skip = np.zeros(frames + 1, dtype=np.intp)
        skip[rng.choice(frames + 1, length - frames, replace=False)] = 1
        return np.arange(frames) + np.cumsum(skip)[:-1]
    edges = np.arange(frames + 1) * length // frames
    return edges[:-1] + _integers(rng, np.diff(edges))


def _integers(rng: np.random.Generator | np.random.RandomState, high: int | Index) -> Index:
    """Draw integers from 0 to below `high`."""
    drawn = rng.integers(high) if isinstance(rng, np.random.Generator) else rng.randint(high)
    return np.asarray(drawn, dtype=np.intp)


@lru_cache(maxsize=1024)
def published_spread(length: int, frames: int, clips: int, seed: int) -> Index:
    """Draw the test clips of a recording as PYSKL does (Duan et al., "PYSKL", 2022).

    Convention: NumPy's legacy generator is seeded again for every recording; before the frames of each clip (see
    `spread_index`) it draws one `rand()` and one `randint(1)`, which have no effect of their own. A recording shorter
    than the clip is taken in order, wrapping round, from frame i x length / `clips` for clip i, or from frame i where
    it has fewer frames than there are clips.

    Args:
        length: Frames of the recording, at least 1.
        frames: Length of the clip.
        clips: Clips of the recording.
        seed: Of the generator.

    Returns:
        `(clips, frames)` numbers in 0..length-1; do not change it.
    """
    rng = np.random.RandomState(seed)
    rows = np.empty((clips, frames), dtype=np.intp)
    for clip in range(clips):
        rng.rand()
        rng.randint(1)
        if length < frames:
            rows[clip] = wrapped_index(length, frames, clip if length < clips else clip * length // clips)
        else:
            rows[clip] = spread_index(length, frames, rng)
    return rows


def random_sorted_index(length: int, frames: int, rng: np.random.Generator) -> Index:
    """Draw frames with repetition and put them in order.

    Args:
        length: Frames of the recording, at least 1.
        frames: Length of the clip.
        rng: Source of the draws.

    Returns:
        `(frames,)` numbers in 0..length-1, never falling.
    """
    return np.sort(rng.integers(length, size=frames, dtype=np.intp))


def even_index(length: int, frames: int) -> Index:
    """Select equidistant frames, including the first and the last of the recording.

    Convention: floor(linspace(0, length - 1, frames)).

    Args:
        length: Frames of the recording, at least 1.
        frames: Length of the clip.

    Returns:
        `(frames,)` numbers in 0..length-1, never falling.
    """
    return np.linspace(0, length - 1, frames).astype(np.intp)


def even_times(length: int, frames: int) -> tuple[Index, Index, NDArray[np.float32]]:
    """Find the two frames, and their mixture, at equal distances in time.

    Convention: times linspace(0, length - 1, frames), the first and the last frame of the recording among them.

    Args:
        length: Frames of the recording, at least 1.
        frames: Length of the clip.

    Returns:
        As `linear_resize`.
    """
    return _between(np.linspace(0, length - 1, frames), length)


def random_sorted_times(length: int, frames: int, rng: np.random.Generator) -> tuple[Index, Index, NDArray[np.float32]]:
    """Draw times within a recording, in order; the two frames, and their mixture, at each.

    Args:
        length: Frames of the recording, at least 1.
        frames: Length of the clip.
        rng: Source of the draws, uniform from 0 to length - 1.

    Returns:
        As `linear_resize`.
    """
    times = rng.random(frames)
    times.sort()
    times *= length - 1
    return _between(times, length)


def _between(times: NDArray[np.float64], length: int) -> tuple[Index, Index, NDArray[np.float32]]:
    low = times.astype(np.intp)
    return low, np.minimum(low + 1, length - 1), (times - low).astype(np.float32)
