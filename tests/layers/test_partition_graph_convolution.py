"""ST-GCN's graph convolution against its formula."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from dualhead.graph import spatial_partition
from dualhead.layers.partition_graph_convolution import PartitionGraphConvolution
from dualhead.skeleton import NTU25
from tests.layers import plain


def formula(layer: Any, x: Tensor) -> Tensor:
    h = F.conv2d(x, layer.mix.weight, layer.mix.bias).unflatten(1, (3, -1))  # (B, S, O, T, V), subset-major
    return torch.einsum("bsctv,svw->bctw", h, layer.adjacency * layer.importance)


@pytest.mark.parametrize(("skeleton", "frames"), [(plain.SMALL, 5), (NTU25, 4)])
def test_formula(skeleton: Any, frames: int) -> None:
    layer = PartitionGraphConvolution(spatial_partition(skeleton), 3, 8)
    plain.compare(layer, formula, (2, 3, frames, skeleton.num_joints))


def test_importance_starts_at_one() -> None:
    layer = PartitionGraphConvolution(spatial_partition(plain.SMALL), 3, 8)
    assert torch.equal(layer.importance, torch.ones(3, 6, 6))
