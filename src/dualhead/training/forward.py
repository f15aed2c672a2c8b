"""Logits and scores of every sample of a loader: the one evaluation loop, shared by training and evaluation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dualhead.data.loading.dataset import Batch
from dualhead.data.store.store import Store
from dualhead.evaluation.clip_average import average_clips
from dualhead.evaluation.scores import Scores
from dualhead.layers.bodies import DistinctBodies, send
from dualhead.models.base import ModelOutput, SkeletonModel
from dualhead.training.processes import gather_rows
from dualhead.training.trained_on import FIELD


def clip_logits(model: nn.Module, clips: Tensor, bodies: DistinctBodies) -> NDArray[np.float32]:
    """Compute the logits of clips.

    Args:
        model: The model, `(N, C, T, V, M)` and their distinct bodies to `(N, H, K)`.
        clips: `(N, C, T, V, M)`.
        bodies: The bodies that differ.

    Returns:
        Logits, `(N, H, K)` float32.
    """
    logits: NDArray[np.float32] = ModelOutput.of(model(clips, bodies)).logits.float().cpu().numpy()  # (N, H, K)
    return logits


def with_first_clip(logits: NDArray[np.float32], test_clips: int, average: str) -> NDArray[np.float32]:
    """Average logits over a sample's clips, and put those of its first clip beside them.

    Args:
        logits: Logits of every clip, `(N * test_clips, H, K)`.
        test_clips: Clips of a sample.
        average: The quantity that is averaged; see `average_clips`.

    Returns:
        `(N, 2 * H, K)` float32: the heads of the average, then those of the first clip.
    """
    return np.concatenate([average_clips(logits, test_clips, average), logits[::test_clips]], axis=1)


def half_precision(precision: str, device: torch.device) -> AbstractContextManager[object]:
    """Return the autocast context of an experiment's precision.

    Convention: "fp16" needs a GPU to be of use; elsewhere the pass runs in float32.

    Args:
        precision: "32", "tf32", "bf16" or "fp16".
        device: The device of the model.

    Returns:
        A context manager.
    """
    if precision in ("32", "tf32") or (precision == "fp16" and device.type != "cuda"):
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16 if precision == "bf16" else torch.float16)


def score_loader(
    model: nn.Module,
    loader: Iterable[Batch],
    *,
    device: torch.device,
    test_clips: int = 1,
    average: str = "probabilities",
    precision: str = "32",
    on_batch: Callable[[int], object] | None = None,
    first_clip: bool = False,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Run a model in evaluation mode over a loader, in every process over its share.

    Args:
        model: The model; its mode is put back afterwards.
        loader: Batches with `clips` and `indices`.
        device: The device to compute on; the model is moved there.
        test_clips: Clips of a sample.
        average: The quantity that is averaged; see `average_clips`.
        precision: "32", "bf16" or "fp16".
        on_batch: Called with the number of samples after every batch.
        first_clip: Return `(N, 2 * H, K)`, with the logits of each sample's first clip after the average.

    Returns:
        The rows `(N,)` and logits `(N, H, K)` of all samples of all processes, sorted by row.
    """
    training = model.training
    model.eval().to(device)
    parts = []
    try:
        with torch.inference_mode(), half_precision(precision, device):
            for batch in loader:
                logits = clip_logits(model, *send(batch["clips"], device))
                merge = with_first_clip if first_clip else average_clips
                logits = merge(logits, test_clips, average)
                parts.append((batch["indices"].numpy(), logits))
                if on_batch is not None:
                    on_batch(len(logits))
    finally:
        model.train(training)
    return gather_rows(parts)


def make_scores(
    store: Store,
    rows: NDArray[np.int64],
    logits: NDArray[np.float32],
    model: SkeletonModel,
    provenance: Mapping[str, Any],
) -> Scores:
    """Combine logits with names and labels.

    Args:
        store: The data.
        rows: Rows of the store, `(N,)`.
        logits: Logits, `(N, H, K)`.
        model: The model that computed them; names the heads.
        provenance: The provenance of the scores.

    Returns:
        The scores.
    """
    names = np.asarray(store.names)[rows]
    said = {key: value for key, value in provenance.items() if key != FIELD}
    return Scores(names, np.asarray(store.labels)[rows], logits, model.heads, said)
