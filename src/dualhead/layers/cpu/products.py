"""Matrix products in float32 by oneDNN, which has kernels for every processor.

PyTorch gives them to MKL, which on processors of other makers than Intel leaves half of the vector units idle: products
of these networks' shapes take 0.5 of the time with oneDNN on an AMD EPYC with AVX-512, and the same time elsewhere.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable


@lru_cache(maxsize=1)
def _has_linear() -> bool:
    """Return whether this build of PyTorch offers oneDNN's product, as its compiler uses it."""
    available = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    if not (available and hasattr(torch.ops.mkldnn, "_linear_pointwise")):
        return False
    try:
        ones = torch.ones(2, 2)
        return bool((torch.ops.mkldnn._linear_pointwise(ones, ones, None, "none", [], "") == 2).all())
    except RuntimeError:
        return False


def by_onednn(x: Tensor) -> bool:
    """Return whether products of `x` go to oneDNN here: other types than float32 do so on their own, or cannot."""
    return x.dtype == torch.float32 and bool(torch.backends.mkldnn.enabled) and _has_linear()


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None, activation: str = "none") -> Tensor:
    """Compute x times the transposed weight, without gradients.

    Args:
        x: `(..., C)`.
        weight: `(O, C)`.
        bias: `(O,)`.
        activation: "none" or "relu".

    Returns:
        `(..., O)`, contiguous.
    """
    if by_onednn(x):
        weight = weight.contiguous()
        y: Tensor = torch.ops.mkldnn._linear_pointwise(x.contiguous(), weight, bias, activation, [], "")
        return y
    y = F.linear(x, weight, bias)
    return y.relu_() if activation == "relu" else y


class _Linear(torch.autograd.Function):
    """`linear` of rows `(n, C)`, whose result is no view, so that it may be overwritten."""

    @staticmethod
    def forward(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return linear(x, weight, bias)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor | None], output: Tensor) -> None:
        x, weight, bias = inputs
        ctx.has_bias = bias is not None
        ctx.save_for_backward(x, weight)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        x, weight = ctx.saved_tensors
        grad_x = linear(grad, weight.t()) if ctx.needs_input_grad[0] else None
        grad_weight = grad.t() @ x if ctx.needs_input_grad[1] else None
        return grad_x, grad_weight, grad.sum(dim=0) if ctx.has_bias and ctx.needs_input_grad[2] else None


def differentiable_linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Compute `linear` with gradients.

    Args:
        x: `(..., C)`.
        weight: `(O, C)`.
        bias: `(O,)`.

    Returns:
        `(..., O)`.
    """
    rows: Tensor = _Linear.apply(x.reshape(-1, x.shape[-1]), weight, bias)  # type: ignore[no-untyped-call]
    return rows.view(*x.shape[:-1], -1)
