"""Tap by tap is what a convolution gives, with its gradients."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from dualhead.layers import dilated
from dualhead.layers.dilated import add_dilated, dilated_and, dilated_constant


@pytest.mark.parametrize("fewest", [0, 10**9])
@pytest.mark.parametrize(("frames", "stride", "kernel"), [(9, 1, 3), (9, 2, 3), (8, 2, 5), (3, 1, 5), (1, 2, 3)])
def test_branches_are_convolutions(
    fewest: int, frames: int, stride: int, kernel: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dilated, "FEWEST_NODES", fewest)
    torch.manual_seed(0)
    dilations, width, joints = (1, 2, 4), 2, 3
    outputs = (frames - 1) // stride + 1
    h, weight, bias, other = (
        torch.randn(shape, dtype=torch.float64, requires_grad=True)
        for shape in ((2, 6, frames, joints), (3, kernel, width, width), (6,), (2, 5, outputs, joints))
    )
    parts = zip(h.chunk(3, dim=1), weight, bias.chunk(3), dilations, strict=True)
    outs = [
        F.conv2d(
            part,
            taps.permute(2, 1, 0)[..., None],
            shift,
            (stride, 1),
            (kernel // 2 * dilation, 0),
            (dilation, 1),
        )
        for part, taps, shift, dilation in parts
    ]
    want = torch.cat([*outs, other], dim=1)
    rows = h.contiguous(memory_format=torch.channels_last)
    got = dilated_and(rows, weight, bias, dilations, stride, [other])
    torch.testing.assert_close(got, want)
    outer = torch.randn_like(want)
    inputs = (h, weight, bias, other)
    expected = torch.autograd.grad((want * outer).sum(), inputs)
    torch.testing.assert_close(torch.autograd.grad((got * outer).sum(), inputs), expected)


@pytest.mark.parametrize(("frames", "stride", "kernel"), [(9, 1, 3), (9, 2, 3), (8, 2, 5), (3, 1, 5), (1, 2, 3)])
def test_a_constant_is_convolved_once_for_all_joints(frames: int, stride: int, kernel: int) -> None:
    torch.manual_seed(0)
    outputs = (frames - 1) // stride + 1
    weight, constant = torch.randn(3, kernel, 2, 2, dtype=torch.float64), torch.randn(6, dtype=torch.float64)
    want = torch.zeros(1, outputs, 4, 6, dtype=torch.float64)
    add_dilated(want, constant.expand(1, frames, 4, 6), weight, (1, 2, 4), stride)
    got = dilated_constant(constant, weight, frames, outputs, (1, 2, 4), stride)
    torch.testing.assert_close(got[None, :, None].expand_as(want), want)
