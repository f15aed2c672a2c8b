"""How convolutions start."""

from __future__ import annotations

import math

import torch
from torch import nn

from dualhead.layers.initialize import initialize_convolutions


def test_fan_out() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(64, 128, (9, 1)), nn.BatchNorm2d(128), nn.Conv2d(8, 8, 1, bias=False))
    initialize_convolutions(module)
    wide = module[0]
    assert isinstance(wide, nn.Conv2d)
    assert abs(wide.weight.std().item() / math.sqrt(2 / (128 * 9)) - 1) < 0.02
    assert wide.bias is not None
    assert (wide.bias == 0).all()
    assert (module[1].weight == 1).all()
