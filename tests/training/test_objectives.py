import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from dualhead.data.store.store import Store
from dualhead.models.base import ModelOutput
from dualhead.models.checkpoint import load_checkpoint
from dualhead.models.registry import create_model
from dualhead.runtime.errors import ConfigError
from dualhead.training import objectives
from dualhead.training.objectives import (
    Objective,
    PrototypeContrast,
    check_objective,
    create_objective,
    list_objectives,
    register_objective,
)
from dualhead.training.train import train
from tests.training.conftest import MakeExperiment

MODEL = create_model("dualhead", num_classes=2, skeleton="kinect20", width=6, num_gcn_scales=1, num_g3d_scales=1)


def loss(logits: Tensor, target: Tensor, **arguments: Any) -> Tensor:
    return create_objective("cross_entropy", MODEL, arguments)(ModelOutput(logits), target)


def test_the_loss_is_the_mean_of_the_heads_cross_entropies() -> None:
    # Odds 3 : 1 for the true class in one head, even in the other: the loss is (-ln 0.75 - ln 0.5) / 2.
    logits = torch.tensor([[[math.log(3), 0.0], [0.0, 0.0]]])
    assert float(loss(logits, torch.tensor([0]))) == pytest.approx((-math.log(0.75) - math.log(0.5)) / 2)


def test_every_head_is_held_against_its_own_sample() -> None:
    logits = torch.tensor([[[9.0, 0.0], [9.0, 0.0]], [[0.0, 9.0], [0.0, 9.0]]])
    assert float(loss(logits, torch.tensor([0, 1]))) < 0.001
    assert float(loss(logits, torch.tensor([1, 0]))) > 8


def test_label_smoothing_spreads_a_share_over_all_classes() -> None:
    # Smoothing 0.2 over 2 classes: targets 0.9 and 0.1, given as a class or as a soft label.
    logits = torch.tensor([[[math.log(3), 0.0]]])
    expected = -0.9 * math.log(0.75) - 0.1 * math.log(0.25)
    for target in (torch.tensor([0]), torch.tensor([[1.0, 0.0]])):
        assert float(loss(logits, target, label_smoothing=0.2)) == pytest.approx(expected)


def test_soft_labels_weigh_the_classes_of_every_head() -> None:
    logits = torch.tensor([[[math.log(3), 0.0], [0.0, 0.0]]])
    expected = (-0.7 * math.log(0.75) - 0.3 * math.log(0.25) - math.log(0.5)) / 2
    assert float(loss(logits, torch.tensor([[0.7, 0.3]]))) == pytest.approx(expected)


def test_class_weights_make_a_weighted_mean_over_samples() -> None:
    # Two samples of the same odds 3 : 1, one of either class; weights 1 and 3.
    logits = torch.tensor([[[math.log(3), 0.0]], [[math.log(3), 0.0]]])
    expected = (-math.log(0.75) - 3 * math.log(0.25)) / 4
    assert float(loss(logits, torch.tensor([0, 1]), class_weights=[1, 3])) == pytest.approx(expected)


@pytest.mark.parametrize("weights", [[3, 1], {"fine": 3, "coarse": 1}])
def test_head_weights_are_shares(weights: Any) -> None:
    logits = torch.tensor([[[math.log(3), 0.0], [0.0, 0.0]]])
    expected = -0.75 * math.log(0.75) - 0.25 * math.log(0.5)
    assert float(loss(logits, torch.tensor([0]), head_weights=weights)) == pytest.approx(expected)


def test_the_loss_of_half_precision_logits_is_in_single() -> None:
    half = torch.zeros(1, 2, 2, dtype=torch.bfloat16)
    assert loss(half, torch.tensor([0])).dtype == torch.float32
    assert loss(half, torch.tensor([[0.5, 0.5]])).dtype == torch.float32
    assert loss(half.double(), torch.tensor([[0.5, 0.5]])).dtype == torch.float64


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"label_smoothing": 1.0}, "label_smoothing"),
        ({"label_smoothing": "much"}, "label_smoothing"),
        ({"class_weights": [1.0]}, "class_weights"),
        ({"class_weights": [0, 0]}, "class_weights"),
        ({"class_weights": [-1, 2]}, "class_weights"),
        ({"head_weights": {"fine": 1}}, "coarse"),
        ({"head_weights": {"fine": 1, "corse": 1}}, "coarse"),
        ({"head_weights": "both"}, "head_weights"),
        ({"auxiliary": {"graph": "x"}}, "graph"),
        ({"smoothing": 0.1}, "label_smoothing"),
    ],
)
def test_arguments_that_cannot_be_used_are_refused(arguments: dict[str, Any], field: str) -> None:
    with pytest.raises(ConfigError, match=field):
        create_objective("cross_entropy", MODEL, arguments)


