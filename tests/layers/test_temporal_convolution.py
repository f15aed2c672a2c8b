"""Multi-scale temporal convolution against its formula."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import torch

from dualhead.layers.cpu import dilated
from dualhead.layers.temporal_convolution import MultiScaleTemporalConvolution, PointwiseNorm
from tests.layers import plain


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
    plain.compare(layer, type(layer).formula, (2, arguments["in_channels"], frames, 6))


def test_formula_where_branches_are_computed_tap_by_tap() -> None:
    layer = MultiScaleTemporalConvolution(6, 6, stride=2)
    assert dilated._FEWEST_NODES <= 50 * 45
    plain.compare(layer, type(layer).formula, (2, 6, 50, 45))


def test_frames_are_halved_upwards() -> None:
    layer = MultiScaleTemporalConvolution(6, 12, stride=2)
    assert layer(torch.randn(1, 6, 9, 5)).shape == (1, 12, 5, 5)


def test_pointwise_norm() -> None:
    layer = PointwiseNorm(3, 4, stride=2)
    plain.compare(layer, type(layer).formula, (2, 3, 7, 5))


def test_branches_must_be_equal() -> None:
    with pytest.raises(ValueError, match=r"10.*6 equal"):
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
