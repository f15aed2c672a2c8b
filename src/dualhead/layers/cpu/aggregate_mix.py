"""Aggregation over the joints at many scales and the mixing of all scales, some frames at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from dualhead.layers.aggregate import sum_nodes
from dualhead.layers.cpu.cache import frames_in_cache, outer_sum
from dualhead.layers.cpu.products import add_outer, linear
from dualhead.layers.threads import in_threads, summed

_Parts = Sequence[tuple[Tensor, ...]]


def _parts(matrix: Tensor, *frames: Tensor) -> _Parts:
    """Split tensors `(n, V, C)`, `(n, V, O)`, ... into some frames at a time."""
    some = frames_in_cache(len(matrix) * frames[0].shape[2])
    return list(zip(*(torch.split(tensor, some) for tensor in frames), strict=True))


class _AggregateMix(torch.autograd.Function):
    @staticmethod
    def forward(matrix: Tensor, x: Tensor, weight: Tensor) -> Tensor:
        def compute(parts: _Parts) -> None:
            for nodes, result in parts:
                h = sum_nodes(matrix, nodes).reshape(-1, weight.shape[1])  # (n * V, S * C)
                result.flatten(0, 1).copy_(linear(h, weight))

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
                add_outer(grad_weight, outer, h)
                grad_h = linear(outer, weight.t()).view(len(nodes), len(matrix), -1)  # (n, V * S, C)
                outer_sum(grad_h, nodes, grad_matrix)
                inner.copy_(sum_nodes(matrix.t(), grad_h))
            return grad_matrix, grad_weight

        grad_x = torch.empty_like(x)
        grad_matrix, grad_weight = summed(in_threads(compute, _parts(matrix, x, grad.contiguous(), grad_x)))
        return grad_matrix, grad_x, grad_weight


def aggregate_mix(matrix: Tensor, x: Tensor, weight: Tensor) -> Tensor:
    """Compute `dualhead.layers.aggregate_mix.aggregate_mix`, whose gradient aggregates again.

    Args:
        matrix: `(V * S, V)`, rows joint-major.
        x: `(n, V, C)`, contiguous.
        weight: `(O, S * C)`.

    Returns:
        `(n, V, O)`.
    """
    out: Tensor = _AggregateMix.apply(matrix, x, weight)  # type: ignore[no-untyped-call]
    return out


def aggregate_mix_relu(matrix: Tensor, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Compute `dualhead.layers.aggregate_mix.aggregate_mix` and a ReLU, without gradients.

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
            result.flatten(0, 1).copy_(linear(h, weight, bias, "relu"))

    out = x.new_empty(*x.shape[:2], len(weight))
    in_threads(compute, _parts(matrix, x.contiguous(), out))
    return out
