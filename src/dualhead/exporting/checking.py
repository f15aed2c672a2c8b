"""Comparison of an exported model with the model it was made of, on clips made for that."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from dualhead.inference.predictor import Predictor
from dualhead.models.base import SkeletonModel
from dualhead.runtime.errors import ExportError
from dualhead.skeleton_maps import convert_skeleton

TOLERANCE = 1e-4
"""Largest difference of a logit, in parts of the largest logit of its batch where that is above 1."""

MOST_RECORDINGS = 8
"""Recordings of a source that are asked about."""

Clips = NDArray[np.float32]
Runtime = Callable[[Clips], NDArray[np.float32]]
"""Maps clips `(N, C, T, V, M)` to logits `(N, H, K)`."""


def random_clips(model: SkeletonModel, frames: int, seed: int = 0) -> Clips:
    """Draw clips of every person, of the first body alone, and of no person.

    Args:
        model: The model they are for.
        frames: T.
        seed: Of the draw.

    Returns:
        float32 `(3, C, T, V, M)`.
    """
    config = model.config
    shape = (3, config.in_channels, frames, config.skeleton.num_joints, config.num_bodies)
    clips = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    clips[1, ..., 1:] = 0
    clips[2] = 0
    return clips


def recorded_clips(predictor: Predictor, source: Path) -> Iterator[Clips]:
    """Load the clips of the first recordings of a source, as the predictor would.

    Args:
        predictor: Of one checkpoint.
        source: A raw file, a folder or archive of them, or a store.

    Yields:
        float32 `(test_clips, C, T, V, M)` for each recording.

    Raises:
        MismatchError: If a recording has a skeleton that cannot be converted to the model's.
        FormatError: If a recording cannot be read.
    """
    member = predictor.members[0]
    for sequence in islice(predictor.make_reader().read(source), MOST_RECORDINGS):
        yield member.recipe.clips(convert_skeleton(sequence, predictor.skeleton), member.stream)


def compare(model: SkeletonModel, runtime: Runtime, clips: Clips, what: str) -> float:
    """Compare an exported model with the model.

    Args:
        model: The model, in evaluation mode on the CPU.
        runtime: The exported model.
        clips: float32 `(N, C, T, V, M)`.
        what: The name of the clips, for the message.

    Returns:
        The largest difference, in parts of the largest logit where that is above 1.

    Raises:
        ExportError: If it is above `TOLERANCE`, a logit is not finite, or the shape is another.
    """
    with torch.inference_mode():
        expected = model(torch.from_numpy(clips)).numpy()
    given = runtime(clips)
    if given.shape != expected.shape:
        raise ExportError(
            f"the exported model gives logits of shape {given.shape} on {what}: {expected.shape} is right"
        )
    difference = float(np.abs(given - expected).max() / max(1.0, float(np.abs(expected).max())))
    if not difference <= TOLERANCE:
        raise ExportError(
            f"the exported model differs by {difference:.1e} on {what}, {TOLERANCE:.0e} is allowed: nothing was kept; "
            "use another format or the checkpoint itself"
        )
    return difference
