"""Tap by tap is what a convolution gives, with its gradients."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from dualhead.layers.cpu import dilated
from dualhead.layers.dilated import convolve_dilated


@pytest.mark.parametrize("fewest", [0, 10**9])
@pytest.mark.parametrize(("frames", "stride", "kernel"), [(9, 1, 3), (9, 2, 3), (8, 2, 5), (3, 1, 5), (1, 2, 3)])
def test_branches_are_convolutions(
    fewest: int, frames: int, stride: int, kernel: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dilated, "_FEWEST_NODES", fewest)
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
    got = convolve_dilated(rows, weight, bias, dilations, stride, [other])
    torch.testing.assert_close(got, want)
    outer = torch.randn_like(want)
    inputs = (h, weight, bias, other)
    expected = torch.autograd.grad((want * outer).sum(), inputs)
    torch.testing.assert_close(torch.autograd.grad((got * outer).sum(), inputs), expected)
