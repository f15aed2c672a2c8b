"""What is the same in every frame is convolved once."""

from __future__ import annotations

import pytest
import torch

from dualhead.layers.cpu.dilated import add_dilated, dilated_constant


@pytest.mark.parametrize(("frames", "stride", "kernel"), [(9, 1, 3), (9, 2, 3), (8, 2, 5), (3, 1, 5), (1, 2, 3)])
def test_a_constant_is_convolved_once_for_all_joints(frames: int, stride: int, kernel: int) -> None:
    torch.manual_seed(0)
    outputs = (frames - 1) // stride + 1
    weight, constant = torch.randn(3, kernel, 2, 2, dtype=torch.float64), torch.randn(6, dtype=torch.float64)
    want = torch.zeros(1, outputs, 4, 6, dtype=torch.float64)
    add_dilated(want, constant.expand(1, frames, 4, 6), weight, (1, 2, 4), stride)
    got = dilated_constant(constant, weight, frames, outputs, (1, 2, 4), stride)
    torch.testing.assert_close(got[None, :, None].expand_as(want), want)
