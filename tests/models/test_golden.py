"""Every reference case of a published model is met in float64."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from dualhead.models.base import ModelOutput
from dualhead.models.registry import ARCHITECTURES
from tests.models.golden import NARROW_CASES, Case, assert_norms, load_case, load_narrow_case, plain_results

CASES = (
    "dualhead_ntu60",
    "dualhead_kinetics",
    "msg3d_ntu60",
    "agcn_ntu60",
    "stgcn_ntu60",
    "ctrgcn_ntu60",
    "stgcnpp_ntu60",
    "dgstgcn_ntu60",
    "protogcn_ntu60",
)

WITH_DROPOUT = {"backbone.bn.running_mean", "backbone.bn.running_var"}
"""Statistics of ProtoGCN that its case of `../shared` recorded behind a dropout, whose draw nobody can repeat."""


def check_logits(case: Case) -> None:
    model, mapped = case.build()
    assert set(mapped) == set(case.state)
    with torch.no_grad():
        logits = model.eval()(case.clips)
    for head, want in enumerate(torch.tensor(case.data["eval_logits"], dtype=torch.float64)):
        assert (logits[:, head] - want).abs().max() <= 1e-9 * want.abs().max()


def check_training_step(case: Case, inexact: set[str]) -> None:
    model, mapped = case.build()
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    labels = torch.tensor(case.data["labels"])
    heads = ModelOutput.of(model.train()(case.clips)).logits.unbind(dim=1)
    loss = torch.stack([F.cross_entropy(logits, labels) for logits in heads]).mean()
    assert abs(loss.item() - case.data["train_loss"]) <= 1e-9 * case.data["train_loss"]
    loss.backward()
    parameters = dict(model.named_parameters())
    gradients = {
        theirs: 0.0 if grad is None else grad.norm().item()
        for theirs, ours in mapped.items()
        if ours in parameters
        for grad in [parameters[ours].grad]
    }
    assert set(gradients) == set(case.data["grad_norms"])
    assert_norms(gradients, case.data["grad_norms"])
    state = model.state_dict()
    running = {theirs: state[ours].double().norm().item() for theirs, ours in mapped.items() if "running_" in ours}
    recorded = case.data["running_norms"]
    assert set(running) == set(recorded)
    assert_norms(running, {key: norm for key, norm in recorded.items() if key not in inexact})
    for key in inexact & set(recorded):
        assert running[key] == pytest.approx(recorded[key], rel=1e-5)


@pytest.mark.parametrize("name", CASES)
def test_logits(shared: Path, name: str) -> None:
    check_logits(load_case(shared / "golden", name))


@pytest.mark.parametrize("name", CASES)
def test_training_step(shared: Path, name: str) -> None:
    check_training_step(load_case(shared / "golden", name), WITH_DROPOUT)


def test_every_architecture_has_a_narrow_case() -> None:
    assert set(NARROW_CASES) == set(ARCHITECTURES)


@pytest.mark.parametrize("name", NARROW_CASES)
def test_narrow_case(name: str) -> None:
    case = load_narrow_case(name)
    check_logits(case)
    check_training_step(case, set())


@pytest.mark.parametrize("name", NARROW_CASES)
def test_narrow_case_is_what_the_plain_formulas_give(name: str) -> None:
    case = load_narrow_case(name)
    results = plain_results(case.data, case.state, case.clips)
    torch.testing.assert_close(
        torch.tensor(results["eval_logits"], dtype=torch.float64),
        torch.tensor(case.data["eval_logits"], dtype=torch.float64),
        rtol=1e-9,
        atol=1e-9,
    )
    assert results["train_loss"] == pytest.approx(case.data["train_loss"], rel=1e-9)
    assert_norms(results["grad_norms"], case.data["grad_norms"])
    assert_norms(results["running_norms"], case.data["running_norms"])
