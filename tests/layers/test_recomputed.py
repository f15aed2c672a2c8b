"""Computing twice gives the same and keeps less."""

from __future__ import annotations

import torch
from torch import Tensor

from dualhead.layers.counted_norm import counting
from dualhead.layers.norm import BatchNorm
from dualhead.layers.recomputed import recomputed


def test_gradients_and_running_statistics_are_those_of_one_computation() -> None:
    torch.manual_seed(0)
    x = torch.randn(4, 3, 5, 2, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(6, 3, 1, 1, dtype=torch.float64, requires_grad=True)
    norms = [BatchNorm(3).double() for _ in range(2)]
    kept: list[int] = []
    results = []
    for norm, twice in zip(norms, (False, True), strict=True):

        def layer(x: Tensor, weight: Tensor, norm: BatchNorm = norm) -> Tensor:
            return torch.conv2d(norm(x).relu_(), weight)

        def pack(tensor: Tensor) -> Tensor:
            kept[-1] += tensor.numel()
            return tensor

        kept.append(0)
        with counting(((1, 3),)), torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            y = recomputed(layer, x, weight) if twice else layer(x, weight)
        results.append((y, torch.autograd.grad(y.square().sum(), (x, weight, *norm.parameters()))))
    torch.testing.assert_close(results[1], results[0], rtol=0, atol=0)
    torch.testing.assert_close(norms[1].state_dict(), norms[0].state_dict(), rtol=0, atol=0)
    assert kept[1] < kept[0] / 2
