"""CTR-GCN's graph convolution against its formula."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from dualhead.graph import directed_partition
from dualhead.layers.topology_graph_convolution import TopologyGraphConvolution
from dualhead.skeleton import NTU25
from tests.layers import plain


@pytest.mark.parametrize(
    ("skeleton", "frames", "channels", "out"), [(plain.SMALL, 5, 3, 8), (plain.SMALL, 4, 16, 16), (NTU25, 3, 3, 4)]
)
def test_formula(skeleton: Any, frames: int, channels: int, out: int) -> None:
    layer = TopologyGraphConvolution(directed_partition(skeleton), channels, out)
    plain.compare(layer, type(layer).formula, (2, channels, frames, skeleton.num_joints))


def test_start() -> None:
    adjacency = directed_partition(plain.SMALL)
    layer = TopologyGraphConvolution(adjacency, 3, 8)
    torch.testing.assert_close(layer.shared.detach(), torch.tensor(adjacency, dtype=torch.float32))
    assert layer.alpha.item() == 0
    assert (layer.norm.weight == 1e-6).all()


@pytest.mark.parametrize(("channels", "relations"), [(2, 8), (3, 8), (64, 8), (128, 16), (256, 32)])
def test_relation_channels(channels: int, relations: int) -> None:
    layer = TopologyGraphConvolution(directed_partition(plain.SMALL), channels, 8)
    assert layer.subsets[0].receiver.out_channels == relations
