"""Agreement between streams and heads, and calibration of confidences, as parts of a report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualhead.evaluation.calibration import agree, calibrate_confidence
from dualhead.evaluation.scores import Scores, mean_of_heads
from dualhead.visualize import plots
from dualhead.visualize.result_table import ResultTable


@dataclass(frozen=True)
class HeadPredictions:
    """The predictions of one stream's head, or of the fusion, for every sample.

    Attributes:
        name: The name of the stream or head.
        predictions: The predicted classes, `(N,)`.
        confidence: The probability of each, `(N,)`.
    """

    name: str
    predictions: NDArray[np.int64]
    confidence: NDArray[np.float64]


def compare_predictions(table: ResultTable) -> dict[str, Any]:
    """Compare the predictions of all streams and heads, and their confidence with their accuracy.

    Args:
        table: The scores; streams are processed one at a time.

    Returns:
        `agreement`, as `agreement` returns it, and `reliability`, as `reliability` does.
    """
    labels = table.scores.labels
    heads = list(_head_predictions(table))
    prediction = _predict_classes("prediction", table.scores, None)
    return {"agreement": agreement(heads, labels), "reliability": reliability([*heads, prediction], labels)}


def agreement(heads: Sequence[HeadPredictions], labels: NDArray[np.int64]) -> dict[str, Any] | None:
    """Compare the predictions of all streams and heads.

    Args:
        heads: The predictions of all heads.
        labels: True classes, `(N,)`.

    Returns:
        `names`; `rows`, each with `name`, `accuracy` and `cells` (shares of samples with the same prediction, 0 to 1);
        `any_right` and `all_right`. None where there is only one prediction.
    """
    if len(heads) < 2:
        return None
    predictions = {head.name: head.predictions for head in heads}
    found = agree(predictions, labels)
    rows = [
        {"name": name, "accuracy": float((predictions[name] == labels).mean()), "cells": cells}
        for name, cells in zip(found.names, found.matrix.tolist(), strict=True)
    ]
    return {"names": found.names, "rows": rows, "any_right": found.any_right, "all_right": found.all_right}


def reliability(heads: Sequence[HeadPredictions], labels: NDArray[np.int64]) -> dict[str, Any]:
    """Compare confidence and accuracy, of the prediction as a diagram and of every stream and head as a number.

    Args:
        heads: The predictions of all heads, the fused prediction last.
        labels: True classes, `(N,)`.

    Returns:
        `svg`; `rows`, each with `name`, `accuracy`, `confidence` (the mean) and `error` (the expected calibration
        error), all 0 to 1, the prediction last.
    """
    rows = []
    for head in heads:
        right = head.predictions == labels
        found = calibrate_confidence(head.confidence, right)
        rows.append(
            {
                "name": head.name,
                "accuracy": float(right.mean()),
                "confidence": float(head.confidence.mean()),
                "error": found.error,
            }
        )
    return {"svg": plots.reliability(found), "rows": rows}


def _head_predictions(table: ResultTable) -> Iterator[HeadPredictions]:
    """Yield each stream's heads, in the sample order of the table's scores."""
    order = table.scores.names
    for stream, item in table.streams.items():
        aligned = _aligned(item, order)
        for number, head in enumerate(aligned.heads):
            name = head if len(table.streams) == 1 else stream if len(aligned.heads) == 1 else f"{stream}, {head}"
            yield _predict_classes(name, aligned, number)


def _predict_classes(name: str, scores: Scores, head: int | None) -> HeadPredictions:
    """Compute the predictions of a head, or of the mean of all, some samples at a time."""
    predictions, confidence = np.empty(len(scores), np.int64), np.empty(len(scores))
    for rows in scores.blocks():
        part = scores.rows(rows)
        block = mean_of_heads(part) if head is None else part[:, head].astype(np.float64)
        predictions[rows] = block.argmax(axis=1)
        shifted = block - block.max(axis=1, keepdims=True)
        confidence[rows] = 1 / np.exp(shifted, out=shifted).sum(axis=1)
    return HeadPredictions(name, predictions, confidence)


def _aligned(item: Scores, names: NDArray[np.str_]) -> Scores:
    if np.array_equal(item.names, names):
        return item
    sorter = np.argsort(item.names)
    return item.take(sorter[np.searchsorted(item.names, names, sorter=sorter)])
