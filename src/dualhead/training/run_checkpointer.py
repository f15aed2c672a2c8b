"""The end of every epoch: figures, scores, weights, and the state that a run is resumed from."""

from __future__ import annotations

import csv
import io
import logging
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypedDict

import lightning.pytorch as pl
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch import Callback

from dualhead.data.store.store import Store
from dualhead.evaluation.metrics import Metrics, measure_heads
from dualhead.evaluation.scores import Scores
from dualhead.models.base import SkeletonModel
from dualhead.models.checkpoint import save_checkpoint, torch_bytes
from dualhead.runtime.files import replacing, write_text
from dualhead.training.forward import make_scores
from dualhead.training.module import StreamModule
from dualhead.training.moving_average import MovingAverage
from dualhead.training.run_folder import RunFolder

logger = logging.getLogger("dualhead.training")

Row = dict[str, float]


class Best(TypedDict):
    """The best epoch so far: epochs counted from 1, its validation top-1 and cross-entropy of the heads' mean."""

    epoch: int
    top1: float
    cross_entropy: float


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes the state to resume from beside the old one and then renames it."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: object | None = None
    ) -> None:
        """Write a checkpoint in one step; see `TorchCheckpointIO`."""
        with replacing(path) as temporary:
            temporary.write_bytes(torch_bytes(checkpoint))


class RunCheckpointer(Callback):
    """Validates at the end of every epoch and saves the best and the last weights.

    The state to resume from is written last, so a run that is killed at any moment repeats at most one epoch, and
    repeats it exactly. "Best" is the epoch of highest validation top-1 (heads' mean); of equals the one of lower
    cross-entropy, then the earlier.

    Args:
        folder: The folder to save in.
        store: The data, for names and labels.
        provenance: The provenance of every file, without `epoch`, `selection` and `split`.
        average: The moving average whose weights are to be saved, if there is one.

    Attributes:
        resumed: Whether training has begun, after the state to resume from was loaded.
    """

    def __init__(
        self, folder: RunFolder, store: Store, provenance: Mapping[str, Any], average: MovingAverage | None = None
    ):
        self.folder = folder
        self.store = store
        self.provenance = dict(provenance)
        self.average = average
        self.history: list[Row] = []
        self.best: Best | None = None
        self.resumed = False
        self._started = time.monotonic()

    @property
    def state_key(self) -> str:
        """The name of its part of the state to resume from: that of version 0.1, whose states are read."""
        return "Keeper"

    def state_dict(self) -> dict[str, Any]:
        """Return the history and the best epoch as plain values."""
        return {"history": self.history, "best": self.best}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self.history = list(state_dict["history"])
        self.best = state_dict["best"]

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Record that the state to resume from, if there was one, has been loaded."""
        self.resumed = True

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock."""
        self._started = time.monotonic()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Measure the epoch and save it."""
        assert isinstance(pl_module, StreamModule)
        epoch = trainer.current_epoch + 1
        row: Row = {"epoch": epoch, "lr": pl_module.learning_rate, **pl_module.training_figures()}
        scores = None
        if pl_module.validation_rows is not None:
            scores = self._scores(pl_module, epoch)
            heads = measure_heads(scores)
            row.update(_named(heads))
            self._compare(epoch, heads["mean"])
        row["seconds"] = round(time.monotonic() - self._started, 3)
        self.history.append(row)
        if trainer.is_global_zero:
            self._save(pl_module, scores, epoch)
        trainer.save_checkpoint(self.folder.resume)
        for plot in trainer.loggers:
            plot.log_metrics({key: value for key, value in row.items() if key != "epoch"}, step=epoch)
        logger.info(self._line(row, pl_module.experiment.epochs))

    def _compare(self, epoch: int, now: Metrics) -> None:
        best = self.best
        if best is None or (now.top1, -now.cross_entropy) > (best["top1"], -best["cross_entropy"]):
            self.best = Best(epoch=epoch, top1=now.top1, cross_entropy=now.cross_entropy)

    def _scores(self, module: StreamModule, epoch: int) -> Scores:
        assert module.validation_rows is not None
        rows, logits = module.validation_rows
        provenance = {**self.provenance, "epoch": epoch, "split": "validation"}
        return make_scores(self.store, rows, logits, _model(module), provenance)

    def _save(self, module: StreamModule, scores: Scores | None, epoch: int) -> None:
        if self.average is not None:
            averaged = self.average.averaged
            assert isinstance(averaged, StreamModule)
            weights = averaged.model.state_dict()
        else:
            weights = module.model.state_dict()
        selections = ["last"] + ["best"] * (self.best is not None and self.best["epoch"] == epoch)
        for selection in selections:
            provenance = {**self.provenance, "epoch": epoch, "selection": selection}
            save_checkpoint(self.folder.checkpoint(selection), _model(module), provenance, weights)
            if scores is not None:
                provenance = {**scores.provenance, "selection": selection}
                path = self.folder.scores("validation", selection)
                Scores(scores.names, scores.labels, scores.logits, scores.heads, provenance).save(path)
        write_metrics(self.folder.metrics, self.history)

    def _line(self, row: Row, epochs: int) -> str:
        words = [
            f"epoch {row['epoch']}/{epochs}",
            f"loss {row['train_loss']:.4f}",
            f"train top-1 {100 * row['train_top1']:.2f} %",
        ]
        if self.best is not None and "val_top1" in row:
            words.append(f"validation top-1 {100 * row['val_top1']:.2f} %")
            words.append(f"best {100 * self.best['top1']:.2f} % in epoch {self.best['epoch']}")
        return ", ".join([*words, f"{row['seconds']:.1f} s"])


def write_metrics(path: Path, history: list[Row]) -> None:
    """Write one line per epoch as CSV; an epoch without a figure has an empty cell.

    Args:
        path: The file to create or replace.
        history: Figures by name, an epoch each.
    """
    columns = list(dict.fromkeys(key for row in history for key in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(history)
    write_text(path, text.getvalue())


def _model(module: StreamModule) -> SkeletonModel:
    assert isinstance(module.model, SkeletonModel)
    return module.model


def _named(heads: Mapping[str, Metrics]) -> Row:
    """Return validation figures by name: val_top1 for the heads' mean, val_fine_top1 for a head of several."""
    row: Row = {}
    for head, metrics in heads.items():
        if head == "mean":
            row.update({f"val_{key}": value for key, value in asdict(metrics).items() if key != "count"})
        elif len(heads) > 2:
            row[f"val_{head}_top1"] = metrics.top1
    return row
