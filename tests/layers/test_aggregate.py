"""Sums over joints against their formula, with gradients of every order that training needs."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from dualhead.layers.aggregate import aggregate, aggregate_windows


def test_by_hand() -> None:
    matrix = torch.tensor([[1.0, 2.0], [0.0, 1.0], [3.0, 0.0]])
    nodes = torch.tensor([[[1.0, 10.0], [2.0, 20.0]]])  # one frame, two joints, two channels
    assert aggregate(matrix, nodes).tolist() == [[[5.0, 50.0], [2.0, 20.0], [3.0, 30.0]]]


def test_gradients() -> None:
    torch.manual_seed(0)
    matrix = torch.randn(7, 6, dtype=torch.float64, requires_grad=True)
    nodes = torch.randn(5, 6, 4, dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(aggregate(matrix, nodes), torch.einsum("uv,nvc->nuc", matrix, nodes))
    assert torch.autograd.gradcheck(aggregate, (matrix, nodes))


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


def test_autocast_lowers_both() -> None:
    matrix, nodes = torch.randn(3, 4), torch.randn(2, 4, 5)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert aggregate(matrix, nodes).dtype == torch.bfloat16
