"""Sums over joints with one matrix for all frames: the product at the heart of every graph convolution."""

from __future__ import annotations

import torch
from torch import Tensor


class _Aggregate(torch.autograd.Function):
    """`matrix @ nodes` for each of n frames, with a gradient that makes no copy of either operand.

    Autograd's own gradient of a broadcast product writes n matrices and sums them, or transposes all frames in memory.
    """

    @staticmethod
    def forward(matrix: Tensor, nodes: Tensor) -> Tensor:
        return torch.bmm(matrix.expand(len(nodes), -1, -1), nodes)

    @staticmethod
    def setup_context(ctx: torch.autograd.function.FunctionCtx, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, grad: Tensor) -> tuple[Tensor | None, Tensor | None]:
        matrix, nodes = ctx.saved_tensors  # type: ignore[attr-defined]
        need_matrix, need_nodes = ctx.needs_input_grad  # type: ignore[attr-defined]
        grad_matrix = grad_nodes = None
        if need_matrix:
            if grad.is_cuda:
                grad_matrix = torch.einsum("nuc,nvc->uv", grad, nodes)
            else:
                grad_matrix = torch.addbmm(torch.zeros_like(matrix), grad, nodes.transpose(1, 2))
        if need_nodes:
            grad_nodes = torch.bmm(matrix.t().expand(len(grad), -1, -1), grad)
        return grad_matrix, grad_nodes


def aggregate(matrix: Tensor, nodes: Tensor) -> Tensor:
    """Sum over nodes with the same matrix in every frame: out[n, u] = sum over v of matrix[u, v] * nodes[n, v].

    Args:
        matrix: `(U, V)`.
        nodes: `(n, V, C)`.

    Returns:
        `(n, U, C)`.
    """
    if torch.is_autocast_enabled(nodes.device.type):
        half = torch.get_autocast_dtype(nodes.device.type)
        matrix, nodes = matrix.to(half), nodes.to(half)
    if torch.is_grad_enabled() and (matrix.requires_grad or nodes.requires_grad):
        return _Aggregate.apply(matrix, nodes)  # type: ignore[no-any-return, no-untyped-call]
    return torch.bmm(matrix.expand(len(nodes), -1, -1), nodes)
