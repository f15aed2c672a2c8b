"""Parallel convolutions, done in one call.

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
