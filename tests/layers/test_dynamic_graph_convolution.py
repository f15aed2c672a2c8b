"""DG-STGCN's graph convolution against its formula."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from dualhead.layers.dynamic_graph_convolution import DynamicGraphConvolution
from tests.layers import plain


def convolve(layer: Any, x: Tensor) -> Tensor:
    return F.conv2d(x, layer.weight, layer.bias)


def refinement(layer: Any, x: Tensor) -> Tensor:
    """(B, K, c, V, V), senders before receivers."""
    sender, receiver = (
        convolve(part, x).mean(dim=2).unflatten(1, (layer.groups, -1)) for part in (layer.sender, layer.receiver)
    )
    difference = torch.tanh(sender[:, :, :, :, None] - receiver[:, :, :, None, :]) * layer.alpha[0]
    affinity = torch.einsum("nkcu,nkcv->nkuv", sender, receiver).softmax(dim=2) * layer.beta[0]
    return difference + affinity[:, :, None]


@pytest.mark.parametrize(
    ("joints", "frames", "channels", "out", "groups"), [(6, 5, 3, 8, 4), (6, 4, 16, 16, 8), (25, 3, 2, 8, 8)]
)
def test_formula(joints: int, frames: int, channels: int, out: int, groups: int) -> None:
    layer = DynamicGraphConvolution(joints, channels, out, groups)
    plain.compare(layer, type(layer).formula, (2, channels, frames, joints))


def test_a_refinement_that_is_known_is_not_computed_again() -> None:
    layer = DynamicGraphConvolution(6, 3, 8).double().eval()
    plain.randomize(layer)
    x = torch.randn(2, 3, 5, 6, dtype=torch.float64)
    known = layer.refinement(x)
    torch.testing.assert_close(known, refinement(layer, x).flatten(1, 2))
    torch.testing.assert_close(layer(x, known), layer(x))
    assert not torch.allclose(layer(x, 2 * known), layer(x))


def test_start() -> None:
    torch.manual_seed(0)
    layer = DynamicGraphConvolution(25, 3, 64)
    assert layer.adjacency.shape == (8, 25, 25)
    assert abs(layer.adjacency.mean().item() - 0.04) < 0.001
    assert abs(layer.adjacency.std().item() - 0.02) < 0.001
    assert not layer.alpha.any()
    assert not layer.beta.any()


def test_channels_that_cannot_be_grouped_are_refused() -> None:
    with pytest.raises(ValueError, match=r"12.*8 equal"):
        DynamicGraphConvolution(6, 3, 12)
