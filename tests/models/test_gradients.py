"""What those who train take for granted of PyTorch's gradients and modes holds for every model."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from itertools import chain

import pytest
import torch
from torch import Tensor, nn

from dualhead.layers.bodies import DistinctBodies
from dualhead.models.base import SkeletonModel
from tests.models.test_battery import EVERY, all_of, build, clips, logits_of


def some_absent(model: SkeletonModel, samples: int = 3) -> Tensor:
    """Make clips of which all but the last lack the second body."""
    x = clips(model, samples)
    x[:-1, ..., 1] = 0
    return x


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@EVERY
@pytest.mark.parametrize("inside", [False, True], ids=["backward outside autocast", "backward inside"])
def test_training_in_half_precision_with_absent_bodies(name: str, inside: bool) -> None:
    exact, near = build(name).train(), build(name).train()
    x = some_absent(exact, 4)
    labels = torch.arange(4 * len(exact.heads)) % 7
    loss = nn.functional.cross_entropy(logits_of(exact(x)).flatten(0, 1), labels)
    loss.backward()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        lowered = nn.functional.cross_entropy(logits_of(near(x)).flatten(0, 1).float(), labels)
        if inside:
            lowered.backward()
    if not inside:
        lowered.backward()
    torch.testing.assert_close(lowered, loss, rtol=0.1, atol=0)
    want = torch.cat([parameter.grad.flatten() for parameter in exact.parameters() if parameter.grad is not None])
    got = torch.cat([parameter.grad.flatten() for parameter in near.parameters() if parameter.grad is not None])
    assert nn.functional.cosine_similarity(got, want, dim=0) > 0.9
    for (key, value), other in zip(near.named_buffers(), exact.buffers(), strict=True):
        assert value.dtype == other.dtype, key


@EVERY
@pytest.mark.parametrize("training", [False, True])
def test_two_gradients_through_one_graph(name: str, training: bool) -> None:
    model = build(name).double().train(training)
    logits = all_of(model(some_absent(model).double()))
    parameters = list(model.parameters())
    first = torch.autograd.grad(logits[..., 0].sum(), parameters, retain_graph=True, allow_unused=True)
    again = torch.autograd.grad(logits[..., 0].sum(), parameters, allow_unused=True)
    torch.testing.assert_close(again, first, rtol=0, atol=0)


@EVERY
def test_a_second_derivative_in_training_is_refused(name: str) -> None:
    model = build(name).train()
    parameters = list(model.parameters())
    gradients = torch.autograd.grad(
        all_of(model(some_absent(model))).sum(), parameters, create_graph=True, allow_unused=True
    )
    penalty = sum(gradient.square().sum() for gradient in gradients if gradient is not None)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        penalty.backward()  # type: ignore[union-attr]


@EVERY
@pytest.mark.parametrize("training", [False, True])
def test_gradients_of_clips_with_absent_bodies(name: str, training: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    gradients = []
    for every in (False, True):
        model = build(name).double().train(training)
        if every:
            monkeypatch.setattr(model, "distinct_bodies", lambda clips, _: DistinctBodies.every(clips))
        x = some_absent(model).double().requires_grad_()
        all_of(model(x)).square().sum().backward()
        assert x.grad is not None
        gradients.append(x.grad)
    assert (gradients[1][0, ..., 1] != 0).any()
    torch.testing.assert_close(*gradients)


@EVERY
@pytest.mark.usefixtures("two_threads")
def test_norms_that_learn_in_an_evaluated_model_see_the_whole_batch(name: str) -> None:
    results, statistics = [], []
    for gradients in (False, True):
        model = build(name).double().eval()
        for part in model.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.train()
        with torch.set_grad_enabled(gradients):
            results.append(model(clips(model, 4).double()).detach())
        statistics.append(dict(model.named_buffers()))
    torch.testing.assert_close(*results)
    torch.testing.assert_close(*statistics)


@EVERY
def test_any_norm_may_learn_alone_in_an_evaluated_model(name: str) -> None:
    model = build(name).double().eval()
    x = clips(model, 2).double()
    unused = set(chain(*(model.get_submodule(name).modules() for name in model.training_parts)))
    norms = [part for part in model.modules() if isinstance(part, nn.BatchNorm2d) and part not in unused]
    for norm in norms:
        norm.train()
        results = []
        for gradients in (False, True):
            norm.reset_running_stats()
            with torch.set_grad_enabled(gradients):
                results.append((model(x).detach(), norm.running_mean.clone(), norm.running_var.clone()))
        torch.testing.assert_close(*results)
        assert norm.num_batches_tracked == 1
        norm.eval()


@EVERY
@pytest.mark.parametrize("absent", [False, True])
def test_training_in_bfloat16_alone(name: str, absent: bool) -> None:
    exact, low = build(name).train(), build(name).bfloat16().train()
    x = some_absent(exact) if absent else clips(exact, 3)
    want, got = all_of(exact(x)), all_of(low(x.bfloat16()))
    assert got.dtype == torch.bfloat16
    assert nn.functional.cosine_similarity(got.float().flatten(), want.flatten(), dim=0) > 0.99
    got.float().square().mean().backward()
    assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in low.parameters())
    assert all(part.num_batches_tracked == 1 for part in low.modules() if isinstance(part, nn.BatchNorm2d))


@EVERY
@pytest.mark.parametrize("training", [False, True])
def test_autocast_leaves_float64_as_it_is(name: str, training: bool) -> None:
    models = [build(name).double().train(training) for _ in range(2)]
    x = some_absent(models[0]).double()
    want = all_of(models[0](x))
    with torch.autocast("cpu", torch.bfloat16):
        got = all_of(models[1](x))
    torch.testing.assert_close(got, want)


@EVERY
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning", "ignore::DeprecationWarning")
def test_torchscript_records_what_holds_for_other_clips(name: str) -> None:
    model = build(name).eval()
    with torch.no_grad():
        traced = torch.jit.trace(model, (some_absent(model),))
        other = clips(model, 3).flip(0)
        torch.testing.assert_close(traced(other), model(other), rtol=1e-4, atol=1e-5)


@EVERY
def test_frozen_parameters(name: str) -> None:
    """Any kind of parameter may be frozen; the others' gradients stay as they are."""
    model = build(name).double().train()
    x = some_absent(model).double()
    all_of(model(x)).square().sum().backward()
    want = {key: parameter.grad for key, parameter in model.named_parameters()}
    for kind in sorted({key.rpartition(".")[2] for key in want}):
        model = build(name).double().train()
        for key, parameter in model.named_parameters():
            parameter.requires_grad_(not key.endswith(kind))
        all_of(model(x)).square().sum().backward()
        got = {key: parameter.grad for key, parameter in model.named_parameters() if parameter.grad is not None}
        assert not any(key.endswith(kind) for key in got)
        torch.testing.assert_close(got, {key: value for key, value in want.items() if not key.endswith(kind)})


