"""Multi-scale temporal convolution in inference: every branch is added to the residual where it lies."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING

import torch
from einops import rearrange
from torch import Tensor, nn

from dualhead.layers.cpu.dilated import add_dilated, dilated_constant
from dualhead.layers.cpu.products import linear
from dualhead.layers.threads import in_threads, split_frames

if TYPE_CHECKING:
    from dualhead.layers.temporal_convolution import MultiScaleTemporalConvolution


def temporal_convolution(layer: MultiScaleTemporalConvolution, x: Tensor) -> Tensor:
    """Compute the layer in evaluation mode and without gradients, the frames of few bodies side by side.

    Args:
        layer: The layer.
        x: `(B, C, T, V)`, channels-last in memory.

    Returns:
        `(B, O, ceil(T / stride), V)`, channels-last in memory.
    """
    prepared = layer.prepared()

    def compute(parts: Sequence[tuple[Tensor, slice]]) -> list[Tensor]:
        return [_some_frames(layer, body, span, prepared) for body, span in parts]

    spans = split_frames(len(x), -(-x.shape[2] // layer.stride))
    if len(spans) == 1:
        return _some_frames(layer, x, spans[0], prepared)
    bodies = torch.split(x, 1)
    some = chain.from_iterable(in_threads(compute, [(body, span) for body in bodies for span in spans]))
    rows = torch.cat([rearrange(part, "1 o t v -> t v o") for part in some])
    return rearrange(rows, "(b t) v o -> b o t v", b=len(bodies))


def _some_frames(layer: MultiScaleTemporalConvolution, x: Tensor, span: slice, prepared: tuple[Tensor, ...]) -> Tensor:
    """Compute some of the outputs, from the frames that they reach."""
    taps = prepared[2]
    reach = max(1, taps.shape[1] // 2 * max(layer.dilations))  # of the pooling branch 1
    first = max(0, span.start - -(-reach // layer.stride))  # the first output to compute
    last = (span.stop - 1) * layer.stride + reach
    y = _added_up(layer, x[:, :, first * layer.stride : last + 1], prepared)
    y = y[:, :, span.start - first : span.stop - first]
    return y.relu_() if layer.activation else y


def _added_up(layer: MultiScaleTemporalConvolution, x: Tensor, prepared: tuple[Tensor, ...]) -> Tensor:
    """Compute all up to the last ReLU.

    ReLU(h + bias) = max(h, -bias) + bias, and what the last sum becomes is a constant of every frame: no pass over
    the activations adds a bias alone.
    """
    weight, entry_bias, taps, bias, scale = prepared
    x = x.movedim(1, -1).contiguous()  # (B, T, V, C)
    x_strided = x[:, :: layer.stride].contiguous()
    split = len(entry_bias) - layer.width
    dilated, pooled, plain = slice(split), slice(split, split + layer.width), slice(split + layer.width, None)
    constant = bias.repeat(x_strided.shape[1], 1)  # (T', O)
    constant[:, dilated] += dilated_constant(
        entry_bias[dilated], taps, x.shape[1], x_strided.shape[1], layer.dilations, layer.stride
    )
    constant[:, pooled] += entry_bias[pooled] * scale
    if layer.residual is None:
        y = constant[:, None].expand(*x_strided.shape[:-1], -1).contiguous()
    elif isinstance(layer.residual, nn.Identity):
        y = x_strided + constant[:, None]
    else:
        residual, shift = layer.residual.prepared()  # type: ignore[operator]
        y = linear(x_strided, residual).add_((constant + shift)[:, None])
    if layer.stride == 1:
        h = linear(x, weight)
        y[..., plain].add_(h[..., plain])
    else:
        h = linear(x, weight[: len(entry_bias)])
        y[..., plain].add_(linear(x_strided, weight[len(entry_bias) :]))
    entries = h[..., : len(entry_bias)]
    torch.maximum(entries, -entry_bias, out=entries)
    y[..., pooled].addcmul_(max_of_three(h[..., pooled], layer.stride), scale)
    add_dilated(y, h[..., dilated], taps, layer.dilations, layer.stride)
    return y.movedim(-1, 1)


def max_of_three(x: Tensor, stride: int) -> Tensor:
    """Compute the maximum of every `stride`-th frame and its neighbours, of `(B, T, V, C)`."""
    frames = x.shape[1]
    y = x[:, ::stride].clone()
    before, behind = x[:, stride - 1 : frames - 1 : stride], x[:, 1::stride]
    later, earlier = y[:, 1:], y[:, : behind.shape[1]]
    torch.maximum(later, before[:, : later.shape[1]], out=later)
    torch.maximum(earlier, behind, out=earlier)
    return y
