"""CTRGCN has the published size, and its variants the shape that they say."""

from __future__ import annotations

import torch

from dualhead import create_model
from dualhead.models.ctrgcn import CTRGCN


def test_published_parameters() -> None:
    model = create_model("ctrgcn", num_classes=60, skeleton="ntu25")
    assert isinstance(model, CTRGCN)
    assert sum(parameter.numel() for parameter in model.parameters()) == 1446672


def test_depth_adds_units_to_every_stage() -> None:
    model = create_model("ctrgcn", num_classes=3, skeleton="coco17", width=4, depth=1)
    assert isinstance(model, CTRGCN)
    assert model.units(torch.randn(1, 3, 9, 17)).shape == (1, 16, 3, 17)


def test_temporal_convolution_is_the_paper_s() -> None:
    model = create_model("ctrgcn", num_classes=3, skeleton="coco17", width=4, depth=1)
    assert isinstance(model, CTRGCN)
    for unit in model.units:
        branches = list(unit.temporal.dilated)
        assert [tuple(branch.conv.kernel_size) for branch in branches] == [(5, 1), (5, 1)]
        assert [branch.conv.dilation[0] for branch in branches] == [1, 2]
        assert unit.temporal.residual is None
        assert not unit.temporal.activation
