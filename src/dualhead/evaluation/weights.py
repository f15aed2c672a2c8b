"""How much each stream counts in a fusion."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

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


def given_weights(weights: Sequence[float] | Mapping[str, float] | str, streams: Sequence[str]) -> NDArray[np.float64]:
    """Read the weights that a caller gave.

    Args:
        weights: One number a stream in the order of `streams`; or numbers by stream name; or one of `NAMED_WEIGHTS`.
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
            raise ConfigError(f"{wrong}: give one for each of {', '.join(streams)}")
        weights = [weights[stream] for stream in streams]
    if len(weights) != len(streams):
        raise ConfigError(
            f"{len(weights)} weights for {len(streams)} streams ({', '.join(streams)}): give one each, in their order"
        )
    try:
        values = np.asarray(weights, dtype=np.float64)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"weights {list(weights)!r} are not numbers: give one number a stream") from error
    if not np.isfinite(values).all() or (values < 0).any() or not values.any():
        raise ConfigError(f"weights {values.tolist()} cannot be used: give finite numbers of 0 or more, not all 0")
    values = values / values.max()  # so that the sum of huge numbers stays finite
    normal: NDArray[np.float64] = values / values.sum()
    return normal


def search_weights(
    parts: NDArray[np.float64],
    labels: NDArray[np.int64],
    log_probability: Callable[[NDArray[np.float64]], NDArray[np.float64]],
) -> NDArray[np.float64]:
    """Find the weights with the highest top-1 accuracy; of equal ones, the lowest cross-entropy.

    The search is deterministic. It starts with equal weights and a grid over all weights that sum to 1 (steps of 1/10
    for up to four streams, coarser for more, at most 400 points), then moves weight from one stream to another in steps
    of a half, a quarter and an eighth of the grid's, as long as that helps. Equal weights stay unless something is
    better.

    Args:
        parts: What is summed with weights, `(n, N, K)`: each stream's logits or probabilities on validation samples.
        labels: True classes, `(N,)`.
        log_probability: From a weighted sum `(N, K)` to log probabilities `(N, K)`.

    Returns:
        Weights that sum to 1, `(n,)`.
    """
    streams, count, classes = parts.shape
    steps = next(
        s for s in range(_GRID_STEPS, 0, -1) if s == 1 or math.comb(s + streams - 1, streams - 1) <= _GRID_POINTS
    )
    # Whole numbers of 1 / total keep every point exact: equal weights and each refinement step are multiples of it.
    step = 8 * streams
    total = steps * step
    flat = parts.reshape(streams, count * classes)
    tried: dict[tuple[int, ...], int] = {}

    def fused(point: tuple[int, ...]) -> NDArray[np.float64]:
        values: NDArray[np.float64] = (np.array(point) / total @ flat).reshape(count, classes)
        return values

    def right(point: tuple[int, ...]) -> int:
        if point not in tried:
            tried[point] = int((fused(point).argmax(axis=1) == labels).sum())
        return tried[point]

    def loss(point: tuple[int, ...]) -> float:
        return float(-np.take_along_axis(log_probability(fused(point)), labels[:, None], axis=1).mean())

    def better(point: tuple[int, ...], best: tuple[int, ...]) -> bool:
        if right(point) != right(best):
            return right(point) > right(best)
        return loss(point) < loss(best) - 1e-12

    best = (total // streams,) * streams
    for point in _grid(streams, steps):
        scaled = tuple(value * step for value in point)
        if better(scaled, best):
            best = scaled
    for move in (step // 2, step // 4, step // 8):
        improved = True
        while improved:
            improved = False
            for point in _neighbours(best, move):
                if better(point, best):
                    best, improved = point, True
                    break
    found: NDArray[np.float64] = np.array(best) / total
    return found


def _grid(streams: int, steps: int) -> Iterator[tuple[int, ...]]:
    """All ways to share `steps` among `streams`."""
    if streams == 1:
        yield (steps,)
        return
    for first in range(steps, -1, -1):
        for rest in _grid(streams - 1, steps - first):
            yield (first, *rest)


def _neighbours(point: tuple[int, ...], move: int) -> Iterator[tuple[int, ...]]:
    """All points that differ by `move` taken from one stream and given to another."""
    for giver, has in enumerate(point):
        for taker in range(len(point)):
            if giver != taker and has >= move:
                values = list(point)
                values[giver] -= move
                values[taker] += move
                yield tuple(values)
