"""Several clips of one sample, scored apart and averaged."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dualhead.evaluation.metrics import Metrics
from dualhead.evaluation.scores import Scores, log_softmax
from dualhead.runtime.errors import ConfigError


def average_clips(logits: ArrayLike, test_clips: int, average: str = "probabilities") -> NDArray[np.float32]:
    """Average the scores of a sample's clips, head by head.

    Convention: the clips of a sample stand one after another. With one clip the logits come back unchanged. With
    "probabilities" what comes back are the logs of the averaged probabilities, whose softmax is that average; with
    "logits" the mean of the logits.

    Args:
        logits: Logits of every clip, `(N * test_clips, H, K)`.
        test_clips: Clips of a sample, at least 1.
        average: "probabilities" or "logits".

    Returns:
        Logits of every sample, `(N, H, K)`, float32.

    Raises:
        ConfigError: If the number of clips is not a multiple of `test_clips`, or the average is of neither kind.
    """
    values = np.asarray(logits)
    if test_clips < 1 or len(values) % test_clips:
        raise ConfigError(
            f"{len(values)} clips cannot be {test_clips} clips per sample: expected a divisor of the number of clips"
        )
    if average not in ("probabilities", "logits"):
        raise ConfigError(f"average is {average!r}: expected probabilities or logits")
    if test_clips == 1:
        return values.astype(np.float32)
    by_sample = values.reshape(-1, test_clips, *values.shape[1:])  # (N, test_clips, H, K)
    if average == "logits":
        mean: NDArray[np.float32] = by_sample.mean(axis=1, dtype=np.float64).astype(np.float32)
        return mean
    clips = log_softmax(values).reshape(by_sample.shape)
    peak = clips.max(axis=1, keepdims=True)
    # Averaged beside their largest term, so that a class that every clip finds hopeless keeps a finite log.
    averaged: NDArray[np.float32] = (np.log(np.exp(clips - peak).mean(axis=1)) + peak[:, 0]).astype(np.float32)
    return averaged


def one_clip_figures(scores: Scores) -> dict[str, Metrics] | None:
    """Return what the first test clip of each sample reaches alone.

    Args:
        scores: Scores that are averages over several test clips.

    Returns:
        Figures by head, the heads' mean as "mean"; None if each sample has one clip.
    """
    figures = scores.provenance.get("one_clip")
    return None if figures is None else {head: Metrics(**values) for head, values in figures.items()}
