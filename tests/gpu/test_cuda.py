"""What only a CUDA GPU can show; every test here skips where PyTorch finds none."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from dualhead import deploy
from dualhead.layers.bodies import DistinctBodies
from dualhead.models.base import SkeletonModel
from dualhead.training.execution import graph_training
from tests.models.golden import load_case
from tests.models.test_battery import EVERY, NTU25, build, clips
from tests.models.test_golden import CASES

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch finds no CUDA GPU on this machine")


@pytest.fixture(autouse=True)
def _full_float32() -> Iterator[None]:
    allowed = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    yield
    torch.backends.cudnn.allow_tf32 = allowed
    torch.cuda.set_sync_debug_mode("default")


def some_clips(model: SkeletonModel, samples: int = 8) -> Tensor:
    x = clips(model, samples=samples, frames=24)
    x[: samples // 2, ..., 1:] = 0
    return x


def difference(ours: Tensor, reference: Tensor) -> float:
    """Return the largest difference over the largest value."""
    reference = reference.detach().double().cpu()
    return float((ours.detach().double().cpu() - reference).abs().max() / reference.abs().max())


@pytest.mark.parametrize("name", CASES)
def test_published_models_in_float32(shared: Path, name: str) -> None:
    case = load_case(shared / "golden", name)
    model, _ = case.build()
    model = model.float().cuda().eval()
    want = torch.tensor(case.data["eval_logits"], dtype=torch.float64).transpose(0, 1)
    with torch.inference_mode():
        x = case.clips.float()
        assert difference(model(x.cuda(), DistinctBodies.of(x).to("cuda")), want) < 1e-4
        assert difference(deploy(model)(x.cuda()), want) < 1e-4
        with torch.autocast("cuda", torch.bfloat16):
            half = model(x.cuda())
    assert difference(half, want) < 0.1
    assert torch.equal(half.float().cpu().argmax(dim=-1), want.argmax(dim=-1))


@EVERY
def test_a_training_step_is_that_of_the_cpu(name: str) -> None:
    host = build(name, NTU25).train()
    device = copy.deepcopy(host).cuda()
    x = some_clips(host)
    host(x).square().mean().backward()
    device(x.cuda(), DistinctBodies.of(x).to("cuda")).square().mean().backward()
    theirs = dict(host.named_parameters())
    largest = max(float(weight.grad.norm()) for weight in theirs.values() if weight.grad is not None)
    for key, weight in device.named_parameters():
        reference = theirs[key].grad
        assert weight.grad is not None
        assert reference is not None
        error = float((weight.grad.cpu() - reference).norm())
        assert error <= 1e-2 * float(reference.norm()) + 1e-4 * largest, key
    for key, value in device.named_buffers():
        if "running_" in key:
            assert difference(value, host.get_buffer(key)) < 1e-4, key


@EVERY
@pytest.mark.parametrize("half", [False, True], ids=["float32", "bf16"])
def test_a_training_step_does_not_wait_for_the_gpu(name: str, half: bool) -> None:
    model = build(name, NTU25).cuda().train()
    x = some_clips(model)
    bodies, on_device = DistinctBodies.of(x).to("cuda"), x.cuda()

    def step() -> Tensor:
        with torch.autocast("cuda", torch.bfloat16, enabled=half):
            loss = model(on_device, bodies).float().square().mean()
        loss.backward()
        return loss

    step()
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    loss = step()
    torch.cuda.set_sync_debug_mode("default")
    assert loss.isfinite()


@EVERY
def test_deployed_forms(name: str) -> None:
    model = build(name, NTU25).eval()
    x = some_clips(model, samples=16)
    with torch.inference_mode():
        want = model(x)
        assert difference(deploy(model).cuda()(x.cuda()), want) < 1e-4
        half = deploy(copy.deepcopy(model).cuda(), torch.bfloat16)(x.cuda()).float().cpu()
    assert difference(half, want) < 0.1
    assert float((half.argmax(dim=-1) == want.argmax(dim=-1)).float().mean()) >= 0.9


@EVERY
@pytest.mark.parametrize("half", [False, True], ids=["float32", "bf16"])
def test_replayed_graphs_train_as_eager_steps_do(name: str, half: bool) -> None:
    torch.manual_seed(0)
    eager = build(name, NTU25).cuda().train()
    graphed = copy.deepcopy(eager)
    batches = [some_clips(eager).roll(turn, 0).cuda() for turn in range(3)]
    with torch.autocast("cuda", torch.bfloat16, enabled=half, cache_enabled=False):
        graph_training(graphed, batches[0].shape)
    for key, value in graphed.named_buffers():
        assert torch.equal(value, eager.get_buffer(key)), key
    losses = []
    for model in (eager, graphed):
        optimizer = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9, nesterov=True)
        taken = []
        for x in batches:
            optimizer.zero_grad()
            with torch.autocast("cuda", torch.bfloat16, enabled=half, cache_enabled=False):
                loss = model(x, DistinctBodies.every(x)).float().square().mean()
            loss.backward()
            optimizer.step()
            taken.append(loss.item())
        losses.append(taken)
    torch.testing.assert_close(losses[1], losses[0], rtol=5e-2 if half else 1e-3, atol=1e-6)
    with torch.no_grad():
        graphed.eval()(batches[0][:3])  # another shape, in evaluation: computed as before


def test_gradients_are_shared_under_nccl() -> None:
    torch.distributed.init_process_group("nccl", init_method="tcp://127.0.0.1:29633", world_size=1, rank=0)
    try:
        model = build("dualhead", NTU25).cuda().train()
        x = some_clips(model)
        alone = copy.deepcopy(model)
        alone(x.cuda()).square().mean().backward()
        together = torch.nn.parallel.DistributedDataParallel(model, device_ids=[0])
        together(x.cuda()).square().mean().backward()
        for key, weight in alone.named_parameters():
            assert weight.grad is not None
            assert torch.allclose(model.get_parameter(key).grad, weight.grad, rtol=1e-3, atol=1e-6), key  # type: ignore[arg-type]
    finally:
        torch.distributed.destroy_process_group()


@pytest.mark.parametrize("name", ["ctrgcn", "dualhead"])
def test_compiled_in_one_graph(name: str) -> None:
    model = build(name, NTU25).cuda().eval()
    x = some_clips(model).cuda()
    with torch.no_grad():
        want = model(x)
        model.compile(fullgraph=True)
        assert difference(model(x), want) < 1e-3
