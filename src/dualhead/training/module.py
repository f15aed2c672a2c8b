"""The Lightning module: loss, optimiser and learning rate of one stream, and the tallies of an epoch."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from lightning.pytorch import LightningModule
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Optimizer

from dualhead.layers.bodies import DistinctBodies
from dualhead.layers.prepared import without_waiting
from dualhead.models.base import ModelOutput
from dualhead.training.experiment import Experiment
from dualhead.training.fine_tuning import hold_frozen_norms
from dualhead.training.objectives import Objective, create_objective
from dualhead.training.optimizers import build_optimizer
from dualhead.training.processes import gather_rows, sum_over_processes
from dualhead.training.schedule import learning_rate

Batch = dict[str, Any]
"""Of tensors, `clips`, `labels`, `indices` and, where samples are mixed, `targets`; and `bodies`, the `DistinctBodies`
of the clips."""


class StreamModule(LightningModule):
    """Trains one model on one stream.

    Convention: nothing depends on history but weights, optimiser and averages: the generators are seeded again for
    every batch from (seed, epoch, batch, process), and the learning rate is a function of the step. So a run that is
    resumed at the start of an epoch goes on as if it had never stopped.

    Args:
        model: The model, `(N, C, T, V, M)` to `(N, H, K)`.
        experiment: The experiment.
        steps_per_epoch: Optimiser steps of an epoch.
        objective: The objective to minimise; None: the experiment's, built here.
    """

    def __init__(
        self,
        model: nn.Module,
        experiment: Experiment,
        steps_per_epoch: int,
        objective: Objective | None = None,
    ):
        super().__init__()
        self.model = model
        choice = experiment.objective
        self.objective = objective or create_objective(choice.name, model, choice.arguments)
        self.experiment = experiment
        self.steps_per_epoch = steps_per_epoch
        self.validation_rows: tuple[NDArray[np.int64], NDArray[np.float32]] | None = None
        self.gradient_norm: Tensor | None = None  # of the step that is about to be taken, where it was requested
        self._losses: Tensor | None = None  # sums over the samples of the epoch so far, on the device
        self._right: Tensor | None = None
        self._samples = 0
        self._parts: list[tuple[Tensor, Tensor]] = []  # rows, and their logits on the device

    def forward(self, clips: Tensor, bodies: DistinctBodies | None = None) -> Tensor:
        """Compute the logits `(N, H, K)` of clips `(N, C, T, V, M)`, of which the bodies that differ may be known."""
        return ModelOutput.of(self.model(clips, bodies)).logits

    def on_before_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Find the distinct bodies while the clips are still on the CPU."""
        return {**batch, "bodies": DistinctBodies.of(batch["clips"])}

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        """Move what is computed with, without waiting for a GPU; `indices` stay where they can be looked at."""
        moved: Batch = {
            key: without_waiting(batch[key], device) for key in ("clips", "labels", "targets") if key in batch
        }
        return {**batch, **moved, "bodies": batch["bodies"].to(device)}

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Build the experiment's optimiser over all weights of model and objective that are not frozen."""
        fused = self.device.type == "cuda" and self.experiment.precision != "fp16"  # its loss scale needs to step alone
        return build_optimizer(self.experiment.optimizer, [self.model, self.objective], fused=fused)

    @property
    def learning_rate(self) -> float:
        """The rate of the step that the trainer is at."""
        return float(self.trainer.optimizers[0].param_groups[0]["lr"])

    def on_train_epoch_start(self) -> None:
        """Reset the tallies, and switch frozen batch norms to evaluation mode."""
        hold_frozen_norms(self)
        wide = torch.float32 if self.device.type == "mps" else torch.float64
        self._losses = torch.zeros((), dtype=wide, device=self.device)
        self._right = torch.zeros((), dtype=torch.int64, device=self.device)
        self._samples = 0

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Seed the generators and set the learning rate of this batch."""
        seeds = [self.experiment.seed, self.trainer.current_epoch, batch_idx, self.trainer.global_rank]
        _seed(int(np.random.SeedSequence(seeds).generate_state(1, np.uint64)[0]), self.device)
        step = self.trainer.current_epoch * self.steps_per_epoch + batch_idx // self.experiment.accumulate_grad_batches
        rate = learning_rate(
            self.experiment.schedule,
            self.experiment.optimizer.lr,
            step,
            self.steps_per_epoch,
            self.experiment.epochs,
        )
        for optimizer in self.trainer.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Compute the loss of a batch and count its right answers; a mixed sample's is its own class."""
        labels = batch["labels"]
        output = ModelOutput.of(self.model(batch["clips"], batch["bodies"]))
        loss: Tensor = self.objective(output, batch.get("targets", labels))
        assert self._losses is not None
        assert self._right is not None
        self._losses.add_(loss.detach(), alpha=len(labels))
        self._right.add_((output.logits.detach().mean(dim=1).argmax(dim=-1) == labels).sum())
        self._samples += len(labels)
        return loss

    def configure_gradient_clipping(
        self,
        optimizer: Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Limit the norm of the gradient, which is not computed again where it is known."""
        norm, self.gradient_norm = self.gradient_norm, None
        if norm is None or gradient_clip_val is None:
            self.clip_gradients(optimizer, gradient_clip_val, gradient_clip_algorithm)
            return
        weights = [weight for group in optimizer.param_groups for weight in group["params"]]
        torch.nn.utils.clip_grads_with_norm_(weights, gradient_clip_val, norm)

    def training_figures(self) -> dict[str, float]:
        """Compute loss and top-1 over all samples and processes of the epoch; a collective call of all processes."""
        assert self._losses is not None
        assert self._right is not None
        own = torch.stack([self._losses, self._right.to(self._losses.dtype), self._losses.new_tensor(self._samples)])
        loss, right, count = sum_over_processes(own).tolist()
        return {"train_loss": loss / max(count, 1), "train_top1": right / max(count, 1)}

    def on_validation_epoch_start(self) -> None:
        """Clear the validation logits of the previous epoch."""
        self._parts = []

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Collect the logits of each sample's first test clip."""
        self._parts.append((batch["indices"], self(batch["clips"], batch["bodies"])))

    def on_validation_epoch_end(self) -> None:
        """Gather the logits of all processes."""
        parts, self._parts = self._parts, []
        self.validation_rows = gather_rows([(rows.numpy(), logits.float().cpu().numpy()) for rows, logits in parts])


def _seed(seed: int, device: torch.device) -> None:
    """Seed the generators that training draws from; `torch.manual_seed` takes a millisecond where CUDA is not used."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)
