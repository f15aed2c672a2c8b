"""The steps after the aggregation of windows in training, in cache: mix channels, normalise, ReLU, collapse the window.

A window has as many nodes as its frames have joints, so between these steps lie the largest tensors of a network. None
of them is written out: the forward pass goes twice over some windows at a time, once for the batch's statistics and
once with them, and so does the backward pass. With h the mixed nodes, y = ReLU(scale * h + shift) and out = collapse y,

    grad_y = [y > 0] * transposed collapse * grad_out
    grad_h = scale * grad_y - times * (slope * h + offset)

`sum_up`, the first pass of the gradient, sums what slope and offset need (`dualhead.layers.norm.gradient_terms`), and
`hand_on`, the second, gives grad_h to the nodes. Where nodes come mixed, the first writes grad_y where grad_h is to be;
else the second computes it again.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from dualhead.layers.counted_norm import Repeats, gradient_terms, joined_statistics, num_written_out, statistics
from dualhead.layers.cpu.products import add_outer, linear
from dualhead.layers.threads import in_threads, summed

_NUMBERS_IN_CACHE = 2**17


_Parts = Sequence[tuple[int, tuple[Tensor, ...]]]


def _parts(repeats: Repeats, numbers: int, *tensors: Tensor) -> _Parts:
    """Split bodies into some windows at a time.

    Args:
        repeats: Bodies that represent several.
        numbers: Number of numbers that a window has.
        tensors: Each `(B, T', ...)`.

    Returns:
        The number of bodies that the row represents, and the parts of the tensors, each `(n, ...)`.
    """
    times = dict(repeats)
    some = max(1, _NUMBERS_IN_CACHE // numbers)
    return [
        (times.get(row, 1), parts)
        for row, bodies in enumerate(zip(*tensors, strict=True))
        for parts in zip(*(torch.split(body, some) for body in bodies), strict=True)
    ]


def _as_channels(rows: Tensor) -> Tensor:
    """Return a view of rows `(n, E)` for batch norms, `(1, E, n, 1)`."""
    return rows.t()[None, :, :, None]


class _Collapse(torch.autograd.Function):
    @staticmethod
    def forward(
        nodes: Tensor, mix: Tensor | None, weight: Tensor, bias: Tensor, collapse: Tensor, repeats: Repeats, eps: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        numbers = nodes.shape[2] * len(weight)

        def measure(parts: _Parts) -> list[tuple[int, Tensor, Tensor]]:
            mixed = ((times, _mixed(part, mix)) for times, (part,) in parts)
            return [(times * len(h), *statistics(_as_channels(h))) for times, h in mixed]

        def compute(parts: _Parts) -> None:
            for _, (part, result) in parts:
                y = torch.addcmul(shift, _mixed(part, mix), scale).relu_()
                result.flatten(0, 1).copy_(linear(y.view(-1, collapse.shape[1]), collapse))

        mean, variance = joined_statistics(list(chain(*in_threads(measure, _parts(repeats, numbers, nodes)))))
        scale = weight * (variance + eps).rsqrt()
        shift = bias - mean * scale
        out = nodes.new_empty(*nodes.shape[:2], numbers // collapse.shape[1], len(collapse))  # (B, T', V, O)
        in_threads(compute, _parts(repeats, numbers, nodes, out))
        return out, mean, variance

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        nodes, mix, weight, bias, collapse, ctx.repeats, ctx.eps = inputs
        _, mean, variance = output
        ctx.save_for_backward(nodes, mix, weight, bias, collapse, mean, variance)
        ctx.mark_non_differentiable(mean, variance)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor, *_: Any) -> tuple[Tensor | None, ...]:
        nodes, mix, weight, bias, collapse, mean, variance = ctx.saved_tensors
        collapse_back = collapse.t().contiguous()
        mix_back = nodes if mix is None else mix.t().contiguous()
        scale = weight * (variance + ctx.eps).rsqrt()
        shift = bias - mean * scale

        def activated(part: Tensor, outer: Tensor, into: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
            """Return the normalised values, the output of the ReLU, and the gradient of its input."""
            h = _mixed(part, mix)
            y = torch.addcmul(shift, h, scale).relu_()  # (n * V * W, E)
            grad_y = linear(outer.flatten(0, 1), collapse_back).view(y.shape)
            if into is not None:
                grad_y = into.view(y.shape).copy_(grad_y)
            torch.ops.aten.threshold_backward.grad_input(grad_y, y, 0, grad_input=grad_y)
            return h, y, grad_y

        def sum_up(parts: _Parts) -> tuple[Tensor, ...]:
            sums = tuple(map(torch.zeros_like, (collapse, weight, bias)))
            for _, (part, outer, inner) in parts:
                h, y, grad_y = activated(part, outer, inner if mix is None else None)
                add_outer(sums[0], outer.flatten(0, 1), y.view(-1, collapse.shape[1]))
                rows = map(_as_channels, (grad_y, h))
                _, some_weight, some_bias = torch.ops.aten.native_batch_norm_backward(
                    *rows, weight, mean, variance, None, None, False, ctx.eps, (False, True, True)
                )
                sums[1].add_(some_weight)
                sums[2].add_(some_bias)
            return sums

        def hand_on(parts: _Parts) -> tuple[Tensor, ...]:
            grad_mix: tuple[Tensor, ...] = () if mix is None else (torch.zeros_like(mix),)
            for times, (part, outer, inner) in parts:
                if mix is None:
                    h, grad_h = part.flatten(0, 1), inner.flatten(0, 1)  # which holds what `sum_up` left there
                else:
                    h, _, grad_h = activated(part, outer, None)
                grad_h.mul_(scale).sub_(torch.addcmul(offset, h, slope), alpha=times)
                if mix is not None:
                    add_outer(grad_mix[0], grad_h, part.flatten(0, 1))
                    inner.flatten(0, 1).copy_(linear(grad_h, mix_back))
            return grad_mix

        grad_nodes = torch.empty_like(nodes)
        parts = _parts(ctx.repeats, nodes.shape[2] * len(weight), nodes, grad.contiguous(), grad_nodes)
        grad_collapse, grad_weight, grad_bias = summed(in_threads(sum_up, parts))
        total = _count(nodes, ctx.repeats)
        slope, offset = gradient_terms(weight, mean, variance, ctx.eps, grad_weight, grad_bias, total)[1:]
        grad_mix = summed(in_threads(hand_on, parts))
        return grad_nodes, grad_mix[0] if grad_mix else None, grad_weight, grad_bias, grad_collapse, None, None


def _count(nodes: Tensor, repeats: Repeats) -> int:
    """Count the values of each channel."""
    return num_written_out(nodes, repeats) * nodes.shape[1] * nodes.shape[2]


def _mixed(part: Tensor, mix: Tensor | None) -> Tensor:
    """Mix the channels of nodes `(n, V * W, I)`: rows `(n * V * W, E)`."""
    rows = part.flatten(0, 1)
    return rows if mix is None else linear(rows, mix)


def collapse_windows(
    nodes: Tensor,
    mix: Tensor | None,
    weight: Tensor,
    bias: Tensor,
    collapse: Tensor,
    repeats: Repeats,
    eps: float,
) -> tuple[Tensor, Tensor, Tensor, int]:
    """Mix channels, apply batch norm in training mode and ReLU, and collapse windows to a frame.

    Args:
        nodes: `(B, T', V * W, I)`, the nodes of a window joint-major; contiguous.
        mix: `(E, I)`; None: I = E channels are mixed already.
        weight: Of the norm `(E,)`.
        bias: Of the norm `(E,)`.
        collapse: `(O, W * E)`.
        repeats: Bodies that represent several; see `dualhead.layers.norm.counting`.
        eps: Of the norm.

    Returns:
        `(B, T', V, O)`; the batch's mean and biased variance behind the mixing, each `(E,)` and without gradient; how
        many values of each channel there were.
    """
    out, mean, variance = _Collapse.apply(nodes, mix, weight, bias, collapse, repeats, eps)  # type: ignore
    return out, mean, variance, _count(nodes, repeats)
