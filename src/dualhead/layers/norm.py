"""Batch norm of consecutive slices of channels as one, with the running statistics of each norm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dualhead.layers.counted_norm import counted, counted_batch_norm, is_recomputing, num_written_out
from dualhead.layers.prepared import is_eager
from dualhead.layers.threads import is_alone


class _WithZeroGradient(torch.autograd.Function):
    @staticmethod
    def forward(tensor: Tensor, other: Tensor) -> Tensor:
        return tensor.view_as(tensor)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.shape, ctx.dtype = inputs[1].shape, inputs[1].dtype

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:
        return grad, grad.new_zeros(ctx.shape, dtype=ctx.dtype)


def with_zero_gradient(tensor: Tensor, other: Tensor) -> Tensor:
    """Return `tensor` so that `other`, which has no say in the result, gets a gradient of 0 instead of none.

    Args:
        tensor: Any.
        other: A tensor that takes part, such as a bias that a norm removes again.
    """
    if not torch.is_grad_enabled():
        return tensor
    result: Tensor = _WithZeroGradient.apply(tensor, other)  # type: ignore[no-untyped-call]
    return result


def _as_rows(x: Tensor) -> Tensor:
    """Return `(B, C, T, V)` as rows `(B * T * V, C)` on a GPU, where they need neither a copy nor cuDNN.

    Returns:
        The rows, or `x` on a CPU or where it is not channels-last in memory.
    """
    by_frame = x.movedim(1, -1)
    return by_frame.flatten(0, 2) if x.device.type != "cpu" and by_frame.is_contiguous() else x


def _as_activation(rows: Tensor, x: Tensor) -> Tensor:
    """Return the result of `_as_rows(x)` as `(B, C, T, V)`."""
    return rows if rows.ndim == x.ndim else rows.view(x.movedim(1, -1).shape).movedim(-1, 1)


def normalise(x: Tensor, norms: Sequence[nn.BatchNorm2d]) -> Tensor:
    """Normalise consecutive slices of channels with those norms that are in training mode.

    The others are folded into the convolutions that gave `x` (`dualhead.layers.fused.fold`).

    Args:
        x: `(B, C, T, V)` with C the sum of the norms' channels.
        norms: Batch norms.

    Returns:
        `(B, C, T, V)`, `x` itself where no norm is in training mode.
    """
    training = [norm.training for norm in norms]
    if not any(training):
        return x
    if all(training):
        return batch_norm(x, norms)
    slices = torch.split(x, [norm.num_features for norm in norms], dim=1)
    return torch.cat([normalise(part, [norm]) for part, norm in zip(slices, norms, strict=True)], dim=1)


def batch_norm(x: Tensor, norms: Sequence[nn.BatchNorm2d], shift: Tensor | None = None) -> Tensor:
    """Normalise consecutive slices of channels with a batch norm each, as one.

    In training the running statistics and step counters of every norm are updated as if it had run on its own slice,
    and rows named by `counting` count as often as it says.

    Args:
        x: `(B, C, T, V)` with C the sum of the norms' channels.
        norms: Batch norms, all in training or all in evaluation mode.
        shift: In training, a bias `(C,)` that `x` is without: the norm would take it away again, so that only the
            running means know it, and its gradient is 0.

    Returns:
        `(B, C, T, V)`.
    """
    first = norms[0]
    if not all(_alike(first, norm) for norm in norms[1:]):
        sizes = [norm.num_features for norm in norms]
        shifts = [None] * len(norms) if shift is None else torch.split(shift, sizes)
        parts = zip(torch.split(x, sizes, dim=1), norms, shifts, strict=True)
        return torch.cat([batch_norm(part, [norm], offset) for part, norm, offset in parts], dim=1)
    weight = _joined([norm.weight for norm in norms])
    bias = _joined([norm.bias for norm in norms])
    means, variances = _running(norms)
    rows = _as_rows(x)
    if not first.training:
        y = F.batch_norm(rows, _joined(means), _joined(variances), weight, bias, False, 0.0, first.eps)
        return _as_activation(y, x)
    if shift is not None:
        bias = with_zero_gradient(bias, shift)
    repeats = counted()
    if repeats or (is_eager(x) and is_alone()):
        span = len(rows) // len(x)
        y, mean, variance = counted_batch_norm(rows, weight, bias, repeats, span, first.eps)
        count = num_written_out(x, repeats) * x.shape[2] * x.shape[3]
        update_running_statistics(norms, mean, variance, count, shift)
        return _as_activation(y, x)
    momentum = _momentum(first)
    new_mean, new_variance = torch.cat(means), torch.cat(variances)  # copies, which the next line updates
    y = F.batch_norm(rows, new_mean, new_variance, weight, bias, True, momentum, first.eps)
    _replace(norms, new_mean if shift is None else new_mean + momentum * shift.detach(), new_variance)
    return _as_activation(y, x)


def update_running_statistics(
    norms: Sequence[nn.BatchNorm2d], mean: Tensor, variance: Tensor, count: int, shift: Tensor | None
) -> None:
    """Update the running statistics and step counters of norms after a step of training.

    Args:
        norms: Batch norms of consecutive slices of C channels, of equal momentum.
        mean: Of the batch `(C,)`.
        variance: Of the batch, biased `(C,)`.
        count: Number of values of each channel.
        shift: The tensor to add to the mean `(C,)`, or None.
    """
    means, variances = _running(norms)
    if shift is not None:
        mean = mean + shift.detach()
    old_mean, old_variance = _joined(means).to(mean.dtype), _joined(variances).to(variance.dtype)
    new_variance = torch.lerp(old_variance, variance * (count / (count - 1)), _momentum(norms[0]))
    _replace(norms, torch.lerp(old_mean, mean, _momentum(norms[0])), new_variance)


def _replace(norms: Sequence[nn.BatchNorm2d], mean: Tensor, variance: Tensor) -> None:
    if is_recomputing():
        return
    sizes = [norm.num_features for norm in norms]
    means, variances = _running(norms)
    with torch.no_grad():
        torch._foreach_copy_([*means, *variances], [*torch.split(mean, sizes), *torch.split(variance, sizes)])
        steps = [norm.num_batches_tracked for norm in norms if norm.num_batches_tracked is not None]
        if steps:
            torch._foreach_add_(steps, 1)


def _running(norms: Sequence[nn.BatchNorm2d]) -> tuple[list[Tensor], list[Tensor]]:
    means = [norm.running_mean for norm in norms if norm.running_mean is not None]
    return means, [norm.running_var for norm in norms if norm.running_var is not None]


def _alike(one: nn.BatchNorm2d, other: nn.BatchNorm2d) -> bool:
    """Check whether two norms can be computed as one; those that average over all steps may be at different steps."""
    return one.eps == other.eps and one.momentum == other.momentum is not None


def _momentum(norm: nn.BatchNorm2d) -> float:
    """Return the share of the running statistics that the next step replaces."""
    if norm.momentum is not None:
        return norm.momentum
    return 1 / (1 + float(norm.num_batches_tracked or 0))  # as in PyTorch: the average over all steps


def _joined(tensors: Sequence[Tensor]) -> Tensor:
    return tensors[0] if len(tensors) == 1 else torch.cat(list(tensors))


class BatchNorm(nn.BatchNorm2d):
    """Batch norm over `(B, C, T, V)` that counts rows as `counting` says; otherwise `torch.nn.BatchNorm2d`."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise `(B, C, T, V)`."""
        return batch_norm(x, [self])
