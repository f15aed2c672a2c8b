"""AGCN has the published size, and its variants the shape that they say."""

from __future__ import annotations

import torch

from dualhead import create_model
from dualhead.models.agcn import AGCN


def test_published_parameters() -> None:
    model = create_model("agcn", num_classes=60, skeleton="ntu25")
    assert isinstance(model, AGCN)
    assert sum(parameter.numel() for parameter in model.parameters()) == 3469510


def test_depth_adds_units_to_every_stage() -> None:
    model = create_model("agcn", num_classes=3, skeleton="coco17", width=4, depth=2)
    assert isinstance(model, AGCN)
    assert len(model.units) == 7
    assert model.units(torch.randn(1, 3, 9, 17)).shape == (1, 16, 3, 17)


def test_no_residual_around_the_first_unit() -> None:
    model = create_model("agcn", num_classes=3, skeleton="coco17", width=4, depth=1)
    assert isinstance(model, AGCN)
    assert [unit.residual is None for unit in model.units] == [True, False, False, False]
