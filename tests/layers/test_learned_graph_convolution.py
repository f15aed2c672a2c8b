"""ST-GCN++'s graph convolution against its formula."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from dualhead.graph import directed_partition
from dualhead.layers.learned_graph_convolution import LearnedGraphConvolution
from dualhead.skeleton import NTU25
from tests.layers import plain


@pytest.mark.parametrize(
    ("skeleton", "frames", "channels", "out"), [(plain.SMALL, 5, 3, 8), (plain.SMALL, 4, 8, 8), (NTU25, 3, 3, 4)]
)
def test_formula(skeleton: Any, frames: int, channels: int, out: int) -> None:
    layer = LearnedGraphConvolution(directed_partition(skeleton), channels, out)
    plain.compare(layer, type(layer).formula, (2, channels, frames, skeleton.num_joints))


def test_the_learned_graphs_start_at_the_given_ones() -> None:
    adjacency = directed_partition(plain.SMALL)
    layer = LearnedGraphConvolution(adjacency, 3, 8)
    assert torch.equal(layer.adjacency.detach(), torch.tensor(adjacency, dtype=torch.float32))
