"""Multi-scale graph convolution against its formula."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from dualhead.graph import disentangled_scales
from dualhead.layers.graph_convolution import MultiScaleGraphConvolution, start_residual_adjacency
from tests.layers import plain


def formula(layer: Any, x: Tensor) -> Tensor:
    matrix = layer.adjacency.flatten(0, 1) + layer.residual_adjacency  # (S * V, V), output joint first
    h = torch.einsum("uw,bctw->bctu", matrix, x)
    h = h.unflatten(3, (len(layer.adjacency), -1))  # (B, C, T, S, V)
    h = h.permute(0, 3, 1, 2, 4).flatten(1, 2)  # scales before channels
    return torch.relu(plain.norm(layer.norm, F.conv2d(h, layer.mix.weight, layer.mix.bias)))


@pytest.mark.parametrize(("joints", "frames", "channels", "out"), [(6, 5, 3, 8), (25, 4, 6, 4)])
def test_formula(joints: int, frames: int, channels: int, out: int) -> None:
    layer = MultiScaleGraphConvolution(disentangled_scales(plain.graph(joints), 4), channels, out)
    plain.compare(layer, formula, (2, channels, frames, joints))


def test_start() -> None:
    values = start_residual_adjacency(40, 30)
    assert values.shape == (40, 30)
    assert 5e-7 < values.abs().max() <= 1e-6
    assert abs(values.mean()) < 1e-7
