"""Sums over joints with one matrix for all frames or windows: the product at the heart of every graph convolution.

Both come with gradients of their own. Autograd's gradient of a broadcast product writes one matrix per frame and sums
them, or transposes all frames in memory; that of a window writes every frame once per window that it is in. Touching
new memory is what these models spend their time on, so neither happens here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

_FRAMES_IN_CACHE = 32
_NUMBERS_IN_CACHE = 2**18
_NARROW = 8


def _expanded(matrix: Tensor, count: int) -> Tensor:
    return matrix.expand(count, -1, -1)


def _outer_sum(left: Tensor, right: Tensor, total: Tensor) -> None:
    """Add to `total` (U, V) the sum over n of left[n] (U, C) times right[n] (V, C) transposed.

    A product a frame would be too small for two processors to share, and laying all frames side by side for one product
    would copy both operands through memory; some frames at a time stay in cache.
    """
    frames = len(left) if left.is_cuda else _FRAMES_IN_CACHE
    for some_left, some_right in zip(torch.split(left, frames), torch.split(right, frames), strict=True):
        total.addmm_(rearrange(some_left, "n u c -> u (n c)"), rearrange(some_right, "n v c -> (n c) v"))


class _Aggregate(torch.autograd.Function):
    @staticmethod
    def forward(matrix: Tensor, nodes: Tensor) -> Tensor:
        return torch.bmm(_expanded(matrix, len(nodes)), nodes)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None]:
        matrix, nodes = ctx.saved_tensors
        grad_matrix = grad_nodes = None
        if ctx.needs_input_grad[0]:
            grad_matrix = torch.zeros_like(matrix)
            _outer_sum(grad, nodes, grad_matrix)
        if ctx.needs_input_grad[1]:
            grad_nodes = torch.bmm(_expanded(matrix.t(), len(grad)), grad)
        return grad_matrix, grad_nodes


def _window_view(padded: Tensor, window: int, stride: int) -> Tensor:
    """View `(B, T + W - 1, V, C)` as its overlapping windows `(B, T', W * V, C)`, without a copy."""
    batch, frames, joints, channels = padded.shape
    count = (frames - window) // stride + 1
    step = joints * channels
    return padded.as_strided(
        (batch, count, window * joints, channels), (frames * step, stride * step, channels, 1), padded.storage_offset()
    )


class _AggregateWindows(torch.autograd.Function):
    @staticmethod
    def forward(matrix: Tensor, padded: Tensor, window: int, stride: int) -> Tensor:
        view = _window_view(padded, window, stride)
        out = padded.new_empty(len(view), view.shape[1], len(matrix), view.shape[3])
        for windows, result in zip(view, out, strict=True):
            torch.bmm(_expanded(matrix, len(windows)), windows, out=result)
        return out

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, int, int], output: Tensor) -> None:
        matrix, padded, ctx.window, ctx.stride = inputs
        ctx.save_for_backward(matrix, padded)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        matrix, padded = ctx.saved_tensors
        grad = grad.contiguous()
        count, stride = grad.shape[1], ctx.stride
        grad_matrix = grad_padded = None
        if ctx.needs_input_grad[0]:
            grad_matrix = torch.zeros_like(matrix)
            for windows, outer in zip(_window_view(padded, ctx.window, stride), grad, strict=True):
                _outer_sum(outer, windows, grad_matrix)
        if ctx.needs_input_grad[1]:
            grad_padded = torch.zeros_like(padded)
            for frames, outer in zip(grad_padded, grad, strict=True):
                for start in range(0, count, _FRAMES_IN_CACHE):
                    some = outer[start : start + _FRAMES_IN_CACHE]
                    parts = torch.bmm(_expanded(matrix.t(), len(some)), some)  # (some, W * V, C)
                    for offset, part in enumerate(torch.tensor_split(parts, ctx.window, dim=1)):
                        first = start * stride + offset
                        frames[first : first + (len(some) - 1) * stride + 1 : stride] += part
        return grad_matrix, grad_padded, None, None


def _lowered(*tensors: Tensor) -> tuple[Tensor, ...]:
    """Under autocast, cast to its type, as autocast does for the products that it knows."""
    device = tensors[0].device.type
    if not torch.amp.is_autocast_available(device) or not torch.is_autocast_enabled(device):
        return tensors
    return tuple(tensor.to(torch.get_autocast_dtype(device)) for tensor in tensors)


def aggregate(matrix: Tensor, nodes: Tensor) -> Tensor:
    """Sum over nodes with the same matrix in every frame: out[n, u] = sum over v of matrix[u, v] * nodes[n, v].

    Args:
        matrix: `(U, V)`.
        nodes: `(n, V, C)`.

    Returns:
        `(n, U, C)`.
    """
    matrix, nodes = _lowered(matrix, nodes)
    if torch.is_grad_enabled() and (matrix.requires_grad or nodes.requires_grad):
        return _Aggregate.apply(matrix, nodes)  # type: ignore[no-any-return, no-untyped-call]
    return torch.bmm(_expanded(matrix, nodes.shape[0]), nodes)


def aggregate_windows(matrix: Tensor, x: Tensor, window: int, stride: int) -> Tensor:
    """Sum over the nodes of windows of frames; zeros stand before the first and behind the last frame.

    out[b, t, u] = sum over i, v of matrix[u, (i, v)] * x[b, t * stride + i - (W - 1) / 2, v]

    Args:
        matrix: `(U, W * V)`, columns frame-major.
        x: `(B, T, V, C)`.
        window: W, odd.
        stride: Frames between the centres of two windows.

    Returns:
        `(B, ceil(T / stride), U, C)`.
    """
    matrix, x = _lowered(matrix, x)
    margin = (window - 1) // 2
    padded = F.pad(x, (0, 0, 0, 0, margin, margin)).contiguous()
    if torch.is_grad_enabled() and (matrix.requires_grad or x.requires_grad):
        return _AggregateWindows.apply(matrix, padded, window, stride)  # type: ignore[no-any-return, no-untyped-call]
    windows = rearrange(padded.unfold(1, window, stride), "b t v c w -> b t (w v) c")
    nodes = rearrange(windows, "b t n c -> (b t) n c")
    return rearrange(torch.bmm(_expanded(matrix, nodes.shape[0]), nodes), "(b t) u c -> b t u c", b=x.shape[0])


def some_windows(
    matrix: Tensor, x: Tensor, window: int, stride: int, weight: Tensor | None = None
) -> Iterator[tuple[slice, Tensor]]:
    """Do as `aggregate_windows` for one body and without gradients, some windows at a time, which stay in cache.

    Args:
        matrix: `(U, W * V)`, or `(U, W * V * S)` with a weight.
        x: `(T, V, C)`.
        window: W, odd.
        stride: Frames between the centres of two windows.
        weight: `(S * E, C)`: what mixes the channels of every joint first, into S nodes of E channels.

    Yields:
        Which windows, and their sums `(n, U, C)`, or `(n, U, E)` with a weight.
    """
    frames, joints, channels = x.shape
    count, margin = (frames - 1) // stride + 1, (window - 1) // 2
    mixed = channels if weight is None else len(weight)
    nodes = matrix.shape[1] // window
    some = max(4, _NUMBERS_IN_CACHE // (len(matrix) * mixed * joints // nodes))  # windows at a time
    buffer = x.new_empty((some - 1) * stride + window, joints, mixed)
    ready = 0  # frames that are mixed already
    for start in range(0, count, some):
        windows = slice(start, min(start + some, count))
        first, last = start * stride - margin, (windows.stop - 1) * stride + margin + 1  # frames of these windows
        if window == 1 and weight is None:
            padded = x[first:last:stride]
        else:
            padded = buffer[: last - first]
            padded[: max(0, -first)].zero_()
            padded[max(0, frames - first) :].zero_()
            if ready > first >= 0:
                padded[: ready - first].copy_(buffer[len(buffer) - (ready - first) :])
            fresh = slice(max(ready, first), min(last, frames))
            new, inner = x[fresh], padded[fresh.start - first : fresh.stop - first]
            if weight is None:
                inner.copy_(new)
            else:
                torch.mm(new.flatten(0, 1), weight.t(), out=inner.flatten(0, 1))
            ready = fresh.stop
        view = _window_view(padded.reshape(1, len(padded), nodes, -1), window, 1 if window == 1 else stride)[0]
        if channels < _NARROW and weight is None:
            # Coordinates are too few columns for a product; as rows they are one product for all windows.
            rows = rearrange(view, "n v c -> (n c) v") @ matrix.t()
            sums = rearrange(rows, "(n c) u -> n u c", c=channels)
        else:
            sums = torch.bmm(_expanded(matrix, len(view)), view)
        yield windows, sums
