"""Parallel convolutions and norms, done in one call each.

The branches of a temporal convolution keep parameters of their own, as published, but a sixth of the channels each is
too narrow to run fast; joined, they are one product over the same input.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def pointwise(x: Tensor, convolutions: Sequence[nn.Conv2d]) -> Tensor:
    """Run several 1x1 convolutions of one input as one.

    Args:
        x: `(B, C, T, V)`.
        convolutions: 1x1 convolutions of stride 1 with C input channels.

    Returns:
        `(B, sum of their output channels, T, V)`, in their order.
    """
    weight = torch.cat([convolution.weight for convolution in convolutions])
    bias = torch.cat([convolution.bias for convolution in convolutions if convolution.bias is not None])
    return F.conv2d(x, weight, bias)


def batch_norm(x: Tensor, norms: Sequence[nn.BatchNorm2d]) -> Tensor:
    """Normalise consecutive slices of channels with a batch norm each, as one.

    In training the running statistics and step counters of every norm are updated as if it had run on its own slice.

    Args:
        x: `(B, C, T, V)` with C the sum of the norms' channels.
        norms: Batch norms of equal eps, momentum and mode.

    Returns:
        `(B, C, T, V)`.
    """
    first = norms[0]
    weight = torch.cat([norm.weight for norm in norms])
    bias = torch.cat([norm.bias for norm in norms])
    means = [norm.running_mean for norm in norms if norm.running_mean is not None]
    variances = [norm.running_var for norm in norms if norm.running_var is not None]
    mean, variance = torch.cat(means), torch.cat(variances)
    momentum = 0.1 if first.momentum is None else first.momentum
    y = F.batch_norm(x, mean, variance, weight, bias, first.training, momentum, first.eps)
    if first.training:
        sizes = [norm.num_features for norm in norms]
        with torch.no_grad():
            for old, new in zip(
                means + variances, torch.split(mean, sizes) + torch.split(variance, sizes), strict=True
            ):
                old.copy_(new)
            for norm in norms:
                if norm.num_batches_tracked is not None:
                    norm.num_batches_tracked.add_(1)
    return y
