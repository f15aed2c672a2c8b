"""Several convolutions in one call equal each on its own."""

from __future__ import annotations

import torch
from torch import nn

from dualhead.layers.fused import pointwise


def test_pointwise() -> None:
    torch.manual_seed(0)
    convolutions = [nn.Conv2d(3, width, 1).double() for width in (2, 5, 1)]
    x = torch.randn(2, 3, 4, 6, dtype=torch.float64)
    want = torch.cat([convolution(x) for convolution in convolutions], dim=1)
    torch.testing.assert_close(pointwise(x, convolutions), want, rtol=1e-12, atol=1e-12)
