"""What inference computes in another way than the formula."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from dualhead.layers.cpu.temporal_convolution import max_of_three


@pytest.mark.parametrize(("frames", "stride"), [(7, 1), (7, 2), (8, 2), (1, 1), (1, 2), (2, 2), (3, 2)])
def test_the_maximum_of_three_frames_is_max_pooling(frames: int, stride: int) -> None:
    x = torch.rand(2, frames, 5, 3)
    want = F.max_pool2d(x.movedim(-1, 1), (3, 1), (stride, 1), (1, 0)).movedim(1, -1)
    assert torch.equal(max_of_three(x, stride), want)
