"""2s-AGCN's graph convolution against its formula."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from dualhead.graph import directed_partition
from dualhead.layers.adaptive_graph_convolution import AdaptiveGraphConvolution
from dualhead.skeleton import NTU25
from tests.layers import plain


@pytest.mark.parametrize(
    ("skeleton", "frames", "channels", "out"), [(plain.SMALL, 5, 3, 8), (plain.SMALL, 4, 8, 8), (NTU25, 3, 4, 8)]
)
def test_formula(skeleton: Any, frames: int, channels: int, out: int) -> None:
    layer = AdaptiveGraphConvolution(directed_partition(skeleton), channels, out)
    plain.compare(layer, type(layer).formula, (2, channels, frames, skeleton.num_joints))


def test_starts_next_to_the_residual() -> None:
    layer = AdaptiveGraphConvolution(directed_partition(plain.SMALL), 8, 8)
    assert torch.equal(layer.learned_adjacency, torch.full((3, 6, 6), 1e-6))
    x = torch.randn(2, 8, 5, 6)
    torch.testing.assert_close(layer(x), torch.relu(x), rtol=0, atol=1e-5)


def test_width_must_give_embeddings() -> None:
    with pytest.raises(ValueError, match=r"10.*4"):
        AdaptiveGraphConvolution(directed_partition(plain.SMALL), 3, 10)
