"""ST-GCN's graph convolution against its formula."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from dualhead.graph import spatial_partition
from dualhead.layers.partition_graph_convolution import PartitionGraphConvolution
from dualhead.skeleton import NTU25
from tests.layers import plain


@pytest.mark.parametrize(("skeleton", "frames"), [(plain.SMALL, 5), (NTU25, 4)])
def test_formula(skeleton: Any, frames: int) -> None:
    layer = PartitionGraphConvolution(spatial_partition(skeleton), 3, 8)
    plain.compare(layer, type(layer).formula, (2, 3, frames, skeleton.num_joints))


def test_importance_starts_at_one() -> None:
    layer = PartitionGraphConvolution(spatial_partition(plain.SMALL), 3, 8)
    assert torch.equal(layer.importance, torch.ones(3, 6, 6))
