"""The way around a unit."""

from __future__ import annotations

from torch import nn

from dualhead.layers.temporal_convolution import PointwiseNorm


def make_residual(in_channels: int, out_channels: int, stride: int = 1) -> nn.Module:
    """Create the identity, or a 1x1 convolution with stride and norm where shapes change.

    Args:
        in_channels: C.
        out_channels: O.
        stride: Frames between two outputs.

    Returns:
        A module from `(B, C, T, V)` to `(B, O, ceil(T / stride), V)`.
    """
    if in_channels == out_channels and stride == 1:
        return nn.Identity()
    return PointwiseNorm(in_channels, out_channels, stride)
