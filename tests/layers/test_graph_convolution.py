"""Multi-scale graph convolution against its formula."""

from __future__ import annotations

import pytest

from dualhead.graph import disentangled_scales
from dualhead.layers.graph_convolution import MultiScaleGraphConvolution, start_residual_adjacency
from tests.layers import plain


@pytest.mark.parametrize(("joints", "frames", "channels", "out"), [(6, 5, 3, 8), (25, 4, 6, 4)])
def test_formula(joints: int, frames: int, channels: int, out: int) -> None:
    layer = MultiScaleGraphConvolution(disentangled_scales(plain.graph(joints), 4), channels, out)
    plain.compare(layer, type(layer).formula, (2, channels, frames, joints))


def test_start() -> None:
    values = start_residual_adjacency(40, 30)
    assert values.shape == (40, 30)
    assert 5e-7 < values.abs().max() <= 1e-6
    assert abs(values.mean()) < 1e-7
