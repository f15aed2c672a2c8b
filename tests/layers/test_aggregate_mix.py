"""Aggregation and mixing as one, against their formula, however many frames stay in cache."""

from __future__ import annotations

import pytest
import torch

from dualhead.layers.aggregate_mix import aggregate_mix
from dualhead.layers.cpu.aggregate_mix import aggregate_mix_relu


def make(channels: int) -> tuple[torch.Tensor, ...]:
    torch.manual_seed(0)
    shapes = ((4 * 3, 4), (11, 4, channels), (5, 3 * channels), (5,))  # four joints, three scales
    return tuple(torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes)


def formula(matrix: torch.Tensor, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    return torch.einsum("osc,vsw,nwc->nvo", weight.unflatten(1, (3, -1)), matrix.unflatten(0, (4, 3)), x) + bias


def test_by_hand() -> None:
    matrix = torch.tensor([[1.0, 2.0], [0.0, 1.0], [3.0, 0.0], [0.0, 0.0]])  # two joints, two scales, joint-major
    x = torch.tensor([[[1.0], [10.0]]])
    weight = torch.tensor([[1.0, 100.0]])
    # joint 0: 1 + 20 = 21 at scale 0 and 10 at scale 1; joint 1: 3 at scale 0
    assert aggregate_mix(matrix, x, weight).tolist() == [[[1021.0], [3.0]]]


@pytest.mark.parametrize("numbers", [1, 2**19])
@pytest.mark.parametrize("channels", [2, 9])
def test_formula(channels: int, numbers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dualhead.layers.cpu.cache._NUMBERS_IN_CACHE", numbers)
    tensors = make(channels)
    want, got = formula(*tensors), aggregate_mix(*tensors)
    torch.testing.assert_close(got, want)
    outer = torch.randn_like(want)
    expected = torch.autograd.grad((want * outer).sum(), tensors)
    torch.testing.assert_close(torch.autograd.grad((got * outer).sum(), tensors), expected)
    with torch.no_grad():
        torch.testing.assert_close(aggregate_mix(*tensors), want)
        torch.testing.assert_close(aggregate_mix_relu(*tensors), want.relu())


def test_autocast_lowers_all() -> None:
    matrix, x, weight, _ = (tensor.float().detach() for tensor in make(9))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert aggregate_mix(matrix.requires_grad_(), x, weight).dtype == torch.bfloat16
