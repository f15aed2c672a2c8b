import pytest
import torch
from torch import nn

from dualhead.models.registry import create_model
from dualhead.training.experiment import Optimizer
from dualhead.training.optimizers import build_optimizer


@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_the_optimiser_has_the_experiments_numbers(name: str) -> None:
    settings = Optimizer(name=name, lr=0.3, weight_decay=0.01, momentum=0.8, beta1=0.7, beta2=0.95)  # type: ignore[arg-type]
    (group,) = build_optimizer(settings, [nn.Linear(2, 2)]).param_groups
    assert (group["lr"], group["weight_decay"]) == (0.3, 0.01)
    if name == "sgd":
        assert (group["momentum"], group["nesterov"]) == (0.8, True)
    else:
        assert group["betas"] == (0.7, 0.95)


def test_weights_come_in_the_order_of_the_model_and_those_that_are_frozen_not_at_all() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))
    model[0].weight.requires_grad_(False)
    (group,) = build_optimizer(Optimizer(), [model, nn.Identity()]).param_groups
    expected = [weight for weight in model.parameters() if weight.requires_grad]
    assert [id(weight) for weight in group["params"]] == [id(weight) for weight in expected]


@pytest.mark.parametrize("kind", ["norms", "biases", "adjacency"])
def test_kinds_of_weights_can_go_without_decay(kind: str) -> None:
    model = create_model("agcn", num_classes=3, skeleton="kinect20", width=4)
    names = {id(weight): name for name, weight in model.named_parameters()}
    settings = Optimizer(weight_decay=0.1, no_decay=(kind,))  # type: ignore[arg-type]
    decaying, exempt = build_optimizer(settings, [model]).param_groups
    assert (decaying["weight_decay"], exempt["weight_decay"]) == (0.1, 0.0)
    assert len(decaying["params"]) + len(exempt["params"]) == len(names)
    found = {names[id(weight)] for weight in exempt["params"]}
    modules = dict(model.named_modules())
    norms = {
        name
        for name in names.values()
        if "running_mean" in dict(modules[name.rpartition(".")[0]].named_buffers(recurse=False))
    }
    expected = {
        "norms": norms,
        "biases": {name for name in names.values() if name.endswith("bias")} - norms,
        "adjacency": {name for name in names.values() if name.endswith("learned_adjacency")},
    }
    assert found == expected[kind]
    assert found


def test_a_weight_without_decay_keeps_its_size() -> None:
    model = nn.Sequential(nn.Linear(1, 1), nn.BatchNorm1d(1))
    optimizer = build_optimizer(
        Optimizer(lr=1.0, weight_decay=0.5, momentum=0, nesterov=False, no_decay=("norms",)), [model]
    )
    for weight in model.parameters():
        weight.data.fill_(1.0)
        weight.grad = torch.zeros_like(weight)
    optimizer.step()
    assert [weight.item() for weight in model.parameters()] == [0.5, 0.5, 1.0, 1.0]
