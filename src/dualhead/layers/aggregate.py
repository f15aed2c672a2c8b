"""Sums over joints with one matrix for all frames or windows: the product at the heart of every graph convolution.

It comes with a gradient of its own. Autograd's gradient of a broadcast product writes one matrix per frame and sums
them, or transposes all frames in memory. Touching new memory is what these models spend their time on, so neither
happens here.
"""

from __future__ import annotations

from typing import Any

import torch
from einops import rearrange
from torch import Tensor
from torch.autograd.function import once_differentiable

from dualhead.layers.cpu.cache import outer_sum
from dualhead.layers.prepared import is_autocast, is_eager

_NARROW = 8


def expanded(matrix: Tensor, count: int) -> Tensor:
    """Expand `(U, V)` to `(count, U, V)`: the same matrix for every frame."""
    return matrix.expand(count, -1, -1)


def sum_nodes(matrix: Tensor, nodes: Tensor) -> Tensor:
    """Compute `aggregate` as autograd and autocast see it.

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
    return torch.bmm(expanded(matrix, nodes.shape[0]), nodes)


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
            if is_eager(grad):
                grad_matrix = torch.zeros_like(matrix)
                outer_sum(grad, nodes, grad_matrix)
            else:
                grad_matrix = rearrange(grad, "n u c -> u (n c)") @ rearrange(nodes, "n v c -> (n c) v")
        if ctx.needs_input_grad[1]:
            grad_nodes = sum_nodes(matrix.t(), grad)
        return grad_matrix, grad_nodes


def cast_for_autocast(*tensors: Tensor) -> tuple[Tensor, ...]:
    """Convert all but float64 to the type of autocast, as autocast does for the products that it knows.

    Args:
        tensors: Operands of products.
    """
    if not is_autocast(tensors[0]):
        return tensors
    dtype = torch.get_autocast_dtype(tensors[0].device.type)
    return tuple(tensor if tensor.dtype == torch.float64 else tensor.to(dtype) for tensor in tensors)


def aggregate(matrix: Tensor, nodes: Tensor) -> Tensor:
    """Sum over nodes with the same matrix in every frame: out[n, u] = sum over v of matrix[u, v] * nodes[n, v].

    Args:
        matrix: `(U, V)`.
        nodes: `(n, V, C)`.

    Returns:
        `(n, U, C)`.
    """
    matrix, nodes = cast_for_autocast(matrix, nodes)
    if torch.is_grad_enabled() and (matrix.requires_grad or nodes.requires_grad):
        return _Aggregate.apply(matrix, nodes)  # type: ignore[no-any-return, no-untyped-call]
    return sum_nodes(matrix, nodes)
