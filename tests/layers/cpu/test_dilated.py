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


@pytest.mark.parametrize(("stride", "kernel"), [(1, 3), (2, 3), (2, 5)])
def test_wide_branches_are_convolutions(stride: int, kernel: int) -> None:
    torch.manual_seed(0)
    h, weight = torch.randn(2, 9, 3, 2 * 32 + 5), torch.randn(2, kernel, 32, 32)
    results = []
    for dtype in (torch.float32, torch.float64):  # which is computed tap by tap
        y = torch.ones(2, -(-9 // stride), 3, 2 * 32 + 7, dtype=dtype)
        add_dilated(y, h[..., :64].to(dtype), weight.to(dtype), (1, 2), stride)
        results.append(y.double())
    torch.testing.assert_close(*results, rtol=1e-4, atol=1e-4)
