"""An average of the weights, exponential or over the last epochs, which is then what is evaluated and saved."""

from __future__ import annotations

from itertools import chain
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from dualhead.training.processes import share_buffers

Tensors = tuple[list[Tensor], list[Tensor], list[Tensor], list[Tensor]]
"""Floating-point tensors of an average and of a module, then the counters of both."""


class _Average(AveragedModel):
    """A copy of a module that moves towards it, some weights at a time.

    Differences from PyTorch's: it counts its updates without a synchronisation with the GPU, it moves all numbers in
    one operation, and it copies counters instead of averaging them.

    Args:
        module: The module to average.
        device: The device of the average.
    """

    def __init__(self, module: nn.Module, device: torch.device):
        super().__init__(module, device, use_buffers=True)
        self._updates: int | None = None  # None: to be read from n_averaged, after a resume too
        self._tensors: tuple[nn.Module, Tensors] | None = None

    def load_state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """Load a state, the number of updates with it."""
        self._updates = None
        self._tensors = None
        return super().load_state_dict(*args, **kwargs)

    def place(self, device: torch.device) -> None:
        """Move to a device."""
        self.to(device)
        self._tensors = None

    @torch.no_grad()
    def follow(self, module: nn.Module) -> None:
        """Copy the weights and buffers of a module, which is not counted as an update."""
        averages, values, counters, counts = self._pairs(module)
        torch._foreach_copy_([*averages, *counters], [*values, *counts])

    @torch.no_grad()
    def swap(self, module: nn.Module) -> None:
        """Exchange weights and buffers with a module."""
        averages, values, counters, counts = self._pairs(module)
        ours, theirs = [*averages, *counters], [*values, *counts]
        kept = [tensor.clone() for tensor in ours]
        torch._foreach_copy_(ours, theirs)
        torch._foreach_copy_(theirs, kept)

    @torch.no_grad()
    def move(self, module: nn.Module, decay: float | None) -> None:
        """Move towards the weights and buffers of a module.

        Args:
            module: The module to average.
            decay: average = d * average + (1 - d) * weights with d = early_decay(decay, updates); None: the mean of
                all updates.
        """
        if self._updates is None:
            self._updates = int(self.n_averaged)
        weight = 1 / (self._updates + 1) if decay is None else 1 - early_decay(decay, self._updates)
        averages, values, counters, counts = self._pairs(module)
        if weight == 1:
            torch._foreach_copy_(averages, values)
        else:
            torch._foreach_lerp_(averages, values, weight)
        if counters:
            torch._foreach_copy_(counters, counts)
        self._updates += 1
        self.n_averaged += 1

    def _pairs(self, module: nn.Module) -> Tensors:
        """Return the tensors of both, which are listed once: walking through a model takes as long as moving it."""
        if self._tensors is None or self._tensors[0] is not module:
            self._tensors = module, _pair(self.module, module)
        return self._tensors[1]


class MovingAverage(WeightAveraging):
    """Averages weights and batch statistics.

    Convention: with a decay, after every optimiser step average = d * average + (1 - d) * weights (exponential moving
    average), where d grows to the decay (`early_decay`) and the first step's weights start it. Without one, the average
    is the mean of the weights after every step (stochastic weight averaging; Izmailov et al., UAI 2018, there once an
    epoch). Before `first_epoch` it is the weights themselves. The running means and variances of batch norms are
    averaged as weights are; counters are copied. Validation runs on the average, training goes on with the weights.

    Args:
        decay: Above 0 and below 1; None: an equal mean.
        first_epoch: The epoch, from 0, with which averaging begins.
    """

    _average_model: _Average | None

    def __init__(self, decay: float | None, first_epoch: int = 0):
        super().__init__(use_buffers=True)
        self._decay = decay
        self._first_epoch = first_epoch

    @property
    def averaged(self) -> nn.Module:
        """The averaged copy of the whole Lightning module; there is one only from the start of a fit on."""
        assert self._average_model is not None
        module: nn.Module = self._average_model.module
        return module

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Create the averaged copy."""
        if stage == "fit":
            self._average_model = _Average(pl_module, pl_module.device)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Move the copy to where the weights are by now: from another device, every step would wait for it."""
        assert self._average_model is not None
        self._average_model.place(pl_module.device)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Move the average after an optimiser step."""
        if trainer.global_step > self._latest_update_step and trainer.current_epoch >= self._first_epoch:
            assert self._average_model is not None
            self._average_model.move(pl_module, self._decay)
            self._latest_update_step = trainer.global_step

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Copy the weights of an epoch before averaging begins, so that they can be saved."""
        self._follow(trainer, pl_module)

    def on_validation_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Share the main process's average with all, and swap it with the weights."""
        self._follow(trainer, pl_module)
        share_buffers(self.averaged)
        assert self._average_model is not None
        self._average_model.swap(pl_module)

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Swap the weights back."""
        assert self._average_model is not None
        self._average_model.swap(pl_module)

    def _follow(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Copy the weights into the average before averaging begins."""
        if trainer.current_epoch < self._first_epoch:
            assert self._average_model is not None
            self._average_model.follow(pl_module)


def early_decay(decay: float, updates: int) -> float:
    """Return the decay of an average that is still young.

    The weights and the batch statistics of the first steps are far from all later ones: with the full decay d they
    would spoil the average for about 1 / (1 - d) steps. As in TensorFlow's moving averages: min(d, (1 + n) / (10 + n)).

    Args:
        decay: The decay of an old average, above 0 and below 1.
        updates: n, how often it was updated; 0: it has nothing to keep.

    Returns:
        0 for the first update, then from 2 / 11 up to the decay.
    """
    return min(decay, (1 + updates) / (10 + updates)) if updates else 0.0


def _pair(average: nn.Module, module: nn.Module) -> Tensors:
    """Return the floating-point tensors of an average and of a module, then the counters of both."""
    floats: tuple[list[Tensor], list[Tensor]] = ([], [])
    counters: tuple[list[Tensor], list[Tensor]] = ([], [])
    ours = chain(average.parameters(), average.buffers())
    theirs = chain(module.parameters(), module.buffers())
    for one, other in zip(ours, theirs, strict=True):
        kind = floats if one.is_floating_point() else counters
        kind[0].append(one)
        kind[1].append(other)
    return *floats, *counters
