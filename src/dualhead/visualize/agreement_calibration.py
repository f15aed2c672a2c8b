"""Agreement between streams and heads, and calibration of confidences, as parts of a report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualhead.evaluation.calibration import agree, calibrate_confidence
from dualhead.evaluation.scores import Scores
from dualhead.visualize import plots
from dualhead.visualize.standings import ResultTable

_BLOCK_VALUES = 2**17


@dataclass(frozen=True)
class Voice:
    """The predictions of one stream's head, or of the fusion, for every sample.

    Attributes:
        name: What it is called.
        predictions: The predicted classes, `(N,)`.
        confidence: The probability of each, `(N,)`.
    """

    name: str
    predictions: NDArray[np.int64]
    confidence: NDArray[np.float64]


def judge(standing: ResultTable) -> dict[str, Any]:
    """Compare the predictions of all streams and heads, and their confidence with their accuracy.

    Args:
        standing: The scores; one stream at a time is looked at.

    Returns:
        `agreement`, as `agreement` returns it, and `reliability`, as `reliability` does.
    """
    labels = standing.scores.labels
    voices = list(_voices(standing))
    prediction = _hear("prediction", standing.scores.logits, None)
    return {"agreement": agreement(voices, labels), "reliability": reliability([*voices, prediction], labels)}


def agreement(voices: Sequence[Voice], labels: NDArray[np.int64]) -> dict[str, Any] | None:
    """Compare the predictions of all streams and heads.

    Args:
        voices: What they say.
        labels: True classes, `(N,)`.

    Returns:
        `names`; `rows`, each with `name`, `accuracy` and `cells` (shares of samples with the same prediction, 0 to 1);
        `any_right` and `all_right`. None where there is only one prediction.
    """
    if len(voices) < 2:
        return None
    predictions = {voice.name: voice.predictions for voice in voices}
    found = agree(predictions, labels)
    rows = [
        {"name": name, "accuracy": float((predictions[name] == labels).mean()), "cells": cells}
        for name, cells in zip(found.names, found.matrix.tolist(), strict=True)
    ]
    return {"names": found.names, "rows": rows, "any_right": found.any_right, "all_right": found.all_right}


def reliability(voices: Sequence[Voice], labels: NDArray[np.int64]) -> dict[str, Any]:
    """Compare confidence and accuracy, of the prediction as a diagram and of every stream and head as a number.

    Args:
        voices: What they say, the prediction last.
        labels: True classes, `(N,)`.

    Returns:
        `svg`; `rows`, each with `name`, `accuracy`, `confidence` (the mean) and `error` (the expected calibration
        error), all 0 to 1, the prediction last.
    """
    rows = []
    for voice in voices:
        right = voice.predictions == labels
        found = calibrate_confidence(voice.confidence, right)
        rows.append(
            {
                "name": voice.name,
                "accuracy": float(right.mean()),
                "confidence": float(voice.confidence.mean()),
                "error": found.error,
            }
        )
    return {"svg": plots.reliability(found), "rows": rows}


def _voices(standing: ResultTable) -> Iterator[Voice]:
    """Yield each stream's heads, in the sample order of the table's scores."""
    order = standing.scores.names
    for stream, item in standing.streams.items():
        aligned = _aligned(item, order)
        for number, head in enumerate(aligned.heads):
            name = head if len(standing.streams) == 1 else stream if len(aligned.heads) == 1 else f"{stream}, {head}"
            yield _hear(name, aligned.logits, number)


def _hear(name: str, logits: NDArray[np.float32], head: int | None) -> Voice:
    """Find what a head, or the mean of all, predicts, a few samples at a time."""
    count, _, classes = logits.shape
    predictions, confidence = np.empty(count, np.int64), np.empty(count)
    size = max(1, _BLOCK_VALUES // classes)
    for start in range(0, count, size):
        part = logits[start : start + size]
        block = part.mean(axis=1, dtype=np.float64) if head is None else part[:, head].astype(np.float64)
        predictions[start : start + size] = block.argmax(axis=1)
        shifted = block - block.max(axis=1, keepdims=True)
        confidence[start : start + size] = 1 / np.exp(shifted, out=shifted).sum(axis=1)
    return Voice(name, predictions, confidence)


def _aligned(item: Scores, names: NDArray[np.str_]) -> Scores:
    if np.array_equal(item.names, names):
        return item
    sorter = np.argsort(item.names)
    return item.take(sorter[np.searchsorted(item.names, names, sorter=sorter)])
