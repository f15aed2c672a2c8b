"""Mixing, norm, ReLU and collapse in cache are what torch computes one after the other."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from dualhead.layers.counted_norm import Repeats
from dualhead.layers.cpu.collapse import collapse_windows

EPS = 1e-5


def formula(nodes: Tensor, mix: Tensor | None, weight: Tensor, bias: Tensor, collapse: Tensor) -> Tensor:
    h = nodes if mix is None else nodes @ mix.t()  # (B, T', V * W, E)
    y = F.batch_norm(h.movedim(-1, 1), None, None, weight, bias, True, 0.0, EPS).relu()
    y = y.movedim(1, -1).unflatten(2, (-1, collapse.shape[1] // len(weight)))  # (B, T', V, W, E)
    return y.flatten(3) @ collapse.t()


@pytest.mark.parametrize("numbers", [1, 2**17])
@pytest.mark.parametrize("repeats", [(), ((1, 4),)])
@pytest.mark.parametrize("mixes", [False, True])
def test_formula(mixes: bool, repeats: Repeats, numbers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dualhead.layers.cpu.collapse._NUMBERS_IN_CACHE", numbers)
    torch.manual_seed(0)
    shapes = {"nodes": (2, 5, 4 * 3, 2 if mixes else 6), "mix": (6, 2), "weight": (6,), "bias": (6,)}
    tensors = {
        name: torch.randn(shape, dtype=torch.float64, requires_grad=True)
        for name, shape in {**shapes, "collapse": (7, 3 * 6)}.items()
    }
    nodes, mix, weight, bias, collapse = tensors.values()
    used = [tensor for name, tensor in tensors.items() if mixes or name != "mix"]
    rows = torch.tensor([0, 1] + [row for row, times in repeats for _ in range(times - 1)])
    want = formula(nodes[rows], mix if mixes else None, weight, bias, collapse)
    got, mean, variance, count = collapse_windows(nodes, mix if mixes else None, weight, bias, collapse, repeats, EPS)
    torch.testing.assert_close(got[rows], want)
    h = (nodes @ mix.t() if mixes else nodes)[rows].flatten(0, 2)
    torch.testing.assert_close(mean, h.mean(dim=0))
    torch.testing.assert_close(variance, h.var(dim=0, correction=0))
    assert count == len(h)
    outer = torch.randn_like(want)
    expected = torch.autograd.grad((want * outer).sum(), used)
    torch.testing.assert_close(torch.autograd.grad((got[rows] * outer).sum(), used), expected)
