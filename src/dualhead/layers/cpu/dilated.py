"""Dilated convolutions over time, side by side on slices of the channels, tap by tap."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import torch
from einops import rearrange
from torch import Tensor
from torch.autograd.function import once_differentiable

from dualhead.layers.cpu.products import by_onednn
from dualhead.layers.threads import in_threads, is_alone, summed

_FEWEST_NODES = 2048
"""Joints times frames of a body from which products tap by tap cost less than a convolution for each branch."""

_WIDE = 32
"""Channels of a branch from which a convolution costs less than products tap by tap."""

_Tap = tuple[slice, slice, slice, int, int]


def _taps(frames: int, outputs: int, width: int, kernel: int, dilations: Sequence[int], stride: int) -> Iterator[_Tap]:
    """Return what each tap of each branch reads and writes: frames to, frames from, channels, branch, tap."""
    for branch, dilation in enumerate(dilations):
        channels = slice(branch * width, (branch + 1) * width)
        for tap in range(kernel):
            shift = (tap - kernel // 2) * dilation
            first = max(0, -(shift // stride))  # the first output whose frame is not before the clip
            last = min(outputs - 1, (frames - 1 - shift) // stride)
            if first <= last:
                reads = slice(first * stride + shift, last * stride + shift + 1, stride)
                yield slice(first, last + 1), reads, channels, branch, tap


def _rows(x: Tensor, frames: slice, channels: slice) -> Tensor:
    """Cut `(n * V, c)` from one body `(T, V, C)`: a view, or a copy if frames are left out."""
    if frames.step in (None, 1):
        joints = x.shape[1]
        return x.flatten(0, 1)[frames.start * joints : frames.stop * joints, channels]
    return x[frames, :, channels].flatten(0, 1)


def add_dilated(y: Tensor, h: Tensor, weight: Tensor, dilations: Sequence[int], stride: int) -> None:
    """Add the convolutions of `h` to the first channels of `y`, in place and without gradients.

    A branch has too few channels for a convolution to be fast, and cutting `h` into contiguous slices and joining the
    results costs more than the arithmetic. A tap is a matrix product that reads and writes rows where they lie.

    Args:
        y: `(B, ceil(T / stride), V, O)`, contiguous, O at least D * c.
        h: `(B, T, V, P)`: a slice of c channels for each of the D dilations.
        weight: `(D, kernel, c, c)`: of every branch and tap, inputs before outputs; kernel odd.
        dilations: Frames between two taps, for each branch.
        stride: Frames between two outputs.
    """
    if weight.shape[3] >= _WIDE and by_onednn(h):
        _add_convolutions(y, h, weight, dilations, stride)
        return
    taps = list(_taps(h.shape[1], y.shape[1], weight.shape[3], weight.shape[1], dilations, stride))

    def compute(bodies: Sequence[tuple[Tensor, ...]]) -> None:
        for out, body in bodies:
            for writes, reads, channels, branch, tap in taps:
                _rows(out, writes, channels).addmm_(_rows(body, reads, channels), weight[branch, tap])

    in_threads(compute, list(zip(y, h, strict=True)))


def _add_convolutions(y: Tensor, h: Tensor, weight: Tensor, dilations: Sequence[int], stride: int) -> None:
    """Compute `add_dilated` with a convolution for each branch."""
    width, kernel = weight.shape[3], weight.shape[1]
    image, kernels = rearrange(h, "b t v c -> b c t v"), rearrange(weight, "d k i o -> d o i k 1")
    for branch, dilation in enumerate(dilations):
        channels, margin = slice(branch * width, (branch + 1) * width), kernel // 2 * dilation
        part = torch.ops.aten.mkldnn_convolution(
            image[:, channels], kernels[branch], None, [margin, 0], [stride, 1], [dilation, 1], 1
        )
        y[..., channels].add_(rearrange(part, "b c t v -> b t v c"))


@lru_cache(maxsize=256)
def _reached(frames: int, outputs: int, kernel: int, dilations: tuple[int, ...], stride: int) -> Tensor:
    """Return which taps of each branch read an existing frame, for every output: `(D, T', kernel)` of 1 and 0."""
    reached = torch.zeros(len(dilations), outputs, kernel)
    for writes, _, _, branch, tap in _taps(frames, outputs, 1, kernel, dilations, stride):
        reached[branch, writes, tap] = 1
    return reached


def dilated_constant(
    constant: Tensor, weight: Tensor, frames: int, outputs: int, dilations: Sequence[int], stride: int
) -> Tensor:
    """Convolve what is the same in every frame and joint as `add_dilated` does; zeros stand outside the clip.

    Args:
        constant: `(D * c,)`.
        weight: `(D, kernel, c, c)`: of every branch and tap, inputs before outputs.
        frames: T.
        outputs: T' = ceil(T / stride).
        dilations: Frames between two taps, for each branch.
        stride: Frames between two outputs.

    Returns:
        `(T', D * c)`.
    """
    parts = torch.matmul(rearrange(constant, "(d c) -> d 1 1 c", d=len(weight)), weight).squeeze(2)  # (D, kernel, c)
    reached = _reached(frames, outputs, weight.shape[1], tuple(dilations), stride)
    return rearrange(torch.bmm(reached.to(parts), parts), "d t c -> t (d c)")


class _AddTaps(torch.autograd.Function):
    """`add_dilated` with gradients."""

    @staticmethod
    def forward(y: Tensor, h: Tensor, weight: Tensor, dilations: Sequence[int], stride: int) -> Tensor:
        add_dilated(y, h, weight, dilations, stride)
        return y

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor, Sequence[int], int], output: Tensor) -> None:
        y, h, weight, ctx.dilations, ctx.stride = inputs
        ctx.mark_dirty(y)
        ctx.save_for_backward(h, weight)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        h, weight = ctx.saved_tensors
        grad = grad.contiguous()
        taps = list(_taps(h.shape[1], grad.shape[1], weight.shape[3], weight.shape[1], ctx.dilations, ctx.stride))

        def compute(bodies: Sequence[tuple[Tensor, ...]]) -> tuple[Tensor]:
            grad_weight = torch.zeros_like(weight)
            for outer, body, inner in bodies:
                for writes, reads, channels, branch, tap in taps:
                    rows, back = _rows(outer, writes, channels), weight[branch, tap].t()
                    grad_weight[branch, tap].addmm_(_rows(body, reads, channels).t(), rows)
                    if ctx.stride == 1:
                        _rows(inner, reads, channels).addmm_(rows, back)
                    else:
                        inner[reads, :, channels].add_((rows @ back).unflatten(0, (-1, h.shape[2])))
            return (grad_weight,)

        grad_h = torch.zeros_like(h)
        (grad_weight,) = summed(in_threads(compute, list(zip(grad, h, grad_h, strict=True))))
        return grad, grad_h, grad_weight, None, None


def pays(h: Tensor) -> bool:
    """Return whether `(B, D * c, T, V)` is convolved faster tap by tap than a branch at a time."""
    # bodies are shared out among threads, and the convolution of a branch is not
    fewest = _FEWEST_NODES // 8 if is_alone() else _FEWEST_NODES
    return h.shape[2] * h.shape[3] >= fewest and h.dtype in (torch.float32, torch.float64)


def convolve_dilated(
    h: Tensor, weight: Tensor, bias: Tensor | None, dilations: Sequence[int], stride: int, others: Sequence[Tensor]
) -> Tensor:
    """Compute `dualhead.layers.dilated.convolve_dilated`, adding to the joined branches where they lie.

    Args:
        h: `(B, D * c, T, V)`, channels-last in memory.
        weight: `(D, kernel, c, c)`: of every branch and tap, inputs before outputs; kernel odd.
        bias: `(D * c,)`; None: 0.
        dilations: Frames between two taps, for each branch.
        stride: Frames between two outputs.
        others: `(B, any, ceil(T / stride), V)`, channels-last in memory.

    Returns:
        `(B, D * c + the others' channels, ceil(T / stride), V)`, channels-last in memory.
    """
    rows = [other.movedim(1, -1) for other in others]  # (B, T', V, any)
    start = h.new_zeros(h.shape[1]) if bias is None else bias
    y = torch.cat([start.expand(*rows[0].shape[:3], -1), *rows], dim=-1)
    y = _AddTaps.apply(y, h.movedim(1, -1), weight, tuple(dilations), stride)  # type: ignore[no-untyped-call]
    return y.movedim(-1, 1)  # type: ignore[no-any-return]