def test_an_extra_that_the_model_does_not_return_is_named() -> None:
    objective = create_objective("cross_entropy", MODEL, {"auxiliary": {"graf": 1.0}})
    with pytest.raises(ConfigError, match="did you mean 'graph'"):
        objective(ModelOutput(torch.zeros(1, 2, 2), {"graph": torch.zeros(1)}), torch.tensor([0]))


def test_the_default_has_nothing_to_save_or_train() -> None:
    assert create_objective("cross_entropy", MODEL, {"class_weights": [1, 2]}).state_dict() == {}


def test_the_contrast_of_prototypes_by_hand() -> None:
    """Two classes, two channels, the projection left out: f = e."""
    objective = create_objective(
        "prototype_contrast", MODEL, {"features": 2, "channels": 2, "temperature": 0.5, "momentum": 0.75, "factor": 2}
    )
    assert isinstance(objective, PrototypeContrast)
    with torch.no_grad():
        objective.project.weight.copy_(torch.eye(2))
        objective.project.bias.zero_()
        objective.means.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
    # Samples 0 and 1 are of class 0 and right, sample 2 is of class 1 and wrong: the mean of class 1 stays.
    logits = torch.tensor([[[9.0, 0.0]], [[9.0, 0.0]], [[9.0, 0.0]]])
    vectors = torch.tensor([[2.0, 0.0], [4.0, 0.0], [0.0, 5.0]], requires_grad=True)
    labels = torch.tensor([0, 0, 1])
    loss = objective(ModelOutput(logits, {"prototypes": vectors}), labels)
    assert objective.means.tolist() == [[0.75 * 1 + 0.25 * 3, 0.0], [0.0, 1.0]]
    # cosines 1 and 0, divided by 0.5: logits 2 and 0
    contrast = -math.log(math.exp(2) / (math.exp(2) + 1))
    plain = torch.nn.functional.cross_entropy(logits[:, 0], labels)
    assert float(loss.detach()) == pytest.approx(float(plain) + 2 * contrast, rel=1e-5)
    loss.backward()
    assert vectors.grad is not None
    assert not objective.means.requires_grad
    soft = torch.nn.functional.one_hot(labels, 2).float()
    assert torch.isfinite(objective(ModelOutput(logits, {"prototypes": vectors}), soft))


def test_an_objective_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objectives._OBJECTIVES, "_values", dict(objectives._OBJECTIVES.items()))

    @register_objective("margin")
    class Margin(Objective):
        def __init__(self, model: nn.Module, least: float = 1.0):
            super().__init__()
            self.least = least

        def forward(self, output: ModelOutput, target: Tensor) -> Tensor:
            return (self.least - output.logits).relu().mean()

    assert "margin" in list_objectives()
    check_objective("margin", {"least": 3.0})
    with pytest.raises(ConfigError, match="least"):
        check_objective("margin", {"leest": 3.0})
    assert float(create_objective("margin", MODEL, {"least": 3.0})(ModelOutput(torch.ones(2)), torch.tensor([0]))) == 2
    with pytest.raises(ConfigError, match="did you mean 'margin'"):
        check_objective("margine", {})


@pytest.mark.slow
def test_what_an_objective_has_learned_resumes_bit_for_bit(
    make_experiment: MakeExperiment, store: Store, tmp_path: Path
) -> None:
    experiment = make_experiment(
        model={"name": "protogcn", "arguments": {"width": 8, "depth": 1, "num_prototypes": 5}},
        objective={"name": "prototype_contrast", "arguments": {"channels": 4}},
        ema_decay=0.9,
    )
    whole = train(experiment, store, tmp_path / "whole", quiet=True)
    train(experiment, store, tmp_path / "parts", stop_after=2, quiet=True)
    parts = train(experiment, store, tmp_path / "parts", quiet=True)
    states = [
        torch.load(result.out / "checkpoints" / "last.ckpt", weights_only=True)["current_model_state"]
        for result in (whole, parts)
    ]
    assert {"objective.means", "objective.project.weight"} <= states[0].keys()
    assert states[0]["objective.means"].any()
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    model, _ = load_checkpoint(whole.last.checkpoint)
    assert not any("objective" in name for name in model.state_dict())
