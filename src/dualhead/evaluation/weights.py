"""Weights of the streams in a fusion."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dualhead.evaluation.scores import cache_blocks
from dualhead.runtime.errors import ConfigError, unknown

NAMED_WEIGHTS = MappingProxyType({"equal": (1.0, 1.0), "published": (0.6, 0.4), "pyskl": (2.0, 1.0)})
"""Weights by name: of a stream of positions or bones, and of one of motion, whose name ends in "motion".

"published" is 0.6 0.6 0.4 0.4 of joint, bone and their motions (Chen et al., "Channel-wise topology refinement", ICCV
2021); "pyskl" is 2 2 1 1 of those four, 2 2 2 1 1 1 with k_bone and its motion (Duan et al., "PYSKL", ACM MM 2022; Liu
et al., "Revealing key details to see differences", CVPR 2025).
"""

WeightsName = Literal["equal", "published", "pyskl"]
"""The names of `NAMED_WEIGHTS`."""

_GRID_POINTS = 400
_GRID_STEPS = 10

_Point = tuple[int, ...]
"""Weights as multiples of the smallest step."""

LogProbability = Callable[[NDArray[np.float64], NDArray[np.int64]], NDArray[np.float64]]
"""From sums `(P, N, K)` and labels `(N,)` to the labels' log probabilities `(P, N)`."""


def given_weights(weights: Sequence[float] | Mapping[str, float] | str, streams: Sequence[str]) -> NDArray[np.float64]:
    """Read the weights that a caller gave.

    Args:
        weights: One number per stream in the order of `streams`; or numbers by stream name; or one of `NAMED_WEIGHTS`.
        streams: The stream of each score file or checkpoint.

    Returns:
        Weights that sum to 1, `(n,)`.

    Raises:
        ConfigError: If a number is missing, left over, negative or not finite, or all are 0.
    """
    if isinstance(weights, str):
        if weights not in NAMED_WEIGHTS:
            raise unknown("weights", weights, NAMED_WEIGHTS)
        of_place, of_motion = NAMED_WEIGHTS[weights]
        weights = [of_motion if stream.endswith("motion") else of_place for stream in streams]
    if isinstance(weights, Mapping):
        left_over = set(weights) - set(streams)
        missing = [stream for stream in streams if stream not in weights]
        if missing or left_over:
            wrong = f"no weight for stream {missing[0]!r}" if missing else f"a weight for {min(left_over)!r}, not fused"
            raise ConfigError(f"{wrong}: pass one for each of {', '.join(streams)}")
        weights = [weights[stream] for stream in streams]
    if len(weights) != len(streams):
        raise ConfigError(
            f"{len(weights)} weights for {len(streams)} streams ({', '.join(streams)}): pass one each, in their order"
        )
    try:
        values = np.asarray(weights, dtype=np.float64)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"weights {list(weights)!r} are not numbers: pass one number per stream") from error
    if not np.isfinite(values).all() or (values < 0).any() or not values.any():
        raise ConfigError(f"weights {values.tolist()} cannot be used: expected finite numbers of 0 or more, not all 0")
    values = values / values.max()  # so that the sum of huge numbers stays finite
    normal: NDArray[np.float64] = values / values.sum()
    return normal


