"""Scoring one side of a store with a trained model."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from lightning.fabric import Fabric
from rich.console import Console
from torch import distributed
from torch.utils.data import DataLoader

from dualhead.data.loading.datamodule import ClipDataModule
from dualhead.data.recipes.recipes import get_recipe
from dualhead.data.recipes.streams import check_stream
from dualhead.data.store.identity import check_store
from dualhead.data.store.store import Store, open_store
from dualhead.evaluation.metrics import measure_heads
from dualhead.evaluation.scores import Scores
from dualhead.evaluation.tables import scores_table
from dualhead.models.base import SkeletonModel
from dualhead.models.checkpoint import load_checkpoint
from dualhead.runtime.errors import CheckpointError, ConfigError, StoreError, unknown
from dualhead.runtime.files import check_apart, check_writable
from dualhead.runtime.machine import check_workers
from dualhead.runtime.plugins import explained
from dualhead.runtime.terminal import print_line
from dualhead.training.config import parse_experiment
from dualhead.training.experiment import Experiment, Validation
from dualhead.training.forward import make_scores, score_loader
from dualhead.training.mixing import create_collate
from dualhead.training.processes import is_main, launch_settings, together
from dualhead.training.progress import quiet_lightning, shown
from dualhead.training.trained_on import FIELD, find_trained_on

SPLITS = ("test", "validation")
"""The sides of a protocol that can be scored."""

logger = logging.getLogger("dualhead.training")


def evaluate(
    checkpoint: str | Path,
    store: str | Path | Store,
    out: str | Path | None = None,
    *,
    split: str = "test",
    batch_size: int | None = None,
    workers: int = 2,
    device: str = "auto",
    quiet: bool = False,
) -> Scores:
    """Score one side of a store with a checkpoint.

    The recipe, stream, protocol and precision are the checkpoint's own. Under `torchrun` the processes share the work
    and give the same scores as one. All test clips of the recipe are averaged; where it has several, the provenance of
    the scores says how many (`test_clips`), what was averaged (`clip_average`), and what the first clip of each sample
    reaches alone (`one_clip`: the figures by head, the heads' mean as "mean").

    Args:
        checkpoint: A `.safetensors` file that `train` wrote.
        store: A prepared store, or its folder.
        out: The `.npz` file to write the scores to; None writes nothing.
        split: "test", or "validation" for the part of the training side that the training kept back.
        batch_size: Samples that a process scores at once; None: as many as in training.
        workers: Processes that load data beside each evaluating process, 0 or more.
        device: "cpu", "cuda", "mps", or "auto" for a GPU where CUDA has one.
        quiet: Show neither a bar nor messages.

    Returns:
        The scores, in every process.

    Raises:
        CheckpointError: If the checkpoint cannot be read.
        MismatchError: If the store is not of the kind that the checkpoint was trained on; names the field that differs.
        StoreError: If the store cannot be read, or the split holds no sample.
        ConfigError: If an argument cannot be used, or `out` is the checkpoint or lies in the store.
        OSError: If `out` cannot be written, before anything is scored.
    """
    if split not in SPLITS:
        raise unknown("split", split, SPLITS)
    if batch_size is not None and batch_size < 1:
        raise ConfigError(f"batch_size is {batch_size}: give 1 or more")
    check_workers(workers)
    if out is not None:
        check_apart(out, [checkpoint, store.path if isinstance(store, Store) else store])
    model, provenance = load_checkpoint(checkpoint)
    for field in ("experiment", "stream"):
        if provenance.get(field) is None:
            raise CheckpointError(
                f"{checkpoint} does not say its {field}: give one that `dualhead train` wrote, or convert it again "
                "with --experiment and --stream"
            )
    experiment = parse_experiment(provenance["experiment"], f"{checkpoint}, experiment", saved=True)
    with explained(provenance, checkpoint):
        get_recipe(experiment.recipe)
        check_stream(provenance["stream"])
    store = open_store(store) if isinstance(store, str | Path) else store
    same = store.fingerprint == provenance.get("data_fingerprint")
    passed_over = () if split == "validation" else ("data_fingerprint",)  # only the same data have the same side
    check_store(store, provenance, str(checkpoint), passed_over=passed_over, needed=True)
    if out is not None:
        check_writable(out)
    if not same:
        logger.warning("%s was trained on other data of the same kind: its data_fingerprint differs", checkpoint)
    with quiet_lightning(), shown(Console(), not quiet) as bars:
        fabric = Fabric(**launch_settings(device))
        fabric.launch()
        bar = bars(f"scoring {split}", None)
        scores = score_split(
            model,
            store,
            experiment,
            {**provenance, "data_fingerprint": store.fingerprint},
            split=split,
            batch_size=batch_size,
            workers=workers,
            device=fabric.device,
            on_start=lambda total: bar.update(total=total),
            on_batch=bar.advance,
        )
    overlap = _warn_of_overlap(str(checkpoint), provenance, scores)
    if overlap:
        scores = replace(scores, provenance={**scores.provenance, "trained_on_samples": overlap})
    if out is not None and is_main():
        scores.save(out)
    return scores


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
    """Score one side of a store, shared out among the processes that run now.

    Convention: processes share whole batches, and a batch holds the same samples whatever their number, so that every
    sample goes through the same arithmetic.

    Args:
        model: The model; it is moved to `device`.
        store: The data.
        experiment: Names the recipe, the protocol, the validation side and the precision.
        provenance: What the model says of its origin; names the stream.
        split: One of `SPLITS`.
        batch_size: Samples scored at once; None: as many as in training.
        workers: Processes that load data beside this one.
        device: Where to compute.
        on_start: Called with the number of samples of this process.
        on_batch: Called with the number of samples after every batch.

    Returns:
        The scores, in every process.

    Raises:
        StoreError: If the split holds no sample.
    """
    size = (
        batch_size or experiment.eval_batch_size or max(1, experiment.batch_size // experiment.accumulate_grad_batches)
    )
    validation = experiment.validation if split == "validation" else Validation(by="none")
    experiment = replace(experiment, validation=validation)  # the test side is the same with or without it
    module = data_module(store, experiment, provenance["stream"], batch_size=size, eval_batch_size=size)
    rows = module.test_indices if split == "test" else module.validation_indices
    if not len(rows):
        raise StoreError(
            f"protocol {experiment.protocol!r} leaves no {split} samples in {store.path}: nothing to score"
        )
    whole = module.all_clips(rows)
    rank, processes = (distributed.get_rank(), distributed.get_world_size()) if together() else (0, 1)
    batches = list(whole.batch_sampler or ())[rank::processes]
    loader = DataLoader(whole.dataset, batch_sampler=batches, num_workers=workers, collate_fn=whole.collate_fn)
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


def data_module(
    store: Store, experiment: Experiment, stream: str, *, batch_size: int, eval_batch_size: int
) -> ClipDataModule:
    """Give the three sides of the experiment's protocol, always split the same way.

    Args:
        store: The data.
        experiment: Names the recipe, the protocol, the validation side and the seed.
        stream: The name of a stream.
        batch_size: Training samples of a batch and process.
        eval_batch_size: Samples of a batch and process in validation and test.

    Returns:
        The data module.

    Raises:
        StoreError: If a sample has no label.
    """
    unlabelled = store.names[store.labels < 0]
    if len(unlabelled):
        raise StoreError(f"sample {str(unlabelled[0])!r} of {store.path} has no label: prepare the store with labels")
    return ClipDataModule(
        store,
        experiment.protocol,
        experiment.recipe,
        stream,
        batch_size=batch_size,
        eval_batch_size=eval_batch_size,
        seed=experiment.seed,
        validation=experiment.validation.by,
        validation_fraction=experiment.validation.fraction,
        validation_value=experiment.validation.value,
        repeat=experiment.repeat,
        train_collate=create_collate(experiment, store),
        workers=experiment.num_workers,
        drop_last=True,
    )


def _warn_of_overlap(checkpoint: str, provenance: Mapping[str, Any], scores: Scores) -> int:
    """Report how many of the scored samples the checkpoint was trained on."""
    known = find_trained_on(provenance.get(FIELD), scores.names)
    count = int(known.sum())
    if count:
        logger.warning(
            "%s was trained on %d of the %d samples that are scored, such as %s: this is no measure of how it does on "
            "others",
            checkpoint, count, len(scores), scores.names[known.argmax()],
        )  # fmt: skip
    return count


def evaluate_and_print(
    checkpoint: Path,
    store: Path,
    out: Path | None = None,
    split: str = "test",
    batch_size: int | None = None,
    workers: int = 2,
    device: str = "auto",
) -> Scores:
    """Score one side of a store with a checkpoint and print top-1, top-5 and mean class accuracy of every head.

    The recipe, stream, protocol and precision are the checkpoint's own. Under `torchrun` the processes share the work
    and give the same scores as one.

    Args:
        checkpoint: A `.safetensors` file that `train` wrote.
        store: Folder of a prepared store.
        out: The `.npz` file to write the scores to. Default: none is written.
        split: "test", or "validation" for the part of the training side that the training kept back.
        batch_size: Samples that a process scores at once. Default: as many as in training.
        workers: Processes that load data beside each evaluating process, 0 or more.
        device: "cpu", "cuda", "mps", or "auto" for a GPU where CUDA has one.

    Returns:
        The scores.
    """
    scores = evaluate(checkpoint, store, out, split=split, batch_size=batch_size, workers=workers, device=device)
    if is_main():
        provenance = scores.provenance
        name = f"{provenance['stream']}, {provenance['selection']} epoch ({provenance['epoch']})"
        console = Console()
        console.print(scores_table({name: scores}, f"{provenance['dataset']} {provenance['protocol']} {split}"))
        if out is not None:
            print_line(console, f"scores: {out}")
    return scores
