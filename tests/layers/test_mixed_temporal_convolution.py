"""The temporal convolution of ST-GCN++ and DG-STGCN against its formula."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from dualhead.layers.mixed_temporal_convolution import MixedTemporalConvolution
from tests.layers import plain


def convolve(layer: Any, x: Tensor, **arguments: Any) -> Tensor:
    return F.conv2d(x, layer.weight, layer.bias, **arguments)


def formula(layer: Any, x: Tensor) -> Tensor:
    joints = x.shape[3]
    if layer.coefficient is not None:
        x = torch.cat([x, x.mean(dim=3, keepdim=True)], dim=3)
    stride, outs = (layer.stride, 1), []
    for branch in layer.dilated:
        h = torch.relu(plain.norm(branch.entry_norm, convolve(branch.entry, x)))
        dilation = branch.conv.dilation[0]
        outs.append(convolve(branch.conv, h, stride=stride, padding=(dilation, 0), dilation=(dilation, 1)))
    h = torch.relu(plain.norm(layer.pool.entry_norm, convolve(layer.pool.entry, x)))
    outs.append(F.max_pool2d(h, (3, 1), stride, (1, 0)))
    outs.append(convolve(layer.plain, x, stride=stride))
    y = torch.cat(outs, dim=1)
    if layer.coefficient is not None:
        y = y[..., :joints] + torch.einsum("nct,v->nctv", y[..., joints], layer.coefficient)
    return plain.norm(layer.norm, convolve(layer.mix, torch.relu(plain.norm(layer.mix_norm, y))))


@pytest.mark.parametrize("mean_joint_of", [None, 6])
@pytest.mark.parametrize(
    ("arguments", "frames"),
    [
        ({"channels": 14, "stride": 2}, 9),
        ({"channels": 12}, 7),
        ({"channels": 9, "dilations": (1, 2), "stride": 2}, 4),
    ],
)
def test_formula(arguments: dict[str, Any], frames: int, mean_joint_of: int | None) -> None:
    layer = MixedTemporalConvolution(**arguments, mean_joint_of=mean_joint_of)
    plain.compare(layer, formula, (2, arguments["channels"], frames, 6))


def test_the_first_branch_takes_what_is_left_over() -> None:
    layer = MixedTemporalConvolution(64)
    widths = [branch.conv.out_channels for branch in layer.dilated]
    assert [*widths, layer.pool.entry.out_channels, layer.plain.out_channels] == [14, 10, 10, 10, 10, 10]
    assert [branch.conv.dilation[0] for branch in layer.dilated] == [1, 2, 3, 4]


def test_the_share_of_the_mean_joint_starts_at_0() -> None:
    coefficient = MixedTemporalConvolution(6, mean_joint_of=5).coefficient
    assert coefficient is not None
    assert torch.equal(coefficient, torch.zeros(5))


def test_too_few_channels_are_refused() -> None:
    with pytest.raises(ValueError, match=r"5.*6 branches"):
        MixedTemporalConvolution(5)
