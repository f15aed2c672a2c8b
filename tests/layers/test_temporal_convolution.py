"""Multi-scale temporal convolution against its formula."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from dualhead.layers.dilated import FEWEST_NODES
from dualhead.layers.temporal_convolution import MultiScaleTemporalConvolution, PointwiseNorm, max_of_three
from tests.layers import plain


def pointwise(layer: Any, x: Tensor, stride: int) -> Tensor:
    return plain.norm(layer.norm, F.conv2d(x, layer.conv.weight, layer.conv.bias, (stride, 1)))


def formula(layer: Any, x: Tensor) -> Tensor:
    stride = layer.stride
    outs = []
    for branch in layer.dilated:
        h = torch.relu(plain.norm(branch.entry_norm, F.conv2d(x, branch.entry.weight, branch.entry.bias)))
        kernel, dilation = branch.conv.weight.shape[2], branch.conv.dilation[0]
        padding = dilation * (kernel // 2)
        h = F.conv2d(h, branch.conv.weight, branch.conv.bias, (stride, 1), (padding, 0), (dilation, 1))
        outs.append(plain.norm(branch.norm, h))
    pool = layer.pool
    h = torch.relu(plain.norm(pool.entry_norm, F.conv2d(x, pool.entry.weight, pool.entry.bias)))
    outs.append(plain.norm(pool.norm, F.max_pool2d(h, (3, 1), (stride, 1), (1, 0))))
    outs.append(pointwise(layer.plain, x, stride))
    y = torch.cat(outs, dim=1)
    if isinstance(layer.residual, PointwiseNorm):
        y = y + pointwise(layer.residual, x, stride)
    elif layer.residual is not None:
        y = y + x
    return torch.relu(y) if layer.activation else y


@pytest.mark.parametrize(
    ("arguments", "frames"),
    [
        ({"in_channels": 6, "out_channels": 12, "stride": 2}, 9),
        ({"in_channels": 12, "out_channels": 12, "activation": False}, 7),
        ({"in_channels": 8, "out_channels": 8, "dilations": (1, 2)}, 4),
        ({"in_channels": 4, "out_channels": 8, "dilations": (1, 2), "kernel": 5, "residual": False, "stride": 2}, 8),
    ],
)
def test_formula(arguments: dict[str, Any], frames: int) -> None:
    layer = MultiScaleTemporalConvolution(**arguments)
    assert [branch.conv.dilation[0] for branch in layer.dilated] == list(arguments.get("dilations", (1, 2, 3, 4)))
    plain.compare(layer, formula, (2, arguments["in_channels"], frames, 6))


def test_formula_where_branches_are_computed_tap_by_tap() -> None:
    layer = MultiScaleTemporalConvolution(6, 6, stride=2)
    assert FEWEST_NODES <= 50 * 45
    plain.compare(layer, formula, (2, 6, 50, 45))


def test_frames_are_halved_upwards() -> None:
    layer = MultiScaleTemporalConvolution(6, 12, stride=2)
    assert layer(torch.randn(1, 6, 9, 5)).shape == (1, 12, 5, 5)


def test_pointwise_norm() -> None:
    layer = PointwiseNorm(3, 4, stride=2)
    plain.compare(layer, lambda other, x: pointwise(other, x, 2), (2, 3, 7, 5))


def test_branches_must_be_equal() -> None:
    with pytest.raises(ValueError, match="10 channels cannot be split into 6 equal branches"):
        MultiScaleTemporalConvolution(10, 10)


def test_a_strided_pointwise_convolution_is_safe_on_several_threads() -> None:
    """In a process of its own, since what is wrong with the strided kernel of oneDNN ends the process."""
    code = """
import torch
from dualhead.layers.temporal_convolution import PointwiseNorm
torch.set_num_threads(2)
layer = PointwiseNorm(12, 24, stride=2)
for _ in range(10):
    x = torch.randn(21, 12, 32, 25).contiguous(memory_format=torch.channels_last).requires_grad_()
    layer(x).square().mean().backward()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


@pytest.mark.parametrize(("frames", "stride"), [(7, 1), (7, 2), (8, 2), (1, 1), (1, 2), (2, 2), (3, 2)])
def test_the_maximum_of_three_frames_is_max_pooling(frames: int, stride: int) -> None:
    x = torch.rand(2, frames, 5, 3)
    want = F.max_pool2d(x.movedim(-1, 1), (3, 1), (stride, 1), (1, 0)).movedim(1, -1)
    assert torch.equal(max_of_three(x, stride), want)
