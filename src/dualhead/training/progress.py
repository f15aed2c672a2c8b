"""The display of a run: a bar for the epoch on a terminal, and a line an epoch everywhere."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch import Callback
from rich.console import Console

from dualhead.runtime.progress import NewBar, show_progress
from dualhead.runtime.terminal import print_line


class ConsoleHandler(logging.Handler):
    """Prints the log of the package, above the progress bar if one is shown; errors are left to the caller.

    Args:
        console: The console to print on.
    """

    def __init__(self, console: Console):
        super().__init__()
        self.console = console

    def emit(self, record: logging.LogRecord) -> None:
        """Print one message."""
        if record.levelno >= logging.ERROR:
            return
        style = "yellow" if record.levelno >= logging.WARNING else None
        print_line(self.console, record.getMessage(), style=style)


@contextmanager
def shown(console: Console, visible: bool) -> Iterator[NewBar]:
    """Show messages and bars for as long as the context lasts.

    Args:
        console: The console to print on.
        visible: Whether anything is printed at all.

    Yields:
        What makes bars; on anything but a terminal they stay invisible.
    """
    package = logging.getLogger("dualhead")
    handler = ConsoleHandler(console)
    level, propagate = package.level, package.propagate
    if visible:
        package.addHandler(handler)
        package.setLevel(logging.INFO)
    package.propagate = False
    try:
        with show_progress(not visible, console) as bars:
            yield bars
    finally:
        package.removeHandler(handler)
        package.setLevel(level)
        package.propagate = propagate


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Suppress Lightning's tips and advice, which a user of this package cannot act on."""
    names = ("lightning.pytorch", "lightning.fabric", "lightning.pytorch.utilities.rank_zero")
    levels = {name: logging.getLogger(name).level for name in names}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"lightning\..*")
        for name in names:
            logging.getLogger(name).setLevel(logging.ERROR)
        try:
            yield
        finally:
            for name, level in levels.items():
                logging.getLogger(name).setLevel(level)


class EpochBar(Callback):
    """Moves a bar with the batches of training and validation.

    Args:
        bars: The function that makes the bar.
        epochs: Epochs of the whole run.
    """

    def __init__(self, bars: NewBar, epochs: int):
        self._epochs = epochs
        self._bar = bars("starting", None)

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start a bar for the epoch."""
        total = int(trainer.num_training_batches)
        self._bar.update(0, total=total, what=f"epoch {trainer.current_epoch + 1}/{self._epochs}")

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Advance by a batch; reading the loss makes a GPU wait, so that is done every 50 batches only."""
        self._bar.advance()
        if self._bar.visible and batch_idx % 50 == 0:
            self._bar.update(note=f"loss {float(outputs['loss']):.3f}")

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start a bar for validation."""
        total = sum(int(count) for count in trainer.num_val_batches)
        self._bar.update(0, total=total, what=f"validation {trainer.current_epoch + 1}/{self._epochs}")

    def on_validation_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Advance by a batch."""
        self._bar.advance()
