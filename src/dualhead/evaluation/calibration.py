"""Calibration of confidences, and agreement between streams and heads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dualhead.runtime.errors import ConfigError


@dataclass(frozen=True, eq=False)
class Calibration:
    """A reliability diagram and its one-number summary.

    Attributes:
        edges: Borders of the B confidence bins, `(B + 1,)`, 0 to 1.
        counts: Samples in each bin, `(B,)`.
        confidence: Mean confidence in each bin, `(B,)`; NaN in an empty one.
        accuracy: Share of right predictions in each bin, `(B,)`; NaN in an empty one.
        error: Expected calibration error: the mean over samples of |accuracy - confidence| of their bin.
    """

    edges: NDArray[np.float64]
    counts: NDArray[np.int64]
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    error: float


def calibrate(probabilities: ArrayLike, labels: ArrayLike, *, bins: int = 15) -> Calibration:
    """Compare confidence and accuracy (Guo et al., On calibration of modern neural networks, ICML 2017, eq. 3).

    Convention: bins are equally wide and closed on the right, (0, 1/B], (1/B, 2/B], ...; the confidence of a sample is
    its highest probability.

    Args:
        probabilities: Probabilities, `(N, K)`.
        labels: True classes, `(N,)`.
        bins: B.

    Returns:
        The reliability of each bin and the expected calibration error.

    Raises:
        ConfigError: If there is no sample, no bin, or the shapes do not match.
    """
    values, truth = np.asarray(probabilities, dtype=np.float64), np.asarray(labels, dtype=np.int64)
    if values.ndim != 2 or truth.shape != values.shape[:1] or not len(truth):
        raise ConfigError(
            f"probabilities {values.shape} and labels {truth.shape} do not match: expected (N, K) and (N,), N > 0"
        )
    if bins < 1:
        raise ConfigError(f"calibration over {bins} bins is not possible: expected at least 1")
    return calibrate_confidence(values.max(axis=1), values.argmax(axis=1) == truth, bins=bins)


def calibrate_confidence(confidence: NDArray[np.float64], right: NDArray[np.bool_], *, bins: int = 15) -> Calibration:
    """Compare confidence and accuracy, as `calibrate` does, of predictions that are made already.

    Args:
        confidence: The probability of each prediction, `(N,)`, N > 0.
        right: Whether it is right, `(N,)`.
        bins: B, at least 1.

    Returns:
        The reliability of each bin and the expected calibration error.
    """
    edges = np.linspace(0, 1, bins + 1)
    at = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    counts = np.bincount(at, minlength=bins)
    with np.errstate(invalid="ignore"):
        mean_confidence = np.bincount(at, weights=confidence, minlength=bins) / counts
        accuracy = np.bincount(at, weights=right, minlength=bins) / counts
    error = float(np.nansum(np.abs(accuracy - mean_confidence) * counts) / len(right))
    return Calibration(edges, counts, mean_confidence, accuracy, error)


@dataclass(frozen=True, eq=False)
class Agreement:
    """Pairwise agreement between the predictions of several streams or heads.

    Attributes:
        names: The names of what was compared, n.
        matrix: Share of samples with the same prediction, `(n, n)`, 0 to 1.
        any_right: Share of samples that at least one gets right: no choice among them can do better.
        all_right: Share of samples that all get right.
    """

    names: tuple[str, ...]
    matrix: NDArray[np.float64]
    any_right: float
    all_right: float


def agree(predictions: Mapping[str, ArrayLike], labels: ArrayLike) -> Agreement:
    """Compare the predictions of several streams or heads on the same samples in the same order.

    Args:
        predictions: Predicted classes, `(N,)`, by name of stream or head.
        labels: True classes, `(N,)`.

    Returns:
        The agreement of each pair, and how far their mistakes overlap.

    Raises:
        ConfigError: If there is nothing to compare or a length differs.
    """
    truth = np.asarray(labels, dtype=np.int64)
    for name, values in predictions.items():
        if np.shape(values) != truth.shape:
            raise ConfigError(
                f"predictions {name!r} have shape {np.shape(values)}: {len(truth)} labels need {truth.shape}"
            )
    if not predictions or not len(truth):
        raise ConfigError(
            f"agreement of {len(predictions)} predictions on {len(truth)} samples: expected at least one of each"
        )
    table = np.stack([np.asarray(values, dtype=np.int64) for values in predictions.values()])  # (n, N)
    right = table == truth
    return Agreement(
        names=tuple(predictions),
        matrix=(table[:, None] == table[None]).mean(axis=2),
        any_right=float(right.any(axis=0).mean()),
        all_right=float(right.all(axis=0).mean()),
    )
