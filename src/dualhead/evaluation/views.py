"""Several clips of one sample, scored apart and averaged."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dualhead.evaluation.scores import log_softmax
from dualhead.runtime.errors import ConfigError


def average_views(logits: ArrayLike, views: int) -> NDArray[np.float32]:
    """Average the probabilities of a sample's clips, head by head.

    Convention: the clips of a sample stand one after another. With one view the logits come back unchanged; with more,
    what comes back are the logs of the averaged probabilities, whose softmax is that average.

    Args:
        logits: Logits of every clip, `(N * views, H, K)`.
        views: Clips of a sample, at least 1.

    Returns:
        Logits of every sample, `(N, H, K)`, float32.

    Raises:
        ConfigError: If the number of clips is no multiple of `views`.
    """
    values = np.asarray(logits)
    if views < 1 or len(values) % views:
        raise ConfigError(
            f"{len(values)} clips cannot be {views} views a sample: give a divisor of the number of clips"
        )
    if views == 1:
        return values.astype(np.float32)
    clips = log_softmax(values).reshape(-1, views, *values.shape[1:])  # (N, views, H, K)
    peak = clips.max(axis=1, keepdims=True)
    # Averaged beside their largest term, so that a class every view thinks hopeless keeps a finite log.
    average: NDArray[np.float32] = (np.log(np.exp(clips - peak).mean(axis=1)) + peak[:, 0]).astype(np.float32)
    return average
