"""Sums over the joints of windows of frames, which overlap: where channels are mixed first, no window is written out.

Autograd's gradient of a window's sums would write every frame once per window that it is in; what is here hands each
part back to the frame that it belongs to.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor
from torch.autograd.function import once_differentiable

from dualhead.layers.aggregate import cast_for_autocast, expanded, sum_nodes
from dualhead.layers.cpu import aggregate_windows as cpu
from dualhead.layers.cpu.aggregate_windows import window_view
from dualhead.layers.prepared import is_eager, is_recorded


class _AggregateWindows(torch.autograd.Function):
    """Sums over windows of all bodies at once, which keep their input alone: mixed channels are mixed again.

    Bodies lie in a row, with as many frames of zeros between them as keep their windows apart, so that the windows of
    all are one strided view. With n the windows, i the frames of a window and M[i] its columns of the matrix,

        out[n] = sum over i of M[i] mixed[n * stride + i]
        grad_mixed[q * stride + r] = sum over j of M[j * stride + r] transposed grad[q - j]

    and both sums are over neighbours in memory: one batched product each, and for each remainder r.
    """

    @staticmethod
    def forward(matrix: Tensor, x: Tensor, weight: Tensor, window: int, stride: int) -> Tensor:
        outputs, places = _places(x.shape[1], window, stride)
        mixed = _mixed(_in_a_row(x, places, window, stride), weight)
        windows = window_view(mixed, window, stride)[: x.shape[0] * places]
        out = torch.bmm(expanded(matrix, windows.shape[0]), windows)
        return out.view(x.shape[0], places, *out.shape[1:])[:, :outputs].contiguous()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor, int, int], output: Tensor) -> None:
        matrix, x, weight, ctx.window, ctx.stride = inputs
        ctx.save_for_backward(matrix, x, weight)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        matrix, x, weight = ctx.saved_tensors
        window, stride = ctx.window, ctx.stride
        (bodies, frames, joints, _), (outputs, places) = x.shape, _places(x.shape[1], window, stride)
        row = _in_a_row(x, places, window, stride)
        mixed = _mixed(row, weight)  # (F, V * S, E)
        nodes, width = mixed.shape[1:]
        # zeros where the windows are that belong to no body, and as many before and behind as a frame has windows
        reach = (window - 1) // stride
        rows = row.shape[0] // stride  # of frames, one for each remainder
        outer = grad.new_zeros(rows + reach, *grad.shape[2:])
        inner = outer[reach : reach + bodies * places].view(bodies, places, *grad.shape[2:])
        inner[:, :outputs].copy_(grad)

        by_remainder = rearrange(mixed, "(f r) v e -> r (f e) v", r=stride)  # a frame is copied once, not once a window
        left = rearrange(outer[reach : reach + bodies * places], "n u e -> u (n e)")
        parts = []
        for offset in range(window):
            first = offset // stride * width
            parts.append(left @ by_remainder[offset % stride, first : first + left.shape[1]])
        grad_matrix = torch.cat(parts, dim=1)

        taps = rearrange(matrix, "u (i v) -> i v u", i=window)
        grad_mixed = mixed.new_empty(rows, stride, nodes, width)
        sums = []
        for remainder in range(stride):
            some = taps[remainder::stride].flip(0)  # the frame's last window comes first
            first = reach + 1 - some.shape[0]
            if is_recorded():  # PyTorch's compiler (2.13) mistakes the size of such a view
                several = torch.cat([outer[first + tap :][:rows] for tap in range(some.shape[0])], dim=1)
            else:
                several = window_view(outer[first:][: rows + some.shape[0] - 1], some.shape[0], 1)
            out = None if is_recorded() else grad_mixed[:, remainder]  # a compiler knows no slice as a result
            sums.append(torch.bmm(expanded(rearrange(some, "j v u -> v (j u)"), rows), several, out=out))
        grad_mixed = torch.stack(sums, dim=1) if is_recorded() else grad_mixed
        grad_mixed = grad_mixed.view(rows * stride * joints, -1)  # (F * V, S * E)
        grad_weight = (grad_mixed.t() @ row.flatten(0, 1)).view(weight.shape)
        grad_row = (grad_mixed @ weight.flatten(0, 1)).view(row.shape)
        grad_x = _by_body(grad_row, bodies, places, stride)[:, window // 2 : window // 2 + frames].contiguous()
        return grad_matrix, grad_x, grad_weight, None, None


def _places(frames: int, window: int, stride: int) -> tuple[int, int]:
    """Return how many windows a body has, and how many windows apart bodies begin in a row."""
    return -(-frames // stride), -(-(frames + window // 2) // stride)


def _in_a_row(x: Tensor, places: int, window: int, stride: int) -> Tensor:
    """Concatenate bodies `(B, T, V, C)` to `(F, V, C)`, F a multiple of the stride, with zero frames around each."""
    bodies, frames, joints, channels = x.shape
    behind = -(-(window - 1) // stride) * stride  # so that the last window is whole
    row = x.new_zeros(bodies * places * stride + behind, joints, channels)
    _by_body(row, bodies, places, stride)[:, window // 2 : window // 2 + frames].copy_(x)
    return row


def _by_body(row: Tensor, bodies: int, places: int, stride: int) -> Tensor:
    """Return a view of `(F, ...)` as `(B, frames from body to body, ...)`."""
    return row[: bodies * places * stride].view(bodies, places * stride, *row.shape[1:])


def _mixed(row: Tensor, weight: Tensor) -> Tensor:
    """Mix the channels of every joint of `(F, V, C)` to S nodes: `(F, V * S, E)`."""
    return F.linear(row, weight.flatten(0, 1)).view(row.shape[0], -1, weight.shape[1])


def aggregate_windows(matrix: Tensor, x: Tensor, window: int, stride: int, weight: Tensor | None = None) -> Tensor:
    """Sum over the nodes of windows of frames; zeros stand before the first and behind the last frame.

    out[b, t, u] = sum over i, v of matrix[u, (i, v)] * x[b, t * stride + i - (W - 1) / 2, v]

    Args:
        matrix: `(U, W * V)`, columns frame-major, or `(U, W * V * S)` with a weight.
        x: `(B, T, V, C)`.
        window: W, odd.
        stride: Frames between the centres of two windows.
        weight: `(S, E, C)`: what mixes the channels of every joint first, into S nodes of E channels.

    Returns:
        `(B, ceil(T / stride), U, C)`, or `(B, ceil(T / stride), U, E)` with a weight.
    """
    matrix, x = cast_for_autocast(matrix, x)
    if weight is not None:
        (weight,) = cast_for_autocast(weight)
        learns = torch.is_grad_enabled() and matrix.requires_grad
        if learns or not (torch.is_grad_enabled() or is_recorded()):
            function = cpu.aggregate_windows if is_eager(x) else _AggregateWindows.apply
            out: Tensor = function(matrix, x.contiguous(), weight, window, stride)
            return out
        x = rearrange(F.linear(x, weight.flatten(0, 1)), "b t v (s e) -> b t (v s) e", s=weight.shape[0])
    padded = F.pad(x, (0, 0, 0, 0, window // 2, window // 2))
    # no unfolding, whose gradient PyTorch's compiler (2.13) writes beyond its memory on a CPU
    places = [padded[:, offset : offset + x.shape[1] : stride] for offset in range(window)]
    nodes = rearrange(torch.cat(places, dim=2), "b t n c -> (b t) n c")  # (B * T', W * V, C)
    return rearrange(sum_nodes(matrix, nodes), "(b t) u c -> b t u c", b=x.shape[0])
