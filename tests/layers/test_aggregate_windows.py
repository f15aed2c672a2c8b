"""Sums over windows against their formula, with their gradients."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from dualhead.layers.aggregate_windows import aggregate_windows


@pytest.mark.parametrize(("window", "stride", "frames"), [(3, 1, 5), (3, 2, 5), (5, 2, 4), (5, 1, 2)])
def test_windows(window: int, stride: int, frames: int) -> None:
    torch.manual_seed(0)
    joints, channels = 4, 3
    matrix = torch.randn(6, window * joints, dtype=torch.float64, requires_grad=True)
    x = torch.randn(2, frames, joints, channels, dtype=torch.float64, requires_grad=True)
    margin = (window - 1) // 2
    padded = F.pad(x, (0, 0, 0, 0, margin, margin))
    want = torch.stack(
        [
            torch.einsum("un,bnc->buc", matrix, padded[:, start : start + window].flatten(1, 2))
            for start in range(0, frames, stride)
        ],
        dim=1,
    )
    got = aggregate_windows(matrix, x, window, stride)
    torch.testing.assert_close(got, want)
    weights = torch.randn_like(want)
    expected = torch.autograd.grad((want * weights).sum(), (matrix, x))
    actual = torch.autograd.grad((got * weights).sum(), (matrix, x))
    torch.testing.assert_close(actual, expected)


@pytest.mark.parametrize(
    ("window", "stride", "frames"), [(3, 1, 5), (3, 2, 50), (5, 2, 4), (5, 1, 2), (1, 1, 5), (3, 3, 5)]
)
@pytest.mark.parametrize("channels", [2, 9])
@pytest.mark.parametrize("at_once", [False, True], ids=["a body at a time", "all bodies at once"])
def test_channels_may_be_mixed_first(
    window: int, stride: int, frames: int, channels: int, at_once: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if at_once:  # as on a GPU and for a compiler
        monkeypatch.setattr("dualhead.layers.aggregate_windows.is_eager", lambda _: False)
    torch.manual_seed(0)
    joints, scales, mixed = 4, 2, 8
    matrix = torch.randn(6, window * joints * scales, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(scales, mixed, channels, dtype=torch.float64, requires_grad=True)
    x = torch.randn(3, frames, joints, channels, dtype=torch.float64, requires_grad=True)
    nodes = torch.einsum("sec,btvc->btvse", weight, x).flatten(2, 3)
    want = aggregate_windows(matrix, nodes, window, stride)
    got = aggregate_windows(matrix, x, window, stride, weight)
    torch.testing.assert_close(got, want)
    outer = torch.randn_like(want)
    expected = torch.autograd.grad((want * outer).sum(), (matrix, weight, x))
    torch.testing.assert_close(torch.autograd.grad((got * outer).sum(), (matrix, weight, x)), expected)
    with torch.no_grad():
        torch.testing.assert_close(aggregate_windows(matrix, x, window, stride, weight), want)


@pytest.mark.slow
@pytest.mark.parametrize(("window", "stride"), [(3, 2), (5, 2), (3, 1)])
def test_a_compiler_gives_the_same_gradients(window: int, stride: int) -> None:
    torch.manual_seed(0)
    torch._dynamo.reset()
    shapes = ((6, window * 8), (3, 10, 4, 9), (2, 8, 9))
    inputs = tuple(torch.randn(shape, requires_grad=True) for shape in shapes)
    results = []
    for function in (aggregate_windows, torch.compile(aggregate_windows, fullgraph=True)):
        matrix, x, weight = inputs
        y = function(matrix, x, window, stride, weight)
        results.append((y.detach(), *torch.autograd.grad(y.square().sum(), inputs)))
    torch.testing.assert_close(results[1], results[0], rtol=1e-4, atol=1e-3)
