"""Aggregation over the joints at many scales and the mixing of all scales, as one: what lies between is never kept.

Between the two products a frame has S times as many numbers as before; written out for a whole batch, that would be the
largest tensor of a network, and touching it costs more than computing it. Some frames at a time stay in cache, in the
gradient too, which computes them again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor
from torch.autograd.function import once_differentiable

from dualhead.layers.aggregate import frames_in_cache, lowered, outer_sum, sum_nodes
from dualhead.layers.prepared import is_eager
from dualhead.layers.threads import in_threads, summed

_Parts = Sequence[tuple[Tensor, ...]]


def _parts(matrix: Tensor, *frames: Tensor) -> _Parts:
    """Split tensors `(n, V, C)`, `(n, V, O)`, ... into some frames at a time."""
    some = frames_in_cache(frames[0], len(matrix) * frames[0].shape[2])
    return list(zip(*(torch.split(tensor, some) for tensor in frames), strict=True))


class _AggregateMix(torch.autograd.Function):
    """Aggregation and mixing of all frames at once; what lies between is computed again for the gradient."""

    @staticmethod
    def forward(matrix: Tensor, x: Tensor, weight: Tensor) -> Tensor:
        h = sum_nodes(matrix, x).reshape(-1, weight.shape[1])  # (n * V, S * C)
        return (h @ weight.t()).view(*x.shape[:2], weight.shape[0])

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        matrix, x, weight = ctx.saved_tensors
        rows = grad.reshape(-1, weight.shape[0])  # (n * V, O)
        grad_weight = rows.t() @ sum_nodes(matrix, x).reshape(-1, weight.shape[1])
        grad_h = (rows @ weight).view(x.shape[0], matrix.shape[0], -1)  # (n, V * S, C)
        if 2 * x.shape[1] <= x.shape[2]:  # a matrix a frame is smaller than a copy of both
            grad_matrix = torch.bmm(grad_h, x.transpose(1, 2)).sum(dim=0)
        else:
            grad_matrix = rearrange(grad_h, "n u c -> u (n c)") @ rearrange(x, "n v c -> (n c) v")
        return grad_matrix, sum_nodes(matrix.t(), grad_h), grad_weight


class _AggregateMixInCache(torch.autograd.Function):
    """Do as `_AggregateMix` on a CPU, some frames at a time."""

    @staticmethod
    def forward(matrix: Tensor, x: Tensor, weight: Tensor) -> Tensor:
        def compute(parts: _Parts) -> None:
            for nodes, result in parts:
                h = sum_nodes(matrix, nodes).reshape(-1, weight.shape[1])  # (n * V, S * C)
                torch.mm(h, weight.t(), out=result.flatten(0, 1))

        out = x.new_empty(*x.shape[:2], len(weight))
        in_threads(compute, _parts(matrix, x, out))
        return out

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        matrix, x, weight = ctx.saved_tensors

        def compute(parts: _Parts) -> tuple[Tensor, Tensor]:
            grad_matrix, grad_weight = torch.zeros_like(matrix), torch.zeros_like(weight)
            for nodes, outer, inner in parts:
                outer = outer.flatten(0, 1)  # (n * V, O)
                h = sum_nodes(matrix, nodes).reshape(-1, weight.shape[1])
                grad_weight.addmm_(outer.t(), h)
                grad_h = torch.mm(outer, weight, out=h).view(len(nodes), len(matrix), -1)  # (n, V * S, C)
                outer_sum(grad_h, nodes, grad_matrix)
                inner.copy_(sum_nodes(matrix.t(), grad_h))
            return grad_matrix, grad_weight

        grad_x = torch.empty_like(x)
        grad_matrix, grad_weight = summed(in_threads(compute, _parts(matrix, x, grad.contiguous(), grad_x)))
        return grad_matrix, grad_x, grad_weight


def aggregate_mix(matrix: Tensor, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Sum over joints with the matrix of each scale, and mix the channels of all scales.

    out[n, v, o] = bias[o] + sum over s, c, w of weight[o, (s, c)] * matrix[(v, s), w] * x[n, w, c]

    Args:
        matrix: `(V * S, V)`, rows joint-major.
        x: `(n, V, C)`.
        weight: `(O, S * C)`.
        bias: `(O,)`; None: 0.

    Returns:
        `(n, V, O)`.
    """
    matrix, x, weight = lowered(matrix, x, weight)
    if torch.is_grad_enabled() and matrix.requires_grad:
        function = _AggregateMixInCache if is_eager(x) else _AggregateMix
        out: Tensor = function.apply(matrix, x.contiguous(), weight)  # type: ignore[no-untyped-call]
        return out if bias is None else out + bias
    h = rearrange(sum_nodes(matrix, x), "n (v s) c -> n v (s c)", v=x.shape[1])
    return F.linear(h, weight, bias)


def aggregate_mix_relu(matrix: Tensor, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Do as `aggregate_mix` and ReLU, on a CPU and without gradients: all of it in cache.

    Args:
        matrix: `(V * S, V)`, rows joint-major.
        x: `(n, V, C)`.
        weight: `(O, S * C)`.
        bias: `(O,)`.

    Returns:
        `(n, V, O)`.
    """

    def compute(parts: _Parts) -> None:
        for nodes, result in parts:
            h = sum_nodes(matrix, nodes).reshape(-1, weight.shape[1])
            torch.addmm(bias, h, weight.t(), out=result.flatten(0, 1)).relu_()

    out = x.new_empty(*x.shape[:2], len(weight))
    in_threads(compute, _parts(matrix, x.contiguous(), out))
    return out
