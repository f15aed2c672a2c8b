"""From an experiment and a store to what a run is made of: model, provenance, batch sizes, Lightning's trainer."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import torch
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.loggers import TensorBoardLogger

from dualhead.data.loading.datamodule import ClipDataModule
from dualhead.data.recipes.recipes import get_recipe
from dualhead.data.store.identity import describe_store
from dualhead.data.store.store import Store
from dualhead.models.base import MIN_FRAMES, SkeletonModel
from dualhead.models.registry import create_model
from dualhead.runtime.errors import ConfigError, StoreError
from dualhead.runtime.plugins import imported
from dualhead.training.experiment import Experiment
from dualhead.training.mixing import create_collate
from dualhead.training.objectives import Objective, create_objective
from dualhead.training.run_checkpointer import AtomicCheckpointIO
from dualhead.training.run_folder import RunFolder
from dualhead.version import __version__

_PRECISION: dict[str, Any] = {"32": "32-true", "tf32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}

logger = logging.getLogger("dualhead.training")


def build_model(experiment: Experiment, store: Store, stream: str = "joint") -> SkeletonModel:
    """Build the experiment's model for a store, with weights that depend on the seed alone.

    Args:
        experiment: Names the model, the recipe and the seed.
        store: Names the skeleton and the classes.
        stream: The stream that it is to see; its channels are the model's.

    Returns:
        The model on the CPU.

    Raises:
        ConfigError: If the model or one of its arguments is not known, or the recipe's clips are too short for it.
    """
    recipe = get_recipe(experiment.recipe)
    if min(recipe.frames, recipe.train_frames) < MIN_FRAMES:
        raise ConfigError(
            f"recipe {recipe.name!r} makes clips of {min(recipe.frames, recipe.train_frames)} frames: models need at "
            f"least {MIN_FRAMES}, pass the same recipe with a larger number"
        )
    with torch.random.fork_rng():
        torch.manual_seed(experiment.seed)
        return create_model(
            experiment.model.name,
            num_classes=len(store.classes),
            skeleton=store.skeleton,
            num_bodies=recipe.num_bodies(store.skeleton),
            in_channels=recipe.channels(store.skeleton, stream),
            **experiment.model.arguments,
        )


def build_objective(experiment: Experiment, model: SkeletonModel) -> Objective:
    """Build the experiment's objective, with weights that depend on the seed alone.

    Args:
        experiment: Names the objective and the seed.
        model: The model that is trained.

    Returns:
        The objective on the CPU.

    Raises:
        ConfigError: If the objective or one of its arguments is unknown, or a value cannot be used.
    """
    with torch.random.fork_rng():
        torch.manual_seed(experiment.seed)
        return create_objective(experiment.objective.name, model, experiment.objective.arguments)


def data_module(
    store: Store, experiment: Experiment, stream: str, *, batch_size: int, eval_batch_size: int
) -> ClipDataModule:
    """Build the three splits of the experiment's protocol, always split the same way.

    Args:
        store: The data.
        experiment: Names the recipe, the protocol, the validation split and the seed.
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


def build_provenance(experiment: Experiment, store: Store, stream: str) -> dict[str, Any]:
    """Return the provenance of every file of a run, without `epoch`, `selection` and `split`."""
    recipe = get_recipe(experiment.recipe)
    return {
        **describe_store(store, experiment.protocol),
        **store.measures,
        "protocol": experiment.protocol,
        "recipe": recipe.spec,
        "stream": stream,
        "num_bodies": recipe.num_bodies(store.skeleton),
        "model": experiment.model.name,
        "variant": experiment.model.arguments,
        "experiment": experiment.as_dict(),
        **({"imports": list(modules)} if (modules := imported()) else {}),
        "version": __version__,
        "seed": experiment.seed,
    }


def micro_batch_size(experiment: Experiment, processes: int) -> int:
    """Return how many samples one process passes through the model at once.

    Args:
        experiment: Its batch size counts over processes and accumulated parts.
        processes: Number of processes that train together.

    Returns:
        batch_size / (accumulate_grad_batches * processes).

    Raises:
        ConfigError: If that is not an integer.
    """
    parts = experiment.accumulate_grad_batches
    size, rest = divmod(experiment.batch_size, parts * processes)
    if rest or not size:
        raise ConfigError(
            f"batch_size {experiment.batch_size} cannot be shared by {processes} processes in {parts} parts: pass a "
            f"multiple of {parts * processes}"
        )
    return size


def steps_per_epoch(experiment: Experiment, samples: int, processes: int) -> int:
    """Return the optimiser steps of an epoch; samples that do not fill a step are left out of that epoch.

    Args:
        experiment: Names the batch size.
        samples: Training samples of an epoch, those of every pass counted.
        processes: Number of processes that train together.

    Returns:
        At least 1.

    Raises:
        ConfigError: If there are fewer samples than a step needs.
    """
    micro = micro_batch_size(experiment, processes)
    steps = samples // processes // micro // experiment.accumulate_grad_batches
    if not steps:
        raise ConfigError(
            f"batch_size {experiment.batch_size} is more than the {samples} training samples: pass {samples} or less"
        )
    return steps


def check_precision(experiment: Experiment, device: str) -> None:
    """Check that the device has the experiment's precision.

    Args:
        experiment: Names the precision.
        device: "cpu", "cuda" or "mps".

    Raises:
        ConfigError: If it has not.
    """
    if experiment.precision == "fp16" and device != "cuda":
        raise ConfigError(f"precision 'fp16' needs a CUDA GPU, the device is {device!r}: expected bf16 or 32")


def build_trainer(
    experiment: Experiment,
    folder: RunFolder,
    launch: dict[str, Any],
    callbacks: Sequence[Callback],
    *,
    first: int,
    until: int,
    steps: int,
) -> Trainer:
    """Build Lightning's trainer, with everything off that this package does itself.

    Args:
        experiment: Names precision, which `check_precision` has passed, accumulation and clipping.
        folder: The run's folder.
        launch: The result of `launch_settings`.
        callbacks: In the order in which their hooks run.
        first: Epochs that are already done.
        until: Epochs to be done when this call ends.
        steps: Optimiser steps of an epoch.

    Returns:
        The trainer.
    """
    plots: TensorBoardLogger | bool = False
    if find_spec("tensorboard") is not None:
        # A run that was killed repeats an epoch: purge what it had plotted of it.
        plots = TensorBoardLogger(folder.tensorboard, name="", version="", purge_step=first + 1)
    plugins: list[Any] = [AtomicCheckpointIO()]
    if "SLURM_NTASKS" in os.environ and SLURMEnvironment.detect():
        # Its own re-queueing would save in the middle of an epoch, beside our state.
        plugins.append(SLURMEnvironment(auto_requeue=False))
    return Trainer(
        **launch,
        precision=_PRECISION[experiment.precision],
        max_epochs=until,
        limit_train_batches=steps * experiment.accumulate_grad_batches,
        accumulate_grad_batches=experiment.accumulate_grad_batches,
        gradient_clip_val=experiment.gradient_clip_norm,
        callbacks=list(callbacks),
        logger=plots,
        plugins=plugins,
        default_root_dir=folder.path,
        num_sanity_val_steps=0,
        log_every_n_steps=1,
        use_distributed_sampler=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
