from types import SimpleNamespace
from typing import Any

import pytest
import torch
from lightning.pytorch import LightningModule
from torch import nn

from dualhead.training.moving_average import MovingAverage


class One(LightningModule):
    """A module with one weight and one statistic."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.register_buffer("statistic", torch.zeros(1))


def test_the_average_by_hand() -> None:
    module, average, trainer = One(), MovingAverage(0.75), SimpleNamespace(global_step=0)
    arguments: Any = (trainer, module)
    average.setup(*arguments, stage="fit")
    values = []
    for step, value in enumerate((4.0, 8.0, 0.0), start=1):
        trainer.global_step = step
        module.weight.data.fill_(value)
        module.statistic.fill_(10 * value)
        average.on_train_batch_end(*arguments, None, None, 0)
        averaged = average.averaged
        assert isinstance(averaged, One)
        values.append((averaged.weight.item(), averaged.statistic.item()))
    # 4; 0.75 * 4 + 0.25 * 8 = 5; 0.75 * 5 + 0.25 * 0 = 3.75; statistics likewise
    assert values == [(4.0, 40.0), (5.0, 50.0), (3.75, 37.5)]
    average.on_train_batch_end(*arguments, None, None, 0)  # a batch that made no step changes nothing
    assert averaged.weight.item() == 3.75


def test_validation_sees_the_average_and_training_goes_on_with_the_weights() -> None:
    module, average, trainer = One(), MovingAverage(0.5), SimpleNamespace(global_step=1)
    arguments: Any = (trainer, module)
    average.setup(*arguments, stage="fit")
    module.weight.data.fill_(2.0)
    average.on_train_batch_end(*arguments, None, None, 0)
    module.weight.data.fill_(6.0)
    average.on_validation_epoch_start(*arguments)
    assert module.weight.item() == 2.0
    average.on_validation_epoch_end(*arguments)
    assert module.weight.item() == 6.0


def test_there_is_no_average_before_a_fit() -> None:
    with pytest.raises(AssertionError):
        _ = MovingAverage(0.5).averaged
