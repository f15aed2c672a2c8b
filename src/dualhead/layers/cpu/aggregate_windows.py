"""Sums over the joints of windows of frames, a body or some windows at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from einops import rearrange
from torch import Tensor
from torch.autograd.function import once_differentiable

from dualhead.layers.aggregate import expanded, sum_nodes
from dualhead.layers.cpu.cache import frames_in_cache, outer_sum
from dualhead.layers.cpu.products import add_outer, by_onednn, linear
from dualhead.layers.threads import in_threads, summed


def window_view(padded: Tensor, window: int, stride: int) -> Tensor:
    """Return overlapping windows `(n, W * V, C)` of frames `(F, V, C)`, without a copy if they are contiguous."""
    windows: Tensor = rearrange(padded.unfold(0, window, stride), "n v c w -> n (w v) c")
    return windows


def _padded(x: Tensor, weight: Tensor, window: int) -> Tensor:
    """Mix the channels of a body `(T, V, C)` to S nodes of E, zeros on both sides: `(T + W - 1, V * S, E)`."""
    scales, mixed, _ = weight.shape
    padded = x.new_zeros(x.shape[0] + window - 1, x.shape[1] * scales, mixed)
    inner = padded[window // 2 : window // 2 + x.shape[0]].view(-1, scales * mixed)
    inner.copy_(linear(x.flatten(0, 1), weight.flatten(0, 1)))
    return padded


_Bodies = Sequence[tuple[Tensor, ...]]


def _by_body(*tensors: Tensor) -> _Bodies:
    return list(zip(*tensors, strict=True))


class _AggregateWindows(torch.autograd.Function):
    @staticmethod
    def forward(matrix: Tensor, x: Tensor, weight: Tensor, window: int, stride: int) -> Tensor:
        def compute(parts: _Bodies) -> None:
            for body, result in parts:
                if by_onednn(body):
                    for span, sums in convolved_windows(matrix, body, window, stride, slice(0, len(result)), weight):
                        result[span].copy_(sums)
                    continue
                windows = window_view(_padded(body, weight, window), window, stride)
                torch.bmm(expanded(matrix, len(windows)), windows, out=result)

        out = x.new_empty(x.shape[0], (x.shape[1] - 1) // stride + 1, matrix.shape[0], weight.shape[1])
        in_threads(compute, _by_body(x, out))
        return out

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor, int, int], output: Tensor) -> None:
        matrix, x, weight, ctx.window, ctx.stride = inputs
        ctx.save_for_backward(matrix, x, weight)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        matrix, x, weight = ctx.saved_tensors
        window, stride = ctx.window, ctx.stride
        some = frames_in_cache(matrix.shape[1] * weight.shape[1])
        mix_back = weight.flatten(0, 1).t().contiguous()

        def compute(parts: _Bodies) -> tuple[Tensor, Tensor]:
            grad_matrix = torch.zeros_like(matrix)
            grad_weight = weight.new_zeros(weight.shape)  # contiguous, whatever the weight is
            for body, outer, inner in parts:
                padded = _padded(body, weight, window)
                outer_sum(outer, window_view(padded, window, stride), grad_matrix)
                grad_padded = padded.zero_()  # its values are no longer needed
                for start in range(0, len(outer), some):
                    sums = outer[start : start + some]
                    sums = torch.bmm(expanded(matrix.t(), len(sums)), sums)  # (some, W * V * S, E)
                    # the frame at each place of the windows hands its part back to the frame of the clip that it is
                    for offset, part in enumerate(torch.tensor_split(sums, window, dim=1)):
                        first = start * stride + offset
                        grad_padded[first : first + (len(sums) - 1) * stride + 1 : stride].add_(part)
                nodes = grad_padded[window // 2 : window // 2 + len(body)].view(-1, weight[:, :, 0].numel())
                inner.flatten(0, 1).copy_(linear(nodes, mix_back))
                add_outer(grad_weight.flatten(0, 1), nodes, body.flatten(0, 1))
            return grad_matrix, grad_weight

        grad_x = torch.empty_like(x)
        grad_matrix, grad_weight = summed(in_threads(compute, _by_body(x, grad.contiguous(), grad_x)))
        return grad_matrix, grad_x, grad_weight, None, None


def aggregate_windows(matrix: Tensor, x: Tensor, weight: Tensor, window: int, stride: int) -> Tensor:
    """Compute `dualhead.layers.aggregate_windows.aggregate_windows`, whose gradient mixes channels again.

    Args:
        matrix: `(U, W * V * S)`.
        x: `(B, T, V, C)`, contiguous.
        weight: `(S, E, C)`.
        window: W, odd.
        stride: Frames between the centres of two windows.

    Returns:
        `(B, ceil(T / stride), U, E)`.
    """
    out: Tensor = _AggregateWindows.apply(matrix, x, weight, window, stride)  # type: ignore[no-untyped-call]
    return out


def some_windows(
    matrix: Tensor, x: Tensor, window: int, stride: int, span: slice, some: int, weight: Tensor | None = None
) -> Iterator[tuple[slice, Tensor]]:
    """Yield `dualhead.layers.aggregate_windows.aggregate_windows` of one body, without gradients, some at a time.

    A buffer holds the frames of these windows, mixed where there is a weight; those that the next windows also have
    move to its start.

    Args:
        matrix: `(U, W * V)`, or `(U, W * V * S)` with a weight.
        x: `(T, V, C)`.
        window: W, odd.
        stride: Frames between the centres of two windows.
        span: The windows, of the `ceil(T / stride)`.
        some: The number at a time; `frames_in_cache` knows how many stay in cache.
        weight: `(S, E, C)`: what mixes the channels of every joint first, into S nodes of E channels.

    Yields:
        Which windows, and their sums `(n, U, C)`, or `(n, U, E)` with a weight, which the caller may write over.
    """
    frames, joints, channels = x.shape
    margin = window // 2
    scales, mixed = (1, channels) if weight is None else weight.shape[:2]
    buffer = x.new_empty((some - 1) * stride + window, joints, scales * mixed)
    ready, held = 0, 0  # how many frames have been in the buffer, and the frame at its start
    for start in range(span.start, span.stop, some):
        windows = slice(start, min(start + some, span.stop))
        first, last = start * stride - margin, (windows.stop - 1) * stride + margin + 1  # frames of these windows
        padded = buffer[: last - first]
        before, again = max(0, -first), ready - max(0, first)
        if again > 0:
            at = max(0, first) - held
            padded[before : before + again] = buffer[at : at + again].clone()
        padded[:before].zero_()
        padded[max(0, frames - first) :].zero_()
        fresh = slice(max(ready, first, 0), min(last, frames))
        new, inner = x[fresh], padded[fresh.start - first : fresh.stop - first]
        if weight is None:
            inner.copy_(new)
        else:
            torch.mm(new.flatten(0, 1), weight.flatten(0, 1).t(), out=inner.flatten(0, 1))
        ready, held = fresh.stop, first
        nodes = padded.view(len(padded), joints * scales, mixed)
        yield windows, sum_nodes(matrix, window_view(nodes, window, stride))


_NUMBERS_OF_IMAGE = 2**20


def convolved_windows(
    matrix: Tensor, x: Tensor, window: int, stride: int, span: slice, weight: Tensor
) -> Iterator[tuple[slice, Tensor]]:
    """Yield `some_windows` by a convolution over frames, for which oneDNN is twice as fast as for many products.

    The nodes of a frame are what the convolution takes for channels, and their channels stand side by side.

    Args:
        matrix: `(U, W * V * S)`.
        x: `(T, V, C)`, float32.
        window: W, odd.
        stride: Frames between the centres of two windows.
        span: The windows, of the `ceil(T / stride)`.
        weight: `(S, E, C)`.

    Yields:
        Which windows, and their sums `(n, U, E)`, which are not contiguous.
    """
    scales, width, _ = weight.shape
    joints, margin = x.shape[1], window // 2
    mix = rearrange(weight, "s e c -> (e s) c")
    kernel = rearrange(matrix, "u (i v s) -> u i 1 (s v)", i=window, s=scales).permute(0, 3, 1, 2)
    some = max(4, _NUMBERS_OF_IMAGE // (stride * joints * scales * width))
    for start in range(span.start, span.stop, some):
        windows = slice(start, min(start + some, span.stop))
        first, last = start * stride - margin, (windows.stop - 1) * stride + margin + 1  # frames of these windows
        there = slice(max(first, 0), min(last, len(x)))
        image = x.new_empty(last - first, width, scales * joints)
        image[: there.start - first].zero_()
        image[there.stop - first :].zero_()
        mixed = linear(mix, x[there].flatten(0, 1))  # (E * S, T * V)
        inner = image[there.start - first : there.stop - first].view(-1, width, scales, joints)
        inner.copy_(rearrange(mixed, "(e s) (t v) -> t e s v", s=scales, v=joints))
        frames = rearrange(image, "t e n -> 1 n t e")
        sums = torch.ops.aten.mkldnn_convolution(frames, kernel, None, [0, 0], [stride, 1], [1, 1], 1)
        yield windows, rearrange(sums, "1 u t e -> t u e")
