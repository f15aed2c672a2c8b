import math
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from dualhead.layers.bodies import DistinctBodies
from dualhead.models.base import ModelOutput
from dualhead.training.module import StreamModule
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
    experiment = make_experiment(accumulate_grad_batches=2, schedule={"name": "multistep", "milestones": [1]})
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


def test_a_mixed_sample_has_the_loss_of_its_soft_label_and_counts_as_its_own_class(
    make_experiment: MakeExperiment,
) -> None:
    # Odds 3 : 1 for class 0; target 3/4 and 1/4.
    module = StreamModule(Fixed(torch.tensor([[[math.log(3), 0.0]]])), make_experiment(), 1)
    module.on_train_epoch_start()
    batch = {
        "clips": torch.zeros(1, 3, 8, 20, 1),
        "labels": torch.tensor([0]),
        "targets": torch.tensor([[0.75, 0.25]]),
    }
    loss = module.training_step(module.on_before_batch_transfer(batch, 0), batch_idx=0)
    assert float(loss.detach()) == pytest.approx(-0.75 * math.log(0.75) - 0.25 * math.log(0.25))
    assert module.training_figures()["train_top1"] == 1.0


class WithExtras(Fixed):
    """Returns an extra beside its logits."""

    def forward(self, clips: Tensor, bodies: DistinctBodies) -> ModelOutput:  # type: ignore[override]
        return ModelOutput(super().forward(clips, bodies), {"penalty": self.logits.new_tensor([1.0, 3.0])})


def test_an_auxiliary_term_of_the_model_is_added(make_experiment: MakeExperiment) -> None:
    logits = torch.tensor([[[2.0, 0.0]]])
    plain = StreamModule(Fixed(logits), make_experiment(), 1)
    objective = {"arguments": {"auxiliary": {"penalty": 0.5}}}
    rich = StreamModule(WithExtras(logits), make_experiment(objective=objective), 1)
    losses = []
    for module in (plain, rich):
        module.on_train_epoch_start()
        losses.append(float(train_on(module, torch.zeros(1, 3, 8, 20, 1), [0]).detach()))
    assert losses[1] == pytest.approx(losses[0] + 0.5 * 2)
    assert torch.equal(rich(torch.zeros(1, 3, 8, 20, 1), DistinctBodies.of(torch.zeros(1, 3, 8, 20, 1))), logits)
