"""The parts of a run, built before anything is written: what cannot be built leaves no trace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dualhead.data.loading.datamodule import ClipDataModule
from dualhead.data.recipes.recipes import get_recipe
from dualhead.data.store.store import Store
from dualhead.models.base import SkeletonModel
from dualhead.models.transfer import LoadReport
from dualhead.runtime.errors import ConfigError
from dualhead.training.build import (
    build_model,
    build_objective,
    build_provenance,
    check_precision,
    data_module,
    micro_batch_size,
    steps_per_epoch,
)
from dualhead.training.experiment import Experiment
from dualhead.training.fine_tuning import FreezeReport, freeze, start_from
from dualhead.training.objectives import Objective
from dualhead.training.overfit import OverfitData, overfit_experiment
from dualhead.training.trained_on import FIELD, digest_names


@dataclass(frozen=True)
class RunParts:
    """The parts of a run.

    Attributes:
        experiment: The experiment; for an overfit run, as changed for it.
        store: The data.
        launch: Arguments of Lightning's trainer, from `launch_settings`.
        data: The splits as loaders.
        model: The model on the CPU, with its initial weights.
        objective: The objective to minimise.
        steps: Optimiser steps of an epoch.
        provenance: The provenance that every file of the run records.
        loaded: The result of loading the initial checkpoint, if there is one.
        frozen: The frozen parts, if there are any.
    """

    experiment: Experiment
    store: Store
    launch: dict[str, Any]
    data: ClipDataModule
    model: SkeletonModel
    objective: Objective
    steps: int
    provenance: dict[str, Any]
    loaded: LoadReport | None = None
    frozen: FreezeReport | None = None

    @property
    def processes(self) -> int:
        """Number of processes that train together."""
        return int(self.launch["devices"] * self.launch["num_nodes"])

    @property
    def batch_shape(self) -> tuple[int, int, int, int, int]:
        """Shape `(N, C, T, V, M)` of the clips of a training batch of one process."""
        recipe, config = get_recipe(self.experiment.recipe), self.model.config
        size = micro_batch_size(self.experiment, self.processes)
        return size, config.in_channels, recipe.train_frames, config.skeleton.num_joints, config.num_bodies

    @property
    def parameters(self) -> int:
        """Number of trainable and frozen parameters of the model."""
        return sum(weight.numel() for weight in self.model.parameters())

    @property
    def samples(self) -> dict[str, int]:
        """Number of samples in each split."""
        splits = {
            "training": self.data.train_indices,
            "validation": self.data.validation_indices,
            "test": self.data.test_indices,
        }
        return {split: len(rows) for split, rows in splits.items()}

    def story(self, first: int) -> list[str]:
        """Describe in a few lines what is about to be trained.

        Args:
            first: Epochs that are already done.

        Returns:
            The lines.
        """
        lines = [
            f"{self.experiment.model.name} ({self.parameters:,} parameters), {self.provenance['stream']} stream of "
            f"{self.provenance['dataset']} {self.experiment.protocol}: "
            f"{', '.join(f'{count:,} {split}' for split, count in self.samples.items())} samples, {self.steps} steps "
            f"per epoch, {self.processes} process{'es' * (self.processes > 1)} on {self.launch['accelerator']}"
            + (f", going on after epoch {first}" if first else "")
        ]
        if self.loaded is not None:
            lines.append(f"weights to start from: {self.loaded}")
        if self.frozen is not None:
            lines.append(str(self.frozen))
        return lines


def build_parts(
    experiment: Experiment,
    store: Store,
    stream: str,
    launch: dict[str, Any],
    *,
    init: str | Path | None = None,
    frozen: Sequence[str] = (),
    overfit: int | None = None,
    said: dict[str, Any] | None = None,
) -> RunParts:
    """Build the parts of a run.

    Args:
        experiment: The experiment.
        store: The data.
        stream: The name of a stream.
        launch: From `launch_settings`.
        init: A checkpoint to start from.
        frozen: Patterns of what to freeze, as in `freeze`.
        overfit: Number of samples to overfit.
        said: Further entries of the provenance.

    Returns:
        The parts.

    Raises:
        ConfigError: If an argument cannot be used.
        CheckpointError: If `init` cannot be read, or is of another architecture, skeleton or variant.
        StoreError: If a sample has no label.
    """
    processes = launch["devices"] * launch["num_nodes"]
    check_precision(experiment, launch["accelerator"])
    provenance = build_provenance(experiment, store, stream) | (said or {})
    data: ClipDataModule
    if overfit is not None:
        if processes > 1:
            raise ConfigError(f"overfit proves a set-up in one process: there are {processes}, start one")
        experiment = overfit_experiment(experiment, overfit)
        data = OverfitData(store, experiment, stream, overfit)
        steps = -(-overfit // experiment.batch_size)
    else:
        micro = micro_batch_size(experiment, processes)
        size = experiment.eval_batch_size or micro
        data = data_module(store, experiment, stream, batch_size=micro, eval_batch_size=size)
        steps = steps_per_epoch(experiment, len(data.train_indices) * experiment.repeat, processes)
    provenance[FIELD] = digest_names(map(str, store.names[data.train_indices]))
    model = build_model(experiment, store, stream)
    loaded = None if init is None else start_from(model, init, store.classes)
    report = freeze(model, frozen) if frozen else None
    objective = build_objective(experiment, model)
    return RunParts(experiment, store, launch, data, model, objective, steps, provenance, loaded, report)
