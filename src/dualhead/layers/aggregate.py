"""Sums over joints with one matrix for all frames or windows: the product at the heart of every graph convolution.

Both come with gradients of their own. Autograd's gradient of a broadcast product writes one matrix per frame and sums
them, or transposes all frames in memory; that of a window writes every frame once per window that it is in. Touching
new memory is what these models spend their time on, so neither happens here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor
from torch.autograd.function import once_differentiable

from dualhead.layers.threads import in_threads, summed

_NUMBERS_IN_CACHE = 2**19
_NARROW = 8


def _expanded(matrix: Tensor, count: int) -> Tensor:
    return matrix.expand(count, -1, -1)


def frames_in_cache(x: Tensor, numbers: int) -> int:
    """Say how many frames or windows to compute at a time, so that they stay in cache; all of them on a GPU.

    Args:
        x: The frames, `(n, ...)`.
        numbers: How many numbers a frame has at its widest.
    """
    return len(x) if x.is_cuda else max(4, _NUMBERS_IN_CACHE // numbers)


def sum_nodes(matrix: Tensor, nodes: Tensor) -> Tensor:
    """Do as `aggregate`, as autograd and autocast see it.

    Args:
        matrix: `(U, V)`.
        nodes: `(n, V, C)`.

    Returns:
        `(n, U, C)`.
    """
    if nodes.shape[2] < _NARROW:
        # Coordinates are too few columns for a product a frame; as rows they are one product for all frames.
        rows = rearrange(nodes, "n v c -> (n c) v") @ matrix.t()
        return rearrange(rows, "(n c) u -> n u c", c=nodes.shape[2])
    # a shape, unlike `len`, may stay open in a trace
    return torch.bmm(_expanded(matrix, nodes.shape[0]), nodes)


def outer_sum(left: Tensor, right: Tensor, total: Tensor) -> None:
    """Add to `total` the sum over n of left[n] times right[n] transposed.

    A product a frame would be too small for two processors to share, and laying all frames side by side for one product
    would copy both operands through memory; some frames at a time stay in cache.

    Args:
        left: `(n, U, C)`.
        right: `(n, V, C)`.
        total: `(U, V)`.
    """
    frames = frames_in_cache(left, max(total.shape) * left.shape[2])
    for some_left, some_right in zip(torch.split(left, frames), torch.split(right, frames), strict=True):
        total.addmm_(rearrange(some_left, "n u c -> u (n c)"), rearrange(some_right, "n v c -> (n c) v"))


class _Aggregate(torch.autograd.Function):
    @staticmethod
    def forward(matrix: Tensor, nodes: Tensor) -> Tensor:
        return sum_nodes(matrix, nodes)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None]:
        matrix, nodes = ctx.saved_tensors
        grad_matrix = grad_nodes = None
        if ctx.needs_input_grad[0]:
            grad_matrix = torch.zeros_like(matrix)
            outer_sum(grad, nodes, grad_matrix)
        if ctx.needs_input_grad[1]:
            grad_nodes = sum_nodes(matrix.t(), grad)
        return grad_matrix, grad_nodes


def _window_view(padded: Tensor, window: int, stride: int) -> Tensor:
    """View `(B, T + W - 1, V, C)` as its overlapping windows `(B, T', W * V, C)`, without a copy."""
    batch, frames, joints, channels = padded.shape
    count = (frames - window) // stride + 1
    step = joints * channels
    return padded.as_strided(
        (batch, count, window * joints, channels), (frames * step, stride * step, channels, 1), padded.storage_offset()
    )


def _padded(x: Tensor, margin: int, weight: Tensor) -> Tensor:
    """Mix the channels of one body `(T, V, C)` to S nodes of E between frames of zeros: `(T + W - 1, V * S, E)`."""
    mixed = (x.flatten(0, 1) @ weight.flatten(0, 1).t()).view(len(x), -1, weight.shape[1])
    return F.pad(mixed, (0, 0, 0, 0, margin, margin))


class _AggregateWindows(torch.autograd.Function):
    """Sums over windows that keep their input alone: mixed channels are mixed again for the gradient."""

    @staticmethod
    def forward(matrix: Tensor, x: Tensor, weight: Tensor, window: int, stride: int) -> Tensor:
        def compute(bodies: Sequence[tuple[Tensor, ...]]) -> None:
            for body, result in bodies:
                view = _window_view(_padded(body, window // 2, weight).unsqueeze(0), window, stride)[0]
                torch.bmm(_expanded(matrix, len(view)), view, out=result)

        out = x.new_empty(len(x), (x.shape[1] - 1) // stride + 1, len(matrix), weight.shape[1])
        in_threads(compute, list(zip(x, out, strict=True)))
        return out

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor, int, int], output: Tensor) -> None:
        matrix, x, weight, ctx.window, ctx.stride = inputs
        ctx.save_for_backward(matrix, x, weight)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        matrix, x, weight = ctx.saved_tensors
        margin, stride = ctx.window // 2, ctx.stride

        def compute(bodies: Sequence[tuple[Tensor, ...]]) -> tuple[Tensor, Tensor]:
            grad_matrix = torch.zeros_like(matrix)
            grad_weight = weight.new_zeros(weight.shape)  # contiguous, whatever the weight is
            for body, outer, inner in bodies:
                padded = _padded(body, margin, weight)
                outer_sum(outer, _window_view(padded.unsqueeze(0), ctx.window, stride)[0], grad_matrix)
                grad_padded = padded.zero_()  # whose numbers nobody needs any more
                some = frames_in_cache(outer, matrix.shape[1] * outer.shape[2])
                for start in range(0, len(outer), some):
                    parts = outer[start : start + some]
                    parts = torch.bmm(_expanded(matrix.t(), len(parts)), parts)  # (some, W * V * S, E)
                    # the frame at each place of the windows hands its part back to the frame of the clip that it is
                    for offset, part in enumerate(torch.tensor_split(parts, ctx.window, dim=1)):
                        first = start * stride + offset
                        grad_padded[first : first + (len(parts) - 1) * stride + 1 : stride] += part
                nodes = grad_padded[margin : margin + len(body)].reshape(-1, weight[:, :, 0].numel())  # (T * V, S * E)
                torch.mm(nodes, weight.flatten(0, 1), out=inner.flatten(0, 1))
                grad_weight.flatten(0, 1).addmm_(nodes.t(), body.flatten(0, 1))
            return grad_matrix, grad_weight

        grad_x = torch.empty_like(x)
        grad_matrix, grad_weight = summed(in_threads(compute, list(zip(x, grad.contiguous(), grad_x, strict=True))))
        return grad_matrix, grad_x, grad_weight, None, None


def lowered(*tensors: Tensor) -> tuple[Tensor, ...]:
    """Under autocast, cast to its type, as autocast does for the products that it knows.

    Args:
        tensors: Operands of products.
    """
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
    matrix, nodes = lowered(matrix, nodes)
    if torch.is_grad_enabled() and (matrix.requires_grad or nodes.requires_grad):
        return _Aggregate.apply(matrix, nodes)  # type: ignore[no-any-return, no-untyped-call]
    return sum_nodes(matrix, nodes)


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
    matrix, x = lowered(matrix, x)
    if weight is not None:
        (weight,) = lowered(weight)
        if torch.is_grad_enabled() and matrix.requires_grad:
            return _AggregateWindows.apply(matrix, x.contiguous(), weight, window, stride)  # type: ignore
        x = rearrange(F.linear(x, weight.flatten(0, 1)), "b t v (s e) -> b t (v s) e", s=weight.shape[0])
    windows = F.pad(x, (0, 0, 0, 0, window // 2, window // 2)).unfold(1, window, stride)
    nodes = rearrange(windows, "b t v c w -> (b t) (w v) c")
    return rearrange(sum_nodes(matrix, nodes), "(b t) u c -> b t u c", b=x.shape[0])


def some_windows(
    matrix: Tensor, x: Tensor, window: int, stride: int, span: slice, some: int, weight: Tensor | None = None
) -> Iterator[tuple[slice, Tensor]]:
    """Do as `aggregate_windows` for windows of one body and without gradients, some at a time.

    A buffer holds the frames of these windows, mixed where there is a weight; those that the next windows also have
    move to its start.

    Args:
        matrix: `(U, W * V)`, or `(U, W * V * S)` with a weight.
        x: `(T, V, C)`.
        window: W, odd.
        stride: Frames between the centres of two windows.
        span: Which windows, of the `ceil(T / stride)`.
        some: How many at a time; `frames_in_cache` knows how many stay in cache.
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
        nodes = padded.view(1, len(padded), joints * scales, mixed)
        yield windows, sum_nodes(matrix, _window_view(nodes, window, stride)[0])
