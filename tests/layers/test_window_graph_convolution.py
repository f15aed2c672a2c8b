"""G3D against its formula."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from dualhead.graph import disentangled_scales, window_adjacency
from dualhead.layers.window_graph_convolution import WindowGraphConvolution
from tests.layers import plain


def formula(layer: Any, x: Tensor) -> Tensor:
    window, scales = layer.window, len(layer.adjacency)
    batch, channels, _, joints = x.shape
    nodes = F.unfold(x, (window, 1), padding=((window - 1) // 2, 0), stride=(layer.stride, 1))
    nodes = nodes.reshape(batch, channels, window, -1, joints)  # (B, C, W, T', V)
    nodes = nodes.permute(0, 1, 3, 2, 4).flatten(3)  # (B, C, T', W * V), frame-major
    h = torch.einsum("uw,bctw->bctu", layer.adjacency.flatten(0, 1) + layer.residual_adjacency, nodes)
    h = h.unflatten(3, (scales, -1)).permute(0, 3, 1, 2, 4).flatten(1, 2)  # (B, S * C, T', W * V)
    h = torch.relu(plain.norm(layer.norm, F.conv2d(h, layer.mix.weight, layer.mix.bias)))
    h = h.unflatten(3, (window, joints))  # (B, E, T', W, V)
    h = F.conv3d(h, layer.collapse.weight, layer.collapse.bias).squeeze(3)
    return plain.norm(layer.collapse_norm, h)


class WithTotal(WindowGraphConvolution):
    """Adds to what it is given: 2 everywhere."""

    def forward(self, x: Tensor, total: Tensor | None = None) -> Tensor:
        shape = (len(x), self.collapse.out_channels, -(-x.shape[2] // self.stride), x.shape[3])
        given = torch.full(shape, 2.0, dtype=x.dtype).contiguous(memory_format=torch.channels_last)
        return super().forward(x, given if total is None else total)


@pytest.mark.parametrize(
    ("joints", "frames", "window", "stride", "channels", "embed"),
    [(6, 9, 3, 2, 4, 4), (6, 8, 5, 1, 3, 8), (25, 5, 3, 1, 6, 6), (6, 3, 5, 2, 3, 8)],
)
def test_formula(joints: int, frames: int, window: int, stride: int, channels: int, embed: int) -> None:
    adjacency = disentangled_scales(window_adjacency(plain.graph(joints), window), 3)
    layer = WithTotal(adjacency, window, stride, channels, embed, 10)
    plain.compare(layer, lambda other, x: formula(other, x) + 2, (2, channels, frames, joints))
