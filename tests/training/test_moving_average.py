from types import SimpleNamespace
from typing import Any

import pytest
import torch
from lightning.pytorch import LightningModule
from torch import nn

from dualhead.training.moving_average import MovingAverage, early_decay


class One(LightningModule):
    """A module with one weight and one statistic."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.register_buffer("statistic", torch.zeros(1))
        self.register_buffer("batches", torch.tensor(0))


def test_the_average_by_hand() -> None:
    module, average, trainer = One(), MovingAverage(0.125), SimpleNamespace(global_step=0, current_epoch=0)
    arguments: Any = (trainer, module)
    average.setup(*arguments, stage="fit")
    values = []
    for step, value in enumerate((4.0, 8.0, 0.0), start=1):
        trainer.global_step = step
        module.weight.data.fill_(value)
        module.statistic.fill_(10 * value)
        module.batches += 1
        average.on_train_batch_end(*arguments, None, None, 0)
        averaged = average.averaged
        assert isinstance(averaged, One)
        values.append((averaged.weight.item(), averaged.statistic.item()))
    # 4; 4 / 8 + 8 * 7 / 8 = 7.5; 7.5 / 8 + 0 = 0.9375; statistics likewise
    assert values == [(4.0, 40.0), (7.5, 75.0), (0.9375, 9.375)]
    assert averaged.batches.item() == 3  # a counter is no average
    average.on_train_batch_end(*arguments, None, None, 0)  # a batch that made no step changes nothing
    assert averaged.weight.item() == 0.9375


def test_a_young_average_forgets_the_first_steps_sooner() -> None:
    assert [early_decay(0.998, updates) for updates in (0, 1, 8, 90)] == [0.0, 2 / 11, 0.5, 0.91]
    assert early_decay(0.998, 10**6) == 0.998


def test_validation_sees_the_average_and_training_goes_on_with_the_weights() -> None:
    module, average, trainer = One(), MovingAverage(0.5), SimpleNamespace(global_step=1, current_epoch=0)
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


def test_an_even_mean_of_the_last_epochs_by_hand() -> None:
    module, average = One(), MovingAverage(None, first_epoch=1)
    trainer = SimpleNamespace(global_step=0, current_epoch=0)
    arguments: Any = (trainer, module)
    average.setup(*arguments, stage="fit")
    values = []
    for step, value in enumerate((100.0, 50.0, 4.0, 8.0, 0.0), start=1):  # two steps, then the last three
        trainer.global_step, trainer.current_epoch = step, int(step > 2)
        module.weight.data.fill_(value)
        module.statistic.fill_(10 * value)
        average.on_train_batch_end(*arguments, None, None, 0)
        average.on_train_epoch_end(*arguments)
        averaged = average.averaged
        assert isinstance(averaged, One)
        values.append((averaged.weight.item(), averaged.statistic.item()))
    assert values == [(100.0, 1000.0), (50.0, 500.0), (4.0, 40.0), (6.0, 60.0), (4.0, 40.0)]


def test_before_the_last_epochs_validation_sees_the_weights() -> None:
    module, average = One(), MovingAverage(None, first_epoch=1)
    arguments: Any = (SimpleNamespace(global_step=1, current_epoch=0), module)
    average.setup(*arguments, stage="fit")
    module.weight.data.fill_(2.0)
    average.on_train_batch_end(*arguments, None, None, 0)
    average.on_validation_epoch_start(*arguments)
    assert module.weight.item() == 2.0


def test_batch_norm_statistics_of_an_average_fit_its_weights() -> None:
    """The averaged statistics are much closer to what the averaged weights have on the same data than the last ones."""
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    wrapped = LightningModule()
    wrapped.model = module
    average, optimizer = MovingAverage(0.99, first_epoch=1), torch.optim.SGD(module.parameters(), lr=0.01)
    trainer = SimpleNamespace(global_step=0, current_epoch=0)
    arguments: Any = (trainer, wrapped)
    average.setup(*arguments, stage="fit")
    data = 2 + torch.randn(64, 3)
    for step in range(1, 1201):
        optimizer.zero_grad()
        nn.functional.cross_entropy(module(data), (data[:, 0] > 2).long()).backward()
        optimizer.step()
        trainer.global_step, trainer.current_epoch = step, int(step > 100)
        average.on_train_batch_end(*arguments, None, None, 0)
    averaged = average.averaged.model
    hidden = averaged[0](data)
    for kept, current, true in (
        (averaged[1].running_mean, module[1].running_mean, hidden.mean(dim=0)),
        (averaged[1].running_var, module[1].running_var, hidden.var(dim=0)),
    ):
        assert (kept - true).abs().max() < 0.3 * (current - true).abs().max()
