"""Overfitting a few samples without augmentation, which a correct configuration must be able to do."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import lightning.pytorch as pl
import numpy as np
from lightning.pytorch import Callback
from numpy.typing import NDArray

from dualhead.data.loading.datamodule import ClipDataModule, ClipLoader
from dualhead.data.loading.dataset import ClipDataset
from dualhead.data.store.store import Store
from dualhead.runtime.errors import ConfigError
from dualhead.training.experiment import Experiment, Schedule, Validation
from dualhead.training.forward import score_loader
from dualhead.training.module import StreamModule

MOST_STEPS = 200
"""Optimiser steps after which a set-up that has not learned its samples is said not to learn."""

STARTS_OVER = "the same command starts over"
"""The advice for a run that was interrupted: it takes minutes, so that nothing is saved to resume from."""

logger = logging.getLogger("dualhead.training")


def overfit_experiment(experiment: Experiment, samples: int) -> Experiment:
    """Change an experiment to one that overfits a few samples.

    Model, recipe, optimiser and precision stay. The learning rate warms up for a tenth of the steps and then stays;
    there is no validation split, no average of the weights, and no batch larger than the samples.

    Args:
        experiment: The experiment to check.
        samples: Number of samples, at least 1.

    Returns:
        The changed experiment.

    Raises:
        ConfigError: If there are no samples.
    """
    if samples < 1:
        raise ConfigError(f"overfit is {samples}: expected a number of samples, such as 16")
    batch_size = min(samples, experiment.batch_size)
    epochs = -(-MOST_STEPS // -(-samples // batch_size))
    return replace(
        experiment,
        epochs=epochs,
        batch_size=batch_size,
        eval_batch_size=None,
        accumulate_grad_batches=1,
        ema_decay=None,
        swa_epochs=None,
        repeat=1,
        mixing=(),
        schedule=Schedule(warmup_epochs=epochs / 10),
        validation=Validation(by="none"),
    )


def choose_samples(rows: NDArray[np.int64], labels: NDArray[np.int64], count: int, seed: int) -> NDArray[np.int64]:
    """Choose samples of as many classes as there are, one of each in turn.

    Args:
        rows: Rows of the store to choose from, `(N,)`.
        labels: The label of every row of the store.
        count: The number.
        seed: Of the choice, not negative.

    Returns:
        `count` rows in rising order.

    Raises:
        ConfigError: If there are fewer.
    """
    if count > len(rows):
        raise ConfigError(f"overfit is {count} and there are {len(rows)} training samples: pass fewer")
    shuffled = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(3,))).permutation(rows)
    turns = np.empty(len(shuffled), dtype=np.int64)  # how many of its class come before each
    for label in np.unique(labels[shuffled]):
        members = labels[shuffled] == label
        turns[members] = np.arange(members.sum())
    return np.sort(shuffled[np.argsort(turns, kind="stable")[:count]])


class OverfitData(ClipDataModule):
    """The training split reduced to a few samples, as test clips and in a fixed order.

    Args:
        store: An open store.
        experiment: The result of `overfit_experiment`.
        stream: The name of a stream.
        samples: Number of samples.

    Raises:
        ConfigError: If there are fewer samples.
    """

    def __init__(self, store: Store, experiment: Experiment, stream: str, samples: int):
        super().__init__(
            store,
            experiment.protocol,
            experiment.recipe,
            stream,
            batch_size=experiment.batch_size,
            seed=experiment.seed,
            validation="none",
            workers=experiment.num_workers,
        )
        self.train_indices = choose_samples(self.train_indices, store.labels, samples, experiment.seed)
        self.test_indices = self.test_indices[:0]
        self._few = ClipDataset(store, self.train_indices, self.recipe, stream, False)

    def train_dataloader(self) -> ClipLoader:
        """Load the chosen samples, the same clips in the same order every time."""
        return self._loader(self._few, self.batch_size)


class OverfitWatch(Callback):
    """Stops when every sample is right, in training and in evaluation mode.

    Evaluation mode counts too because it is where batch norms use their running statistics, which lag behind.

    Args:
        data: The samples.

    Attributes:
        figures: Epochs done, training loss, and top-1 in training and in evaluation mode (None before the first is 1).
        fitted: Whether every sample is right.
    """

    def __init__(self, data: OverfitData):
        self._data = data
        self.fitted = False
        self.figures: dict[str, Any] = {"samples": len(data.train_indices), "top1": None}

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Measure the epoch, and stop when every sample is right."""
        assert isinstance(pl_module, StreamModule)
        epoch = trainer.current_epoch + 1
        self.figures |= {"epochs": epoch, **pl_module.training_figures()}
        if self.figures["train_top1"] == 1:
            loader: Iterable[Any] = self._data.train_dataloader()
            rows, logits = score_loader(
                pl_module.model,
                loader,
                device=pl_module.device,
                precision=pl_module.experiment.precision,
            )
            right = logits.mean(axis=1).argmax(axis=-1) == self._data.store.labels[rows]
            self.figures["top1"] = float(right.mean())
            self.fitted = bool(right.all())
            trainer.should_stop = self.fitted
        if self.fitted or epoch % 10 == 0:
            logger.info("overfit: %s", self.line())

    def line(self) -> str:
        """Return the state in one line."""
        figures = self.figures
        line = (
            f"after {figures['epochs']} epochs loss {figures['train_loss']:.4f}, {100 * figures['train_top1']:.1f} % "
            f"of {figures['samples']} samples right in training mode"
        )
        return line if figures["top1"] is None else f"{line}, {100 * figures['top1']:.1f} % in evaluation mode"
