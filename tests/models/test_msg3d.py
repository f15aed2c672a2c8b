"""MSG3D has the published size, and its variants the shape that they say."""

from __future__ import annotations

import torch

from dualhead import create_model
from dualhead.models.msg3d import MSG3D


def test_published_parameters() -> None:
    model = create_model("msg3d", num_classes=60, skeleton="ntu25")
    assert isinstance(model, MSG3D)
    assert sum(parameter.numel() for parameter in model.parameters()) == 3194595


def test_depth_adds_blocks_that_halve_the_frames() -> None:
    model = create_model(
        "msg3d", num_classes=3, skeleton="coco17", width=6, depth=2, num_gcn_scales=2, num_g3d_scales=2
    )
    assert isinstance(model, MSG3D)
    x = model.blocks(torch.randn(1, 3, 9, 17))
    assert x.shape == (1, 12, 5, 17)
