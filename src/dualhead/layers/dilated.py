"""Dilated convolutions over time, side by side on slices of the channels."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from dualhead.layers.cpu import dilated as cpu
from dualhead.layers.prepared import is_eager


def convolve_dilated(
    h: Tensor, weight: Tensor, bias: Tensor | None, dilations: Sequence[int], stride: int, others: Sequence[Tensor]
) -> Tensor:
    """Convolve each slice of channels over time with its own dilation, and join the results with other branches.

    Args:
        h: `(B, D * c, T, V)`, channels-last in memory: a slice of c channels for each of the D dilations.
        weight: `(D, kernel, c, c)`: of every branch and tap, inputs before outputs; kernel odd.
        bias: `(D * c,)`; None: 0.
        dilations: Frames between two taps, for each branch.
        stride: Frames between two outputs.
        others: `(B, any, ceil(T / stride), V)`, channels-last in memory.

    Returns:
        `(B, D * c + the others' channels, ceil(T / stride), V)`, channels-last in memory.
    """
    if is_eager(h) and cpu.pays(h):
        return cpu.convolve_dilated(h, weight, bias, dilations, stride, others)
    kernel = weight.shape[1]
    shifts = [None] * len(dilations) if bias is None else bias.to(h.dtype).chunk(len(dilations))
    parts = zip(h.chunk(len(dilations), dim=1), weight.to(h.dtype), shifts, dilations, strict=True)
    outs = [
        F.conv2d(
            part,
            taps.permute(2, 1, 0).unsqueeze(-1),  # (c out, c in, kernel, 1)
            shift,
            (stride, 1),
            (kernel // 2 * dilation, 0),
            (dilation, 1),
        )
        for part, taps, shift, dilation in parts
    ]
    return torch.cat([part.movedim(1, -1) for part in (*outs, *others)], dim=-1).movedim(-1, 1)
