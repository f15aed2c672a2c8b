"""Aggregation over the joints at many scales and the mixing of all scales, as one: what lies between is never kept.

Between the two products a frame has S times as many numbers as before: the largest tensor of a network. Its gradient
computes it again.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor
from torch.autograd.function import once_differentiable

from dualhead.layers.aggregate import cast_for_autocast, sum_nodes
from dualhead.layers.cpu import aggregate_mix as cpu
from dualhead.layers.prepared import is_eager


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
    matrix, x, weight = cast_for_autocast(matrix, x, weight)
    if torch.is_grad_enabled() and matrix.requires_grad:
        function = cpu.aggregate_mix if is_eager(x) else _AggregateMix.apply
        out: Tensor = function(matrix, x.contiguous(), weight)
        return out if bias is None else out + bias
    h = rearrange(sum_nodes(matrix, x), "n (v s) c -> n v (s c)", v=x.shape[1])
    return F.linear(h, weight, bias)
