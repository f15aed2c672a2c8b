"""Sums over joints against their formula, with gradients of every order that training needs."""

from __future__ import annotations

import torch

from dualhead.layers.aggregate import aggregate


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


def test_autocast_lowers_both() -> None:
    matrix, nodes = torch.randn(3, 4), torch.randn(2, 4, 5)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert aggregate(matrix, nodes).dtype == torch.bfloat16
