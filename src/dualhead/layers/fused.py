"""Convolutions joined with one another and with the batch norm behind them.

The branches of a layer keep parameters of their own, as published, but a sixth of the channels each is too narrow to
run fast; joined, they are one product over the same input.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dualhead.layers.cpu.products import by_onednn, differentiable_linear
from dualhead.layers.norm import batch_norm, normalise
from dualhead.layers.prepared import is_autocast, is_eager


def scale_and_shift(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Return scale and offset of a batch norm by channel, each `(O,)`: 1 and 0 in training mode."""
    if norm.training:
        return torch.ones_like(norm.weight), torch.zeros_like(norm.bias)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
    return scale, norm.bias - norm.running_mean * scale


def fold(convolution: nn.Conv2d | nn.Conv3d, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Fuse a convolution and, in evaluation mode, the batch norm behind it into one weight and bias.

    Convention: weight * s and (bias - mean) * s + shift with s = scale / sqrt(variance + eps).

    Args:
        convolution: With O outputs.
        norm: Over O channels; in training mode it takes no part.

    Returns:
        Weight of the convolution's shape and bias `(O,)`.
    """
    (weight,), bias = fold_sum([convolution], norm)
    return weight, bias


def fold_sum(convolutions: Sequence[nn.Conv2d | nn.Conv3d], norm: nn.BatchNorm2d) -> tuple[tuple[Tensor, ...], Tensor]:
    """Fuse, as `fold` does, several convolutions whose sum is normalised.

    Args:
        convolutions: With O outputs each.
        norm: Over O channels; in training mode it takes no part.

    Returns:
        Their weights, and the sum of their biases `(O,)`.
    """
    weights = [convolution.weight for convolution in convolutions]
    biases = [convolution.bias for convolution in convolutions if convolution.bias is not None]
    bias = sum(biases[1:], start=biases[0]) if biases else weights[0].new_zeros(len(weights[0]))
    if norm.training:
        return tuple(weights), bias
    scale, shift = scale_and_shift(norm)
    return tuple(weight * scale.reshape(-1, *[1] * (weight.ndim - 1)) for weight in weights), bias * scale + shift


def fold_all(
    convolutions: Sequence[nn.Conv2d | nn.Conv3d], norms: Sequence[nn.BatchNorm2d]
) -> tuple[tuple[Tensor, ...], Tensor]:
    """Fuse, as `fold` does, several convolutions of one input.

    Args:
        convolutions: With O1, O2, ... outputs.
        norms: One for each.

    Returns:
        Their weights, and their biases joined `(O1 + O2 + ...,)`.
    """
    weights, biases = zip(*(fold(*pair) for pair in zip(convolutions, norms, strict=True)), strict=True)
    return weights, torch.cat(biases)


def pointwise(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Run a 1x1 convolution as the matrix product that it is.

    Args:
        x: `(B, C, T, V)`, channels-last in memory.
        weight: `(O, C)`.
        bias: `(O,)`.

    Returns:
        `(B, O, T, V)`, channels-last in memory.
    """
    rows = x.movedim(1, -1).contiguous()  # (B, T, V, C)
    if is_eager(x) and by_onednn(rows) and not is_autocast(x):
        return differentiable_linear(rows, weight, bias).movedim(-1, 1)
    return F.linear(rows, weight, bias).movedim(-1, 1)


def pointwise_norm(x: Tensor, weight: Tensor, bias: Tensor, norms: Sequence[nn.BatchNorm2d]) -> Tensor:
    """Run a 1x1 convolution and those of the norms behind it that are in training mode.

    Args:
        x: `(B, C, T, V)`, channels-last in memory.
        weight: `(O, C)`, norms in evaluation mode folded in.
        bias: `(O,)`, likewise.
        norms: Batch norms of consecutive slices of the O channels.

    Returns:
        `(B, O, T, V)`, channels-last in memory.
    """
    if all(norm.training for norm in norms):
        return batch_norm(pointwise(x, weight), norms, bias)
    return normalise(pointwise(x, weight, bias), norms)
