"""G3D against its formula."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from dualhead.graph import disentangled_scales, window_adjacency
from dualhead.layers.window_graph_convolution import WindowGraphConvolution
from tests.layers import plain


class WithTotal(WindowGraphConvolution):
    """Adds to what it is given: 2 everywhere."""

    def formula(self, x: Tensor) -> Tensor:  # type: ignore[override]
        return super().formula(x, torch.tensor(2.0))

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
    plain.compare(layer, type(layer).formula, (2, channels, frames, joints))
