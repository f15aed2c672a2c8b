"""The way around a unit."""

from __future__ import annotations

import torch
from torch import nn

from dualhead.layers.residual import make_residual


def test_identity_where_nothing_changes() -> None:
    assert isinstance(make_residual(8, 8), nn.Identity)


def test_convolution_where_shapes_change() -> None:
    x = torch.randn(2, 8, 9, 5)
    assert make_residual(8, 4)(x).shape == (2, 4, 9, 5)
    assert make_residual(8, 8, stride=2)(x).shape == (2, 8, 5, 5)