def search_weights(
    parts: NDArray[np.float64],
    labels: NDArray[np.int64],
    log_probability: LogProbability,
    on_progress: Callable[[int, int], object] = lambda done, total: None,
) -> NDArray[np.float64]:
    """Find the weights with the highest top-1 accuracy; of equal ones, the lowest cross-entropy.

    The search is deterministic. It starts with equal weights and a grid over all weights that sum to 1 (steps of 1/10
    for up to four streams, coarser for more, at most 400 points), then moves weight from one stream to another in steps
    of a half, a quarter and an eighth of the grid's, as long as that helps. Equal weights stay unless something is
    better.

    Args:
        parts: The terms of the weighted sum, `(n, N, K)`: each stream's logits or probabilities on validation samples.
        labels: True classes, `(N,)`.
        log_probability: From weighted sums `(P, N, K)` and labels `(N,)` to the labels' log probabilities `(P, N)`.
        on_progress: Called with the number of samples done and of all, in the pass over the grid.

    Returns:
        Weights that sum to 1, `(n,)`.
    """
    streams = len(parts)
    steps = next(
        s for s in range(_GRID_STEPS, 0, -1) if s == 1 or math.comb(s + streams - 1, streams - 1) <= _GRID_POINTS
    )
    # Whole numbers of 1 / total keep every point exact: equal weights and each refinement step are multiples of it.
    step = 8 * streams
    total = steps * step
    candidates = _Candidates(parts, labels, total, log_probability)
    best = (total // streams,) * streams
    grid = [tuple(value * step for value in point) for point in _grid(streams, steps)]
    candidates.count_right([best, *grid], on_progress)
    most = max(candidates.right[point] for point in (best, *grid))
    candidates.compute_loss([point for point in (best, *grid) if candidates.right[point] == most])
    for point in grid:
        if candidates.is_better(point, best):
            best = point
    for move in (step // 2, step // 4, step // 8):
        improved = True
        while improved:
            neighbours = list(_neighbours(best, move))
            candidates.count_right(neighbours)
            improved = False
            for point in neighbours:
                if candidates.is_better(point, best):
                    best, improved = point, True
                    break
    found: NDArray[np.float64] = np.array(best) / total
    return found


class _Candidates:
    """Accuracies at the points of a search: each is computed once, many at a time for a few samples.

    Attributes:
        right: Number of samples that each point gets right.
        loss: The cross-entropy of each point, where it was requested.
    """

    def __init__(
        self,
        parts: NDArray[np.float64],
        labels: NDArray[np.int64],
        total: int,
        log_probability: LogProbability,
    ):
        self.right: dict[_Point, int] = {}
        self.loss: dict[_Point, float] = {}
        self._parts, self._labels, self._total, self._log_probability = parts, labels, total, log_probability
        self._always, open_rows = _divide(parts, labels)
        self._open = parts[:, open_rows], labels[open_rows]

    def is_better(self, point: _Point, best: _Point) -> bool:
        """Return whether a point is better than the best one so far."""
        if self.right[point] != self.right[best]:
            return self.right[point] > self.right[best]
        self.compute_loss([point, best])
        return self.loss[point] < self.loss[best] - 1e-12

    def count_right(
        self, points: Sequence[_Point], on_progress: Callable[[int, int], object] = lambda done, total: None
    ) -> None:
        """Count for points, where it is not known, how many samples they get right."""
        points = [point for point in dict.fromkeys(points) if point not in self.right]
        right = np.full(len(points), self._always, np.int64)
        for stop, fused, labels in self._fuse(points, *self._open):
            right += (fused.argmax(axis=2) == labels).sum(axis=1)
            on_progress(stop, len(self._open[1]))
        self.right.update(zip(points, right.tolist(), strict=True))

    def compute_loss(self, points: Sequence[_Point]) -> None:
        """Compute the cross-entropy of points where it is not known."""
        points = [point for point in dict.fromkeys(points) if point not in self.loss]
        loss = np.zeros(len(points))
        for _, fused, labels in self._fuse(points, self._parts, self._labels):
            loss -= self._log_probability(fused, labels).sum(axis=1)
        self.loss.update(zip(points, (loss / len(self._labels)).tolist(), strict=True))

    def _fuse(
        self, points: Sequence[_Point], parts: NDArray[np.float64], labels: NDArray[np.int64]
    ) -> Iterator[tuple[int, NDArray[np.float64], NDArray[np.int64]]]:
        """Yield the end of a block of samples, its weighted sums `(P, B, K)` at all points, and its labels `(B,)`."""
        if not points:
            return
        streams, count, classes = parts.shape
        weights = np.array(points) / self._total  # (P, n)
        for rows in cache_blocks(count, len(points) * classes):
            block = parts[:, rows]
            fused = (weights @ block.reshape(streams, -1)).reshape(len(points), block.shape[1], classes)
            yield rows.start + block.shape[1], fused, labels[rows]


def _divide(parts: NDArray[np.float64], labels: NDArray[np.int64]) -> tuple[int, NDArray[np.intp]]:
    """Find the samples whose prediction depends on the weights; all streams together decide the others.

    Args:
        parts: `(n, N, K)`.
        labels: `(N,)`.

    Returns:
        How many samples are right with any weights, and the rows of those that some weights get right and others may
        not.
    """
    streams, count, classes = parts.shape
    undecided = []
    always = 0
    for rows in cache_blocks(count, streams * classes):
        block, truth = parts[:, rows], labels[rows]
        lead = np.take_along_axis(block, truth[None, :, None], axis=2) - block  # (n, B, K): over each other class
        others = np.arange(classes) != truth[:, None]
        right = ((lead > 0).all(axis=0) | ~others).all(axis=1)
        wrong = ((lead < 0).all(axis=0) & others).any(axis=1)
        always += int(right.sum())
        undecided.append(rows.start + np.flatnonzero(~right & ~wrong))
    return always, np.concatenate(undecided) if undecided else np.zeros(0, np.intp)


def _grid(streams: int, steps: int) -> Iterator[tuple[int, ...]]:
    """Return all ways to share `steps` among `streams`."""
    if streams == 1:
        yield (steps,)
        return
    for first in range(steps, -1, -1):
        for rest in _grid(streams - 1, steps - first):
            yield (first, *rest)


def _neighbours(point: tuple[int, ...], move: int) -> Iterator[tuple[int, ...]]:
    """Return all points that differ by moving `move` from one stream to another."""
    for giver, has in enumerate(point):
        for taker in range(len(point)):
            if giver != taker and has >= move:
                values = list(point)
                values[giver] -= move
                values[taker] += move
                yield tuple(values)
