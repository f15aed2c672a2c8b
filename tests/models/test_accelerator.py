"""What is done on a GPU: whole batches at once, without a look of the host at any number.

PyTorch's `meta` device represents a GPU here. Its tensors have no numbers, so that whoever looks at one fails, and they
do not mix with those of the CPU. Numbers are compared on the CPU, where every layer is told that it may not look.
"""

from __future__ import annotations

import sys

import pytest
import torch
from lightning.fabric.utilities import move_data_to_device

from dualhead import deploy
from dualhead.layers.bodies import DistinctBodies
from dualhead.runtime.errors import ConfigError
from tests.models.test_battery import EVERY, all_of, build, clips, logits_of
from tests.models.test_gradients import some_absent


@pytest.fixture
def as_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, module in list(sys.modules.items()):
        if name.startswith("dualhead.") and hasattr(module, "is_eager"):
            monkeypatch.setattr(module, "is_eager", lambda _: False)


@EVERY
@pytest.mark.parametrize("known", [False, True], ids=["every body", "bodies known to the host"])
def test_nobody_waits_for_a_number(name: str, known: bool) -> None:
    x = some_absent(build(name), 4)
    bodies = DistinctBodies.of(x).to("meta") if known else None
    model = build(name).to("meta").train()
    output = model(x.to("meta"), bodies)
    all_of(output).square().mean().backward()
    logits = logits_of(output)
    assert logits.shape == (4, len(model.heads), 7)
    assert all(weight.grad is not None and weight.grad.is_meta for weight in model.parameters() if weight.ndim > 1)
    deployed = deploy(build(name))
    deployed(x)  # which keeps features of absent bodies, on the CPU
    assert deployed.to("meta")(x.to("meta"), bodies).shape == logits.shape


def test_a_look_at_a_number_is_noticed() -> None:
    with pytest.raises(RuntimeError, match="meta"):
        bool((clips(build("stgcn")).to("meta") != 0).any())


@EVERY
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.usefixtures("as_on_a_gpu")
def test_results_are_those_of_the_cpu(name: str, training: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    model = build(name).double().train(training)
    x = some_absent(model, 4).double()
    results = []
    for form in ("every body", "known to the host", "cpu"):
        bodies = None
        if form == "cpu":
            monkeypatch.undo()
        if form == "known to the host":
            with monkeypatch.context() as patch:
                patch.setattr("dualhead.layers.bodies.is_eager", lambda _: True)
                bodies = DistinctBodies.of(x)
            assert bodies.repeats
        model = build(name).double().train(training)
        logits = all_of(model(x, bodies))
        logits.square().sum().backward()
        results.append((logits, {key: weight.grad for key, weight in model.named_parameters()}, model.state_dict()))
    torch.testing.assert_close(results[0], results[2], rtol=1e-9, atol=1e-11)
    torch.testing.assert_close(results[1], results[2], rtol=1e-9, atol=1e-11)


def test_bodies_of_other_clips_are_refused() -> None:
    model = build("stgcn").eval()
    x = some_absent(model, 4)
    with pytest.raises(ConfigError, match=r"bodies of shape \(3, 2\) are not those of clips of shape"):
        model(x, DistinctBodies.of(x[:3]))
    with pytest.raises(ConfigError, match=r"bodies of shape \(8, 1\) are not those"):
        model(x, DistinctBodies.of(torch.cat([x[..., :1], x[..., 1:]])))


def test_clips_that_take_gradients_have_every_body_of_their_own() -> None:
    model = build("stgcn").eval()
    x = some_absent(model, 4)
    bodies = DistinctBodies.of(x)
    model(x.requires_grad_(), bodies).square().sum().backward()
    assert x.grad is not None
    assert (x.grad[0, ..., 1] != 0).any()


@pytest.mark.parametrize("device", ["meta", "cpu"])
def test_lightning_moves_bodies_with_the_clips(device: str) -> None:
    bodies = DistinctBodies.of(some_absent(build("stgcn"), 4))
    moved = move_data_to_device({"bodies": bodies}, torch.device(device))["bodies"]
    assert isinstance(moved, DistinctBodies)
    assert moved.rows.device.type == moved.source.device.type == device
    assert moved.repeats == bodies.repeats
