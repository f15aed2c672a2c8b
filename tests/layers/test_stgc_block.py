"""The STGC block is its parts, added and followed as the paper draws them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from dualhead.layers.stgc_block import STGCBlock
from tests.layers import plain


def formula(block: Any, x: Tensor) -> Tensor:
    graph, strided, straight = block.spatial
    y = straight.formula(strided.formula(graph.formula(x)))
    for path in block.windowed:
        y = path.formula(x, y)
    return block.temporal.formula(torch.relu(y))  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("channels", "stride", "first", "frames", "coarse"), [(3, 1, True, 8, False), (6, 2, False, 7, True)]
)
def test_formula(channels: int, stride: int, first: bool, frames: int, coarse: bool) -> None:
    more: dict[str, Any] = {"windows": (3,), "dilations": (1, 2)} if coarse else {}
    block = STGCBlock(plain.graph(6), channels, 12, stride, 4, 3, first=first, **more)
    assert [path.window for path in block.windowed] == ([3] if coarse else [3, 5])
    plain.compare(block, formula, (2, channels, frames, 6))


def test_only_the_first_block_widens_at_once() -> None:
    first = STGCBlock(plain.graph(6), 3, 12, 1, 4, 3, first=True)
    later = STGCBlock(plain.graph(6), 6, 12, 2, 4, 3)
    assert first.spatial[0].mix.out_channels == 12
    assert later.spatial[0].mix.out_channels == 6