@pytest.mark.slow
@pytest.mark.parametrize("name", ["agcn", "ctrgcn", "dgstgcn", "dualhead", "msg3d", "protogcn", "stgcn", "stgcnpp"])
def test_a_compiler_gets_a_training_step_in_one_piece(name: str) -> None:
    torch._dynamo.reset()
    small = {"dualhead": {"depth": 2}, "msg3d": {"depth": 1}}  # which takes as long as the network is deep
    model = build(name, **small.get(name, {})).train()
    compiled, x = copy.deepcopy(model), some_absent(model)
    compiled.compile(backend="aot_eager", fullgraph=True)
    bodies = DistinctBodies.of(x)
    for form in (compiled, model):
        all_of(form(x, bodies)).square().mean().backward()
    want = {key: weight.grad for key, weight in model.named_parameters()}
    got = {key: weight.grad for key, weight in compiled.named_parameters()}
    largest = max(float(grad.abs().max()) for grad in want.values() if grad is not None)
    torch.testing.assert_close(got, want, rtol=1e-3, atol=1e-4 * largest)
    torch.testing.assert_close(dict(compiled.named_buffers()), dict(model.named_buffers()), rtol=1e-4, atol=1e-5)
    with torch.compiler.set_stance("fail_on_recompile"):
        compiled(x, bodies)
