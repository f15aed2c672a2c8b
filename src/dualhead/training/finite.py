"""Stopping a run whose loss or gradient is no longer finite, with the names of the samples that it happened on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from lightning.pytorch import Callback
from numpy.typing import NDArray
from torch import Tensor

from dualhead.runtime.errors import TrainingError

CHECK_EVERY = 400
"""Flags of a GPU (one or two a batch) between two looks at them; each look makes the host wait for the GPU."""


class FiniteGuard(Callback):
    """Raises a `TrainingError` at the first loss or gradient that is NaN or infinite, before anything is saved.

    On the CPU this is before the optimiser's step; on a GPU flags are collected without waiting and looked at when
    there are `CHECK_EVERY`, before validation and at the end of an epoch. Infinite gradients under fp16 are how its
    loss scaling finds its scale, so there only the loss counts.

    Args:
        names: Sample name of every row of the store.
        gradients: Whether gradients are checked too.
    """

    def __init__(self, names: NDArray[np.str_], gradients: bool = True):
        self._names = names
        self._gradients = gradients
        self._window: list[Tensor] = []  # rows of the batches since the last optimiser step
        self._clips: Tensor | None = None
        self._pending: list[tuple[str, Tensor, list[Tensor]]] = []  # what, flag, rows

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Mapping[str, Tensor], batch_idx: int
    ) -> None:
        """Store the rows and clips of the batch."""
        self._window.append(batch["indices"])
        self._clips = batch["clips"]

    def on_before_backward(self, trainer: pl.Trainer, pl_module: pl.LightningModule, loss: Tensor) -> None:
        """Check the loss."""
        self._watch(trainer, "loss", loss.detach().isfinite(), self._window[-1:])

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        """Check the gradient."""
        window, self._window = self._window, []
        if self._gradients:
            weights = (weight for group in optimizer.param_groups for weight in group["params"])
            norm = torch.nn.utils.get_total_norm([weight.grad for weight in weights if weight.grad is not None])
            pl_module.gradient_norm = norm  # for clipping
            self._watch(trainer, "gradient", norm.isfinite(), window)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Check the flags of a GPU when enough have been collected."""
        if len(self._pending) >= CHECK_EVERY:
            self._look(trainer)

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Check the flags before the weights are evaluated."""
        self._look(trainer)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Check the flags before anything is saved."""
        self._look(trainer)
        self._window, self._clips = [], None

    def _watch(self, trainer: pl.Trainer, what: str, flag: Tensor, rows: list[Tensor]) -> None:
        self._pending.append((what, flag, list(rows)))
        if flag.device.type == "cpu":
            self._look(trainer)

    def _look(self, trainer: pl.Trainer) -> None:
        pending, self._pending = self._pending, []
        if not pending:
            return
        fine = torch.stack([flag for _, flag, _ in pending]).tolist()
        if all(fine):
            return
        what, flag, rows = pending[fine.index(False)]
        names = [str(self._names[row]) for row in torch.cat(rows).tolist()]
        raise TrainingError(
            f"the {what} is not finite in epoch {trainer.current_epoch + 1}, in a batch of these samples: "
            f"{', '.join(names)}; {self._cause(flag, rows)}"
        )

    def _cause(self, flag: Tensor, rows: list[Tensor]) -> str:
        """Return the advice: samples with damaged clips where there are some, else numerical settings."""
        if flag.device.type == "cpu" and self._clips is not None:
            broken = ~self._clips.isfinite().flatten(1).all(dim=1)  # (N,)
            if broken.any():
                names = [str(self._names[row]) for row in rows[-1][broken].tolist()]
                return f"the clips of {', '.join(names)} hold values that are not finite: prepare them again"
        return "their clips may be damaged, else try a smaller optimizer.lr, a gradient_clip_norm, or precision 32"
