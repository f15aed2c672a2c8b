"""An exponential moving average of the weights, which is then what is evaluated and saved."""

from __future__ import annotations

import lightning.pytorch as pl
from lightning.pytorch.callbacks import WeightAveraging
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from dualhead.training.processes import share_buffers


class MovingAverage(WeightAveraging):
    """Averages weights and batch statistics after every optimiser step.

    Convention: the first step's weights start the average; from then on average = decay * average + (1 - decay) *
    weights. Validation runs on the average, training goes on with the weights.

    Args:
        decay: Above 0 and below 1.
    """

    def __init__(self, decay: float):
        super().__init__(use_buffers=True, multi_avg_fn=get_ema_multi_avg_fn(decay))  # type: ignore[no-untyped-call]

    @property
    def averaged(self) -> nn.Module:
        """The averaged copy of the whole Lightning module; there is one only from the start of a fit on."""
        assert self._average_model is not None
        module: nn.Module = self._average_model.module
        return module

    def on_validation_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Let every process evaluate with the main one's average, then put it in place of the weights."""
        share_buffers(self.averaged)
        super().on_validation_epoch_start(trainer, pl_module)
