"""Scoring one split of a protocol, shared out among the processes that run now."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any

import torch
from torch import distributed

from dualhead.data.loading.datamodule import ClipLoader
from dualhead.data.store.store import Store
from dualhead.evaluation.metrics import measure_heads
from dualhead.evaluation.scores import Scores
from dualhead.models.base import SkeletonModel
from dualhead.runtime.errors import StoreError
from dualhead.training.build import data_module
from dualhead.training.experiment import Experiment, Validation
from dualhead.training.forward import make_scores, score_loader
from dualhead.training.processes import together
from dualhead.training.trained_on import FIELD, find_trained_on

SPLITS = ("test", "validation")
"""The splits of a protocol that can be scored."""

logger = logging.getLogger("dualhead.training")


def score_split(
    model: SkeletonModel,
    store: Store,
    experiment: Experiment,
    provenance: Mapping[str, Any],
    *,
    split: str,
    batch_size: int | None = None,
    workers: int = 0,
    device: torch.device,
    on_start: Callable[[int], object] | None = None,
    on_batch: Callable[[int], object] | None = None,
) -> Scores:
    """Score one split of a store, shared out among the processes that run now.

    Convention: processes share whole batches, and a batch holds the same samples whatever their number, so that every
    sample goes through the same arithmetic.

    Args:
        model: The model; it is moved to `device`.
        store: The data.
        experiment: Names the recipe, the protocol, the validation split and the precision.
        provenance: The provenance of the model; names the stream.
        split: One of `SPLITS`.
        batch_size: Samples scored at once; None: as many as in training.
        workers: Processes that load data beside this one.
        device: The device to compute on.
        on_start: Called with the number of samples of this process.
        on_batch: Called with the number of samples after every batch.

    Returns:
        The scores, in every process.

    Raises:
        StoreError: If the split contains no sample.
    """
    size = (
        batch_size or experiment.eval_batch_size or max(1, experiment.batch_size // experiment.accumulate_grad_batches)
    )
    validation = experiment.validation if split == "validation" else Validation(by="none")
    experiment = replace(experiment, validation=validation)  # the test split is the same with or without it
    module = data_module(store, experiment, provenance["stream"], batch_size=size, eval_batch_size=size)
    rows = module.test_indices if split == "test" else module.validation_indices
    if not len(rows):
        raise StoreError(
            f"protocol {experiment.protocol!r} leaves no {split} samples in {store.path}: nothing to score"
        )
    whole = module.all_clips(rows)
    rank, processes = (distributed.get_rank(), distributed.get_world_size()) if together() else (0, 1)
    batches = list(whole.batch_sampler or ())[rank::processes]
    loader = ClipLoader(whole.dataset, batch_sampler=batches, num_workers=workers, collate_fn=whole.collate_fn)
    if on_start is not None:
        on_start(sum(len(batch) for batch in batches))
    clips, average = module.recipe.num_test_clips, module.recipe.test_clips.average
    scored, logits = score_loader(
        model,
        loader,
        device=device,
        test_clips=clips,
        average=average,
        precision=experiment.precision,
        on_batch=on_batch,
        first_clip=clips > 1,
    )
    provenance = {**provenance, "split": split}
    if clips > 1:
        heads = len(model.heads)
        alone = measure_heads(make_scores(store, scored, logits[:, heads:], model, provenance))
        figures = {head: asdict(metrics) for head, metrics in alone.items()}
        provenance |= {"test_clips": clips, "clip_average": average, "one_clip": figures}
        logits = logits[:, :heads]
    return make_scores(store, scored, logits, model, provenance)


def warn_of_overlap(checkpoint: str, provenance: Mapping[str, Any], scores: Scores) -> int:
    """Report how many of the scored samples the checkpoint was trained on."""
    known = find_trained_on(provenance.get(FIELD), scores.names)
    count = int(known.sum())
    if count:
        logger.warning(
            "%s was trained on %d of the %d samples that are scored, such as %s: this is not a measure of how it "
            "does on "
            "others",
            checkpoint, count, len(scores), scores.names[known.argmax()],
        )  # fmt: skip
    return count
