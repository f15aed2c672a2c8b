"""Every reference case of a published model is met in float64."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from dualhead.models.base import ModelOutput
from tests.models.golden import assert_norms, load_case

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
"""Statistics of ProtoGCN that were recorded behind a dropout of 0.1, whose draw nobody can repeat."""


@pytest.mark.parametrize("name", CASES)
def test_logits(shared: Path, name: str) -> None:
    case = load_case(shared / "golden", name)
    model, mapped = case.build()
    assert set(mapped) == set(case.state)
    with torch.no_grad():
        logits = model.eval()(case.clips)
    for head, want in enumerate(torch.tensor(case.data["eval_logits"], dtype=torch.float64)):
        assert (logits[:, head] - want).abs().max() <= 1e-9 * want.abs().max()


@pytest.mark.parametrize("name", CASES)
def test_training_step(shared: Path, name: str) -> None:
    case = load_case(shared / "golden", name)
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
    assert set(running) == set(case.data["running_norms"])
    assert_norms(
        {key: norm for key, norm in running.items() if key not in WITH_DROPOUT},
        {key: norm for key, norm in case.data["running_norms"].items() if key not in WITH_DROPOUT},
    )
    for key in WITH_DROPOUT & set(running):
        assert running[key] == pytest.approx(case.data["running_norms"][key], rel=1e-5)
