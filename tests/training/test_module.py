import math
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from dualhead.layers.bodies import DistinctBodies
from dualhead.training.module import StreamModule, heads_loss
from tests.training.conftest import MakeExperiment


class Fixed(nn.Module):
    """Gives the logits it was made with, whatever the clips."""

    def __init__(self, logits: Tensor):
        super().__init__()
        self.logits = nn.Parameter(logits)

    def forward(self, clips: Tensor, bodies: DistinctBodies) -> Tensor:
        assert len(bodies.source) == len(clips)
        return self.logits[: len(clips)]


def train_on(module: StreamModule, clips: Tensor, labels: list[int]) -> Tensor:
    return module.training_step(
        module.on_before_batch_transfer({"clips": clips, "labels": torch.tensor(labels)}, 0), batch_idx=0
    )


def test_the_loss_is_the_mean_of_the_heads_cross_entropies() -> None:
    # Odds 3 : 1 for the true class in one head, even in the other: the loss is (-ln 0.75 - ln 0.5) / 2.
    logits = torch.tensor([[[math.log(3), 0.0], [0.0, 0.0]]])
    loss = heads_loss(logits, torch.tensor([0]))
    assert float(loss) == pytest.approx((-math.log(0.75) - math.log(0.5)) / 2)


def test_every_head_is_held_against_its_own_sample() -> None:
    logits = torch.tensor([[[9.0, 0.0], [9.0, 0.0]], [[0.0, 9.0], [0.0, 9.0]]])
    assert float(heads_loss(logits, torch.tensor([0, 1]))) < 0.001
    assert float(heads_loss(logits, torch.tensor([1, 0]))) > 8


def test_label_smoothing_spreads_a_share_over_all_classes() -> None:
    # Smoothing 0.2 over 2 classes: targets 0.9 and 0.1.
    logits = torch.tensor([[[math.log(3), 0.0]]])
    expected = -0.9 * math.log(0.75) - 0.1 * math.log(0.25)
    assert float(heads_loss(logits, torch.tensor([0]), 0.2)) == pytest.approx(expected)


def test_the_loss_of_half_precision_logits_is_in_single() -> None:
    assert heads_loss(torch.zeros(1, 2, 3, dtype=torch.bfloat16), torch.tensor([0])).dtype == torch.float32


def test_top1_counts_samples_over_all_batches(make_experiment: MakeExperiment) -> None:
    # Three of five right; the batches are of different sizes, so a mean of batch means would be wrong.
    logits = torch.tensor([[[2.0, 0.0]]]).repeat(4, 1, 1)
    module = StreamModule(Fixed(logits), make_experiment(), 1)
    module.on_train_epoch_start()
    clips = torch.zeros(4, 3, 8, 20, 1)
    first = train_on(module, clips, [0, 0, 1, 1])
    second = train_on(module, clips[:1], [0])
    figures = module.training_figures()
    assert figures["train_top1"] == pytest.approx(3 / 5)
    assert figures["train_loss"] == pytest.approx((4 * float(first.detach()) + float(second.detach())) / 5)


def test_the_prediction_is_the_mean_of_the_heads(make_experiment: MakeExperiment) -> None:
    logits = torch.tensor([[[0.0, 1.0], [3.0, 0.0]]])  # the heads disagree, their mean is class 0
    module = StreamModule(Fixed(logits), make_experiment(), 1)
    module.on_train_epoch_start()
    train_on(module, torch.zeros(1, 3, 8, 20, 1), [0])
    assert module.training_figures()["train_top1"] == 1.0


@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_the_optimiser_has_the_experiments_numbers(make_experiment: MakeExperiment, name: str) -> None:
    settings = {"name": name, "lr": 0.3, "weight_decay": 0.01, "momentum": 0.8, "beta1": 0.7, "beta2": 0.95}
    optimizer = StreamModule(nn.Linear(2, 2), make_experiment(optimizer=settings), 1).configure_optimizers()
    (group,) = optimizer.param_groups
    assert (group["lr"], group["weight_decay"]) == (0.3, 0.01)
    if name == "sgd":
        assert (group["momentum"], group["nesterov"]) == (0.8, True)
    else:
        assert group["betas"] == (0.7, 0.95)


def test_a_batch_sets_rate_and_seed_from_its_place_alone(make_experiment: MakeExperiment) -> None:
    experiment = make_experiment(accumulate=2, schedule={"name": "multistep", "milestones": [1]})
    module = StreamModule(nn.Linear(1, 1), experiment, steps_per_epoch=3)
    optimizer = module.configure_optimizers()
    trainer = SimpleNamespace(current_epoch=1, global_rank=0, optimizers=[optimizer])
    module._trainer = trainer  # type: ignore[assignment]
    batch = {"clips": torch.zeros(1)}
    module.on_train_batch_start(batch, 5)
    assert module.learning_rate == pytest.approx(0.005)
    first = torch.rand(3)
    module.on_train_batch_start(batch, 5)
    assert torch.equal(torch.rand(3), first)
    for place in ({"current_epoch": 0}, {"global_rank": 1}):
        vars(trainer).update({"current_epoch": 1, "global_rank": 0, **place})
        module.on_train_batch_start(batch, 5)
        assert not torch.equal(torch.rand(3), first)
