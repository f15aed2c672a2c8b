"""G3D in inference: what lies between its products never leaves the cache."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from einops import rearrange
from torch import Tensor

from dualhead.layers.cpu.aggregate_windows import convolved_windows, some_windows
from dualhead.layers.cpu.cache import frames_in_cache
from dualhead.layers.cpu.products import by_onednn, linear
from dualhead.layers.threads import in_threads, split_frames

if TYPE_CHECKING:
    from dualhead.layers.window_graph_convolution import WindowGraphConvolution


def add_window_graph_convolution(layer: WindowGraphConvolution, x: Tensor, total: Tensor) -> Tensor:
    """Add the layer in evaluation mode, without gradients and some windows at a time, to a tensor.

    Args:
        layer: The layer.
        x: `(B, T, V, C)`.
        total: `(B, O, ceil(T / stride), V)`, channels-last in memory, changed in place.

    Returns:
        `total`.
    """
    rows, weight, bias, collapse, collapse_bias = layer.prepared()
    y = total.movedim(1, -1)  # (B, T', V, O)
    # ReLU(h + bias) = max(h, -bias) + bias, and the last sum can wait until behind the collapse.
    constant = collapse_bias + collapse @ bias.repeat(layer.window)
    numbers = x.shape[2] * collapse.shape[1]  # of a window, behind the mixing
    some = frames_in_cache(max(numbers, len(rows) * x.shape[3]) if layer.widens else numbers)
    first = None if layer.widens else weight

    def compute(parts: Sequence[tuple[Tensor, Tensor, slice]]) -> None:
        for frames, out, span in parts:
            if layer.widens or not (by_onednn(x) or x.dtype == torch.bfloat16):
                pieces = some_windows(rows, frames, layer.window, layer.stride, span, some, first)
            else:
                pieces = convolved_windows(rows, frames, layer.window, layer.stride, span, weight)
            for windows, h in pieces:
                if layer.widens:
                    h = linear(rearrange(h, "n (u s) c -> (n u) (s c)", s=layer.scales), weight)
                    h = torch.maximum(h, -bias, out=h)
                else:
                    h = torch.maximum(h, -bias)
                collapsed = linear(h.reshape(-1, collapse.shape[1]), collapse, constant)  # (n * V, O)
                out[windows].flatten(0, 1).add_(collapsed)

    spans = split_frames(len(x), y.shape[1])
    in_threads(compute, [(*body, span) for body in zip(x, y, strict=True) for span in spans])
    return total
