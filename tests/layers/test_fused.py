"""Convolutions as one product, and with the norm behind them, equal each on its own."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from dualhead.layers.fused import fold, fold_all, fold_sum, pointwise, pointwise_norm
from dualhead.layers.norm import BatchNorm
from tests.layers import plain


def test_pointwise() -> None:
    torch.manual_seed(0)
    convolution = nn.Conv2d(3, 5, 1).double()
    x = torch.randn(2, 3, 4, 6, dtype=torch.float64)
    y = pointwise(x, convolution.weight.flatten(1), convolution.bias)
    assert y.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(y, convolution(x), rtol=1e-12, atol=1e-12)


def test_fold_by_hand() -> None:
    convolution, norm = nn.Conv2d(1, 1, 1), BatchNorm(1, eps=0.0).eval()
    for value, number in zip((convolution.weight, convolution.bias), (3.0, 5.0), strict=True):
        nn.init.constant_(value, number)  # type: ignore[arg-type]
    for value, number in ((norm.weight, 2.0), (norm.bias, 7.0), (norm.running_mean, 1.0), (norm.running_var, 16.0)):
        nn.init.constant_(value, number)  # type: ignore[arg-type]
    weight, bias = fold(convolution, norm)  # (3 x + 5 - 1) / 4 * 2 + 7 = 1.5 x + 9
    assert (weight.item(), bias.item()) == (1.5, 9.0)
    weight, bias = fold(convolution, norm.train())
    assert (weight.item(), bias.item()) == (3.0, 5.0)


def test_joined_and_summed_convolutions() -> None:
    convolutions = [nn.Conv2d(3, 4, 1).double() for _ in range(3)]
    norms = [BatchNorm(4).double().eval() for _ in range(3)]
    for seed, module in enumerate([*convolutions, *norms]):
        plain.randomize(module, seed)
    x = torch.randn(2, 3, 4, 6, dtype=torch.float64)
    weights, bias = fold_all(convolutions, norms)
    each = torch.cat([norm(conv(x)) for conv, norm in zip(convolutions, norms, strict=True)], dim=1)
    torch.testing.assert_close(pointwise(x, torch.cat(weights).flatten(1), bias), each, rtol=1e-12, atol=1e-12)
    weights, bias = fold_sum(convolutions, norms[0])
    total = norms[0](torch.stack([conv(x) for conv in convolutions]).sum(dim=0))
    ours = torch.stack([pointwise(x, weight.flatten(1)) for weight in weights]).sum(dim=0) + bias[:, None, None]
    torch.testing.assert_close(ours, total, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("training", [(True, True), (False, False), (True, False)])
def test_a_convolution_with_the_norms_behind_it(training: tuple[bool, bool]) -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 3, 4, 5, dtype=torch.float64).contiguous(memory_format=torch.channels_last)
    weight, bias = torch.randn(6, 3, dtype=torch.float64), torch.randn(6, dtype=torch.float64)
    norms = [BatchNorm(3).double().train(trains) for trains in training]
    others = copy.deepcopy(norms)
    got = pointwise_norm(x, weight, bias, norms)
    parts = (pointwise(x, weight) + bias[:, None, None]).chunk(2, dim=1)
    pairs = zip(parts, others, strict=True)  # a norm in evaluation mode is folded into the weight already
    want = torch.cat([norm(part) if norm.training else part for part, norm in pairs], dim=1)
    torch.testing.assert_close(got, want)
    for mine, other in zip(norms, others, strict=True):
        torch.testing.assert_close(mine.state_dict(), other.state_dict())
