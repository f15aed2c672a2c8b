"""Matrix products in float32 by oneDNN, where its kernels are the faster ones.

PyTorch gives them to MKL, which on processors of other makers than Intel leaves half of the vector units idle: products
of these networks' shapes take 0.5 of the time with oneDNN on an AMD EPYC with AVX-512. On Intel's own MKL stays: with
oneDNN a training step takes 1.05 (stgcnpp) to 1.24 times (dualhead) as long on a Xeon with AVX-512.
"""

from __future__ import annotations

import platform
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from dualhead.layers.threads import in_threads, is_alone, summed


@lru_cache(maxsize=1)
def _prefers_mkl() -> bool:
    """Return whether MKL is there and the processor is one of Intel's, which it is written for."""
    info = Path("/proc/cpuinfo")
    maker = info.read_text(encoding="utf-8", errors="replace") if info.is_file() else platform.processor()
    return torch.backends.mkl.is_available() and "GenuineIntel" in maker  # type: ignore[no-untyped-call]


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
    if x.dtype != torch.float32 or not torch.backends.mkldnn.enabled:
        return False
    return _has_linear() and not _prefers_mkl()


_FEW = 2**20
"""Multiplications below which to call oneDNN takes longer than the product: 11 us for 200 rows of 12 to 12 channels."""


def _pays(x: Tensor, outputs: int) -> bool:
    """Return whether a product of `x` with so many outputs goes to oneDNN."""
    return by_onednn(x) and x.numel() * outputs >= _FEW


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
    if _pays(x, len(weight)):
        y: Tensor = torch.ops.mkldnn._linear_pointwise(_dense(x), _dense(weight), bias, activation, [], "")
        return y
    y = F.linear(x, weight, bias)
    return y.relu_() if activation == "relu" else y


def _dense(x: Tensor) -> Tensor:
    """Return `x` itself where oneDNN has fast kernels for it: contiguous, or a matrix whose transpose is."""
    return x if x.ndim == 2 and x.t().is_contiguous() else x.contiguous()


def add_outer(total: Tensor, left: Tensor, right: Tensor) -> None:
    """Add left transposed times right, which is the gradient of a weight, without gradients.

    Args:
        total: `(O, C)`.
        left: `(n, O)`.
        right: `(n, C)`.
    """
    if _pays(left, right.shape[1]) and left.is_contiguous() and right.is_contiguous():
        total.add_(linear(left.t(), right.t()))
    else:
        total.addmm_(left.t(), right)


_ROWS = 2048


def _parts(*tensors: Tensor) -> list[tuple[Tensor, ...]]:
    """Split rows `(n, ...)` into some at a time."""
    return list(zip(*(torch.split(tensor, _ROWS) for tensor in tensors), strict=True))


class _Linear(torch.autograd.Function):
    """`linear` of rows `(n, C)`, whose result is not a view, so that it may be overwritten."""

    @staticmethod
    def forward(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        def compute(parts: Sequence[tuple[Tensor, ...]]) -> None:
            for rows, result in parts:
                result.copy_(linear(rows, weight, bias))

        if not is_alone():
            return linear(x, weight, bias)
        y = x.new_empty(len(x), len(weight))
        in_threads(compute, _parts(x, y))
        return y

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor | None], output: Tensor) -> None:
        x, weight, bias = inputs
        ctx.has_bias = bias is not None
        ctx.save_for_backward(x, weight)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        back = weight.t()

        def compute(parts: Sequence[tuple[Tensor, ...]]) -> tuple[Tensor, ...]:
            grad_weight, grad_bias = torch.zeros_like(weight), weight.new_zeros(len(weight))
            for rows, outer, inner in parts:
                if ctx.needs_input_grad[0]:
                    inner.copy_(linear(outer, back))
                if ctx.needs_input_grad[1]:
                    add_outer(grad_weight, outer, rows)
                if ctx.has_bias:
                    grad_bias.add_(outer.sum(dim=0))
            return grad_weight, grad_bias

        grad_x = torch.empty_like(x) if ctx.needs_input_grad[0] else x
        parts = _parts(x, grad, grad_x)
        grad_weight, grad_bias = summed(in_threads(compute, parts)) if is_alone() else compute(parts)
        wanted = (grad_x, grad_weight, grad_bias if ctx.has_bias else None)
        return tuple(each if needs else None for each, needs in zip(wanted, ctx.needs_input_grad, strict=True))


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
