"""Sums over the joints of windows of frames, which overlap: where channels are mixed first, no window is written out.

The gradient of a window's sums would write every frame once per window that it is in; what is here hands each part back
to the frame that it belongs to (`dualhead.layers.aggregate` says why).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor
from torch.autograd.function import once_differentiable

from dualhead.layers.aggregate import expanded, frames_in_cache, lowered, outer_sum, sum_nodes
from dualhead.layers.prepared import is_eager, is_recorded
from dualhead.layers.threads import in_threads, summed


def _window_view(padded: Tensor, window: int, stride: int) -> Tensor:
    """View frames `(F, V, C)` as their overlapping windows `(n, W * V, C)`, without a copy if they are contiguous."""
    windows: Tensor = rearrange(padded.unfold(0, window, stride), "n v c w -> n (w v) c")
    return windows


class _Row:
    """Bodies in a row with zeros between them, whose windows are the windows of one long sequence.

    Bodies begin a whole number of windows apart. What reaches from one body into the next belongs to none.

    Args:
        bodies: b.
        frames: T.
        window: W, odd.
        stride: Frames between the centres of two windows.
    """

    def __init__(self, bodies: int, frames: int, window: int, stride: int):
        self.bodies, self.frames, self.window, self.stride = bodies, frames, window, stride
        self.outputs = (frames - 1) // stride + 1
        self.apart = -((frames + window - 1) // -stride)
        self.places = self.outputs if bodies == 1 else self.apart  # windows of a body, with those that belong to none

    def padded(self, x: Tensor, weight: Tensor) -> Tensor:
        """Mix the channels of bodies `(b, T, V, C)` to S nodes of E: a row of frames `(F, V * S, E)`."""
        scales, mixed, _ = weight.shape
        frames = self.bodies * self.apart * self.stride + self.window - 1
        padded = x.new_zeros(frames, x.shape[2] * scales, mixed)
        inner, rows, transposed = self.cut(padded), x.flatten(0, 2), weight.flatten(0, 1).t()
        if self.bodies == 1:
            torch.mm(rows, transposed, out=inner.view(-1, scales * mixed))
        else:
            inner.copy_((rows @ transposed).view(inner.shape))
        return padded

    def cut(self, padded: Tensor) -> Tensor:
        """View the bodies' own frames in a row: `(b, T, V * S, E)`."""
        by_body = padded[: self.bodies * self.apart * self.stride].view(self.bodies, -1, *padded.shape[1:])
        return by_body[:, self.window // 2 : self.window // 2 + self.frames]

    def windows(self, padded: Tensor) -> Tensor:
        """View the windows of a row, `(b * places, W * V * S, E)`."""
        return _window_view(padded, self.window, self.stride)[: self.bodies * self.places]

    def sum_up(self, matrix: Tensor, padded: Tensor, out: Tensor) -> None:
        """Write the sums over the windows of every body to `(b, T', U, E)`."""
        windows = self.windows(padded)
        if self.places == self.outputs:  # one body, say: no window belongs to none
            torch.bmm(expanded(matrix, windows.shape[0]), windows, out=out.flatten(0, 1))
        else:
            out.copy_(sum_nodes(matrix, windows).view(self.bodies, -1, *out.shape[2:])[:, : self.outputs])

    def spread(self, grad: Tensor) -> Tensor:
        """Give the gradient of the sum of every window, `(b * places, U, E)`, from `(b, T', U, E)`."""
        if self.places != self.outputs:
            grad = F.pad(grad, (0, 0, 0, 0, 0, self.places - self.outputs))
        return grad.flatten(0, 1)


def _some_bodies(*tensors: Tensor) -> list[tuple[Tensor, ...]]:
    """Split tensors `(B, ...)` into a body at a time, which stays in cache."""
    return list(zip(*(torch.split(tensor, 1) for tensor in tensors), strict=True))


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
        windows = _window_view(mixed, window, stride)[: x.shape[0] * places]
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
            several = _window_view(outer[reach + 1 - some.shape[0] :][: rows + some.shape[0] - 1], some.shape[0], 1)
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
    """Lay bodies `(B, T, V, C)` in a row `(F, V, C)`, F a multiple of the stride, zeros before, between and behind."""
    bodies, frames, joints, channels = x.shape
    behind = -(-(window - 1) // stride) * stride  # so that the last window is whole
    row = x.new_zeros(bodies * places * stride + behind, joints, channels)
    _by_body(row, bodies, places, stride)[:, window // 2 : window // 2 + frames].copy_(x)
    return row


def _by_body(row: Tensor, bodies: int, places: int, stride: int) -> Tensor:
    """View a row `(F, ...)` as `(B, frames from body to body, ...)`."""
    return row[: bodies * places * stride].view(bodies, places * stride, *row.shape[1:])


def _mixed(row: Tensor, weight: Tensor) -> Tensor:
    """Mix the channels of every joint of `(F, V, C)` to S nodes: `(F, V * S, E)`."""
    return F.linear(row, weight.flatten(0, 1)).view(row.shape[0], -1, weight.shape[1])


class _AggregateWindowsInCache(torch.autograd.Function):
    """Do as `_AggregateWindows` on a CPU, a body at a time."""

    @staticmethod
    def forward(matrix: Tensor, x: Tensor, weight: Tensor, window: int, stride: int) -> Tensor:
        def compute(parts: Sequence[tuple[Tensor, ...]]) -> None:
            for bodies, result in parts:
                row = _Row(bodies.shape[0], bodies.shape[1], window, stride)
                row.sum_up(matrix, row.padded(bodies, weight), result)

        out = x.new_empty(x.shape[0], (x.shape[1] - 1) // stride + 1, matrix.shape[0], weight.shape[1])
        in_threads(compute, _some_bodies(x, out))
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

        def compute(parts: Sequence[tuple[Tensor, ...]]) -> tuple[Tensor, Tensor]:
            grad_matrix = torch.zeros_like(matrix)
            grad_weight = weight.new_zeros(weight.shape)  # contiguous, whatever the weight is
            for bodies, outer, inner in parts:
                row = _Row(bodies.shape[0], bodies.shape[1], window, stride)
                outer = row.spread(outer)  # (n, U, E)
                padded = row.padded(bodies, weight)
                outer_sum(outer, row.windows(padded), grad_matrix)
                grad_padded = padded.zero_()  # whose numbers nobody needs any more
                some = frames_in_cache(outer, matrix.shape[1] * outer.shape[2])
                for start in range(0, outer.shape[0], some):
                    sums = outer[start : start + some]
                    sums = torch.bmm(expanded(matrix.t(), sums.shape[0]), sums)  # (some, W * V * S, E)
                    # the frame at each place of the windows hands its part back to the frame of the clip that it is
                    for offset, part in enumerate(torch.tensor_split(sums, window, dim=1)):
                        first = start * stride + offset
                        grad_padded[first : first + (sums.shape[0] - 1) * stride + 1 : stride].add_(part)
                nodes = row.cut(grad_padded).reshape(-1, weight[:, :, 0].numel())  # (b * T * V, S * E)
                torch.mm(nodes, weight.flatten(0, 1), out=inner.flatten(0, 2))
                grad_weight.flatten(0, 1).addmm_(nodes.t(), bodies.flatten(0, 2))
            return grad_matrix, grad_weight

        grad_x = torch.empty_like(x)
        grad_matrix, grad_weight = summed(in_threads(compute, _some_bodies(x, grad.contiguous(), grad_x)))
        return grad_matrix, grad_x, grad_weight, None, None


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
        function = _AggregateWindowsInCache if is_eager(x) else _AggregateWindows
        if torch.is_grad_enabled() and matrix.requires_grad:
            return function.apply(matrix, x.contiguous(), weight, window, stride)  # type: ignore
        if not torch.is_grad_enabled() and not is_recorded():
            return function.forward(matrix, x.contiguous(), weight, window, stride)
        x = rearrange(F.linear(x, weight.flatten(0, 1)), "b t v (s e) -> b t (v s) e", s=weight.shape[0])
    padded = F.pad(x, (0, 0, 0, 0, window // 2, window // 2))
    # no unfolding, whose gradient PyTorch's compiler (2.13) writes beyond its memory on a CPU
    places = [padded[:, offset : offset + x.shape[1] : stride] for offset in range(window)]
    nodes = rearrange(torch.cat(places, dim=2), "b t n c -> (b t) n c")  # (B * T', W * V, C)
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
        nodes = padded.view(len(padded), joints * scales, mixed)
        yield windows, sum_nodes(matrix, _window_view(nodes, window, stride))
