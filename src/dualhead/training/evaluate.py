"""Scoring one split of a store with a checkpoint."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

from lightning.fabric import Fabric
from rich.console import Console

from dualhead.data.recipes.recipes import get_recipe
from dualhead.data.recipes.streams import check_stream
from dualhead.data.store.identity import check_store
from dualhead.data.store.store import Store, open_store
from dualhead.evaluation.scores import Scores
from dualhead.models.checkpoint import load_checkpoint
from dualhead.runtime.errors import CheckpointError, ConfigError, unknown
from dualhead.runtime.files import check_apart, check_writable
from dualhead.runtime.machine import check_workers
from dualhead.runtime.memory import keep_freed_memory
from dualhead.runtime.plugins import explained
from dualhead.training.config import parse_experiment
from dualhead.training.processes import is_main, launch_settings
from dualhead.training.progress import quiet_lightning, shown
from dualhead.training.scoring import SPLITS, score_split, warn_of_overlap

logger = logging.getLogger("dualhead.training")


def evaluate_store(
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
    """Score one split of a store with a checkpoint; for the arguments see `dualhead.evaluate`.

    Returns:
        The scores, in every process.

    Raises:
        CheckpointError: If the checkpoint cannot be read.
        MismatchError: If the store is not of the kind that the checkpoint was trained on; names the field that differs.
        StoreError: If the store cannot be read, or the split contains no sample.
        ConfigError: If an argument cannot be used, or `out` is the checkpoint or is inside the store.
        OSError: If `out` cannot be written, before anything is scored.
    """
    if split not in SPLITS:
        raise unknown("split", split, SPLITS)
    if batch_size is not None and batch_size < 1:
        raise ConfigError(f"batch_size is {batch_size}: expected 1 or more")
    check_workers(workers)
    if out is not None:
        check_apart(out, [checkpoint, store.path if isinstance(store, Store) else store])
    model, provenance = load_checkpoint(checkpoint)
    for field in ("experiment", "stream"):
        if provenance.get(field) is None:
            raise CheckpointError(
                f"{checkpoint} does not record its {field}: pass one that `dualhead train` wrote, or convert it again "
                "with --experiment and --stream"
            )
    experiment = parse_experiment(provenance["experiment"], f"{checkpoint}, experiment", saved=True)
    with explained(provenance, checkpoint):
        get_recipe(experiment.recipe)
        check_stream(provenance["stream"])
    store = open_store(store) if isinstance(store, str | Path) else store
    same = store.fingerprint == provenance.get("data_fingerprint")
    passed_over = () if split == "validation" else ("data_fingerprint",)  # only the same data have the same split
    check_store(store, provenance, str(checkpoint), passed_over=passed_over, needed=True)
    if out is not None:
        check_writable(out)
    if not same:
        logger.warning("%s was trained on other data of the same kind: its data_fingerprint differs", checkpoint)
    with quiet_lightning(), shown(Console(), not quiet) as bars:
        fabric = Fabric(**launch_settings(device))
        fabric.launch()
        if fabric.device.type == "cpu":
            keep_freed_memory()
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
    overlap = warn_of_overlap(str(checkpoint), provenance, scores)
    if overlap:
        scores = replace(scores, provenance={**scores.provenance, "trained_on_samples": overlap})
    if out is not None and is_main():
        scores.save(out)
    return scores
