"""ST-GCN++'s graph convolution against its formula."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from dualhead.graph import directed_partition
from dualhead.layers.learned_graph_convolution import LearnedGraphConvolution
from dualhead.layers.temporal_convolution import PointwiseNorm
from dualhead.skeleton import NTU25
from tests.layers import plain


def formula(layer: Any, x: Tensor) -> Tensor:
    h = F.conv2d(x, layer.mix.weight, layer.mix.bias).unflatten(1, (3, -1))  # (B, K, O, T, V), subset-major
    y = plain.norm(layer.norm, torch.einsum("nkctv,kvw->nctw", h, layer.adjacency))
    around = x
    if isinstance(layer.residual, PointwiseNorm):
        conv = layer.residual.conv
        around = plain.norm(layer.residual.norm, F.conv2d(x, conv.weight, conv.bias))
    return torch.relu(y + around)


@pytest.mark.parametrize(
    ("skeleton", "frames", "channels", "out"), [(plain.SMALL, 5, 3, 8), (plain.SMALL, 4, 8, 8), (NTU25, 3, 3, 4)]
)
def test_formula(skeleton: Any, frames: int, channels: int, out: int) -> None:
    layer = LearnedGraphConvolution(directed_partition(skeleton), channels, out)
    plain.compare(layer, formula, (2, channels, frames, skeleton.num_joints))


def test_the_learned_graphs_start_at_the_given_ones() -> None:
    adjacency = directed_partition(plain.SMALL)
    layer = LearnedGraphConvolution(adjacency, 3, 8)
    assert torch.equal(layer.adjacency.detach(), torch.tensor(adjacency, dtype=torch.float32))
