"""Classification metrics: top-k accuracy, mean class accuracy, confusion matrix.

A class without a sample in the split has no accuracy: it is NaN per class and left out of the mean over classes, and
its row of the confusion matrix is zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dualhead.evaluation.scores import Scores, cache_blocks, label_log_probability, mean_of_heads
from dualhead.runtime.errors import ConfigError


@dataclass(frozen=True)
class Metrics:
    """The usual figures of one set of logits.

    Attributes:
        count: Samples, N.
        top1: Share of samples whose class has the highest logit, 0 to 1.
        top5: Share of samples whose class is among the 5 highest (all, where there are fewer classes), 0 to 1.
        mean_class: Mean over the classes that have samples of their top-1 accuracy, 0 to 1.
        cross_entropy: Mean negative log probability of the true class, in nats.
    """

    count: int
    top1: float
    top5: float
    mean_class: float
    cross_entropy: float


def measure(logits: ArrayLike, labels: ArrayLike) -> Metrics:
    """Measure one set of logits.

    Args:
        logits: Logits, `(N, K)`.
        labels: True classes, `(N,)`.

    Returns:
        The figures.

    Raises:
        ConfigError: If there is no sample or the shapes do not match.
    """
    values, truth = _checked(logits, labels)
    blocks = cache_blocks(len(truth), values.shape[1])
    figures = [sample_figures(values[block], truth[block]) for block in blocks]
    return summarise_samples(figures, truth)


def sample_figures(
    logits: NDArray[np.float64], labels: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Compute what the figures of many samples are made of.

    Args:
        logits: Logits, `(N, K)`.
        labels: True classes, `(N,)`, 0 to K - 1.

    Returns:
        Ranks and log probabilities of the true classes, `(N,)` each.
    """
    return _rank(logits, labels), label_log_probability(logits, labels)


def summarise_samples(
    figures: Sequence[tuple[NDArray[np.int64], NDArray[np.float64]]], labels: NDArray[np.int64]
) -> Metrics:
    """Compute figures from those of the samples.

    Args:
        figures: The results of `sample_figures` for one block of samples after another, N > 0 in all.
        labels: The true classes, `(N,)`.

    Returns:
        The figures.
    """
    ranks = np.concatenate([block for block, _ in figures])
    log_probability = np.concatenate([block for _, block in figures])
    totals = np.bincount(labels)
    right = np.bincount(labels[ranks < 1], minlength=len(totals))
    seen = totals > 0
    return Metrics(
        count=len(labels),
        top1=float((ranks < 1).mean()),
        top5=float((ranks < 5).mean()),
        mean_class=float((right[seen] / totals[seen]).mean()),
        cross_entropy=float(-log_probability.mean()),
    )


def measure_heads(scores: Scores) -> dict[str, Metrics]:
    """Measure every head and their mean.

    Args:
        scores: Scores of one stream, or fused ones.

    Returns:
        The figures by head name; the heads' mean, which is the prediction, comes last as "mean".

    Raises:
        ConfigError: If there is no sample.
    """
    if not len(scores):
        raise ConfigError("0 samples have no accuracy: expected at least one")
    names = (*scores.heads, "mean")
    figures: dict[str, list[tuple[NDArray[np.int64], NDArray[np.float64]]]] = {name: [] for name in names}
    for block in scores.blocks():
        logits, labels = scores.rows(block), scores.labels[block]
        for number, head in enumerate(scores.heads):
            figures[head].append(sample_figures(logits[:, number].astype(np.float64), labels))
        figures["mean"].append(sample_figures(mean_of_heads(logits), labels))
    return {name: summarise_samples(parts, scores.labels) for name, parts in figures.items()}


def rank(logits: ArrayLike, labels: ArrayLike) -> NDArray[np.int64]:
    """Count the classes that are placed before the true one.

    Convention: a class comes before another if its logit is higher or, of equal logits, its number is lower; so rank 0
    means that arg-max is right, and constant logits are right only for class 0.

    Args:
        logits: Logits, `(N, K)`.
        labels: True classes, `(N,)`.

    Returns:
        Ranks, `(N,)`, 0 to K - 1.

    Raises:
        ConfigError: If there is no sample or the shapes do not match.
    """
    return _rank(*_checked(logits, labels))


def _rank(values: NDArray[np.float64], truth: NDArray[np.int64]) -> NDArray[np.int64]:
    own = np.take_along_axis(values, truth[:, None], axis=1)  # (N, 1)
    earlier = np.arange(values.shape[1]) < truth[:, None]  # (N, K)
    ranks: NDArray[np.int64] = ((values > own) | ((values == own) & earlier)).sum(axis=1)
    return ranks


def confusion_matrix(labels: ArrayLike, predictions: ArrayLike, num_classes: int) -> NDArray[np.int64]:
    """Count the samples of each true and predicted class.

    Args:
        labels: True classes, `(N,)`.
        predictions: Predicted classes, `(N,)`.
        num_classes: K.

    Returns:
        Counts, `(K, K)`: rows are true classes, columns predicted ones.

    Raises:
        ConfigError: If the two differ in length or a class is outside 0 to K - 1.
    """
    truth, predicted = np.asarray(labels, dtype=np.int64), np.asarray(predictions, dtype=np.int64)
    if truth.ndim != 1 or truth.shape != predicted.shape:
        raise ConfigError(
            f"{truth.shape} labels and {predicted.shape} predictions do not match: expected one of each per sample"
        )
    for kind, values in (("label", truth), ("prediction", predicted)):
        if values.size and not 0 <= values.min() <= values.max() < num_classes:
            wrong = values[(values < 0) | (values >= num_classes)][0]
            raise ConfigError(
                f"{kind} {wrong} is not a class: {num_classes} classes are numbered 0 to {num_classes - 1}"
            )
    return np.bincount(truth * num_classes + predicted, minlength=num_classes**2).reshape(num_classes, num_classes)


def class_accuracy(logits: ArrayLike, labels: ArrayLike) -> NDArray[np.float64]:
    """Measure the top-1 accuracy of each class.

    Args:
        logits: Logits, `(N, K)`.
        labels: True classes, `(N,)`.

    Returns:
        Accuracies, `(K,)`, 0 to 1; NaN for a class without a sample.

    Raises:
        ConfigError: If there is no sample or the shapes do not match.
    """
    values, truth = _checked(logits, labels)
    matrix = confusion_matrix(truth, values.argmax(axis=1), values.shape[1])
    totals = matrix.sum(axis=1)
    result = np.full(len(totals), np.nan)
    np.divide(matrix.diagonal(), totals, out=result, where=totals > 0)
    return result


def _checked(logits: ArrayLike, labels: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    values, truth = np.asarray(logits, dtype=np.float64), np.asarray(labels, dtype=np.int64)
    if values.ndim != 2 or truth.shape != values.shape[:1]:
        raise ConfigError(f"logits {values.shape} and labels {truth.shape} do not match: expected (N, K) and (N,)")
    if not len(truth):
        raise ConfigError("0 samples have no accuracy: expected at least one")
    if not 0 <= truth.min() <= truth.max() < values.shape[1]:
        wrong = truth[(truth < 0) | (truth >= values.shape[1])][0]
        raise ConfigError(
            f"label {wrong} is not a class: {values.shape[1]} classes are numbered 0 to {values.shape[1] - 1}"
        )
    return values, truth
