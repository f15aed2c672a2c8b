"""How far the answers can be trusted: what streams and heads agree on, and whether confidence is accuracy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualhead.evaluation.calibration import agree, calibrate
from dualhead.evaluation.scores import Scores, softmax
from dualhead.visualize import plots
from dualhead.visualize.standings import Standing


def agreement(standing: Standing) -> dict[str, Any] | None:
    """Compare the predictions of all streams and heads.

    Args:
        standing: The scores.

    Returns:
        `names`; `rows`, each with `name`, `accuracy` and `cells` (shares of samples with the same prediction, 0 to 1);
        `any_right` and `all_right`. None where there is only one prediction.
    """
    voices = _voices(standing)
    if len(voices) < 2:
        return None
    labels = standing.scores.labels
    predictions = {name: logits.argmax(axis=1) for name, logits in voices.items()}
    found = agree(predictions, labels)
    rows = [
        {"name": name, "accuracy": float((predictions[name] == labels).mean()), "cells": cells}
        for name, cells in zip(found.names, found.matrix.tolist(), strict=True)
    ]
    return {"names": found.names, "rows": rows, "any_right": found.any_right, "all_right": found.all_right}


def reliability(standing: Standing) -> dict[str, Any]:
    """Compare confidence and accuracy, of the prediction as a diagram and of every stream and head as a number.

    Args:
        standing: The scores.

    Returns:
        `svg`; `rows`, each with `name`, `accuracy`, `confidence` (the mean) and `error` (the expected calibration
        error), all 0 to 1, the prediction last.
    """
    labels = standing.scores.labels
    diagram = calibrate(standing.scores.probabilities, labels)
    said = {**_voices(standing), "prediction": standing.scores.mean}
    rows = []
    for name, logits in said.items():
        probabilities = softmax(logits)
        rows.append(
            {
                "name": name,
                "accuracy": float((logits.argmax(axis=1) == labels).mean()),
                "confidence": float(probabilities.max(axis=1).mean()),
                "error": calibrate(probabilities, labels).error,
            }
        )
    return {"svg": plots.reliability(diagram), "rows": rows}


def _voices(standing: Standing) -> dict[str, NDArray[np.float64]]:
    """List the logits `(N, K)` of each stream's heads in the sample order of the standing's scores."""
    order = standing.scores.names
    voices: dict[str, NDArray[np.float64]] = {}
    for stream, item in standing.streams.items():
        aligned = _aligned(item, order)
        for head in aligned.heads:
            name = head if len(standing.streams) == 1 else stream if len(aligned.heads) == 1 else f"{stream}, {head}"
            voices[name] = aligned.head(head)
    return voices


def _aligned(item: Scores, names: NDArray[np.str_]) -> Scores:
    sorter = np.argsort(item.names)
    return item.take(sorter[np.searchsorted(item.names, names, sorter=sorter)])
