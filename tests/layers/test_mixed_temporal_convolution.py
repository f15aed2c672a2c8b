"""The temporal convolution of ST-GCN++ and DG-STGCN against its formula."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from dualhead.layers.mixed_temporal_convolution import MixedTemporalConvolution
from tests.layers import plain


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
    plain.compare(layer, type(layer).formula, (2, arguments["channels"], frames, 6))


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
