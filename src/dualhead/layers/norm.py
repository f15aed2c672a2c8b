"""Batch norm over rows of which some represent several bodies.

A body that is absent is the same all-zero input in every clip of a batch, so one row can represent all of them, if
batch statistics and gradients count it as often as it occurs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from itertools import chain
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from dualhead.layers.prepared import is_eager
from dualhead.layers.threads import in_threads, is_alone, summed

Repeats = tuple[tuple[int, int], ...]
"""Rows that represent several, each with the number of rows that it represents (2 or more)."""

_REPEATS: ContextVar[Repeats] = ContextVar("repeats", default=())
_AGAIN: ContextVar[bool] = ContextVar("again", default=False)


class RecomputeForward(AbstractContextManager[None]):
    """Context in which batch norms compute once more, for a gradient, and leave their running statistics.

    It can be entered once for each gradient that is taken.

    Args:
        repeats: The first result of `counting`.
    """

    def __init__(self, repeats: Repeats):
        self._repeats = repeats

    def __enter__(self) -> None:
        self._tokens = _AGAIN.set(True), _REPEATS.set(self._repeats)

    def __exit__(self, *_: object) -> None:
        _AGAIN.reset(self._tokens[0])
        _REPEATS.reset(self._tokens[1])


def counted() -> Repeats:
    """Return the rows that `counting` repeats, with their counts; () under a compiler, which computes every row."""
    return () if torch.compiler.is_compiling() else _REPEATS.get()


@contextmanager
def counting(repeats: Repeats) -> Iterator[None]:
    """Count some rows several times in the training statistics of the batch norms inside.

    Args:
        repeats: Those rows, each with its count.
    """
    token = _REPEATS.set(repeats)
    try:
        yield
    finally:
        _REPEATS.reset(token)


_Bodies = Sequence[tuple[Tensor, ...]]


def _some(*tensors: Tensor) -> _Bodies:
    """Split tensors `(B, ...)` into a body at a time."""
    return list(zip(*(torch.split(tensor, 1) for tensor in tensors), strict=True))


def _at_once(function: Callable[[_Bodies], None], parts: _Bodies) -> None:
    function(parts)


class _CountedNorm(torch.autograd.Function):
    """Batch norm in training mode; also gives the batch's mean and biased variance, which take no gradient.

    A body is `span` consecutive entries of x: 1 of `(B, C, T, V)`, T * V of the rows `(B * T * V, C)`.
    """

    @staticmethod
    def forward(
        x: Tensor, weight: Tensor, bias: Tensor, repeats: Repeats, span: int, eps: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        # bodies once each, then every repeated body as often as it is still missing
        if is_alone():
            groups = list(
                chain(*in_threads(lambda parts: [(len(some), *statistics(some)) for (some,) in parts], _some(x)))
            )
        else:
            groups = [(len(x) // span, *statistics(x))]
        groups += [(times - 1, *statistics(x[row * span : (row + 1) * span])) for row, times in repeats]
        mean, variance = joined_statistics(groups)
        weight, bias = weight.to(mean.dtype), bias.to(mean.dtype)
        if not is_alone():
            return F.batch_norm(x, mean, variance, weight, bias, training=False, eps=eps), mean, variance

        def normalise_some(parts: _Bodies) -> None:
            for some, result in parts:
                result.copy_(F.batch_norm(some, mean, variance, weight, bias, training=False, eps=eps))

        y = torch.empty_like(x)
        in_threads(normalise_some, _some(x, y))
        return y, mean, variance

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor, Repeats, int, float], output: Any) -> None:
        x, weight, _, ctx.repeats, ctx.span, ctx.eps = inputs
        _, mean, variance = output
        ctx.save_for_backward(x, weight, mean, variance)
        ctx.mark_non_differentiable(mean, variance)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor, *_: Any) -> tuple[Tensor | None, Tensor, Tensor, None, None, None]:
        x, weight, mean, variance = ctx.saved_tensors
        weight = weight.to(mean.dtype)
        # As if the statistics were constants; the gradient of a row is the sum over the bodies it represents.
        # A CPU takes the variance, a GPU the inverse deviation, and refuses to go without.
        deviation = (variance + ctx.eps).rsqrt()

        def sum_up(parts: _Bodies) -> tuple[Tensor, Tensor]:
            sums = [
                torch.ops.aten.native_batch_norm_backward(
                    outer, some, weight, mean, variance, mean, deviation, False, ctx.eps, (False, True, True)
                )[1:]
                for some, outer in parts
            ]
            return sums[0] if len(sums) == 1 else tuple(summed(sums))  # type: ignore[return-value]

        shared = is_alone()
        grad_weight, grad_bias = summed(in_threads(sum_up, _some(x, grad))) if shared else sum_up([(x, grad)])
        if not ctx.needs_input_grad[0]:
            return None, grad_weight, grad_bias, None, None, None
        total = num_written_out(x, ctx.repeats, ctx.span) * (x.numel() // (len(x) * len(weight)))
        bodies = [(slice(row * ctx.span, (row + 1) * ctx.span), times) for row, times in ctx.repeats]
        if x.is_cuda:  # one kernel for all, in the type of x
            count = torch.full((1,), total, dtype=torch.int32, device=x.device)
            sums = grad_bias, grad_weight / deviation  # of grad, and of grad times the distance from the mean
            x, grad = x.contiguous(), grad.contiguous()  # the kernel takes both to lie alike
            grad_x = torch.batch_norm_backward_elemt(grad, x, mean, deviation, weight, *sums, count)
            for body, times in bodies:  # what the statistics alone give, as often as it is still missing
                some = x[body]
                given = torch.batch_norm_backward_elemt(
                    torch.zeros_like(some), some, mean, deviation, weight, *sums, count
                )
                grad_x[body].add_(given, alpha=times - 1)
        else:
            shape = (-1, *[1] * (x.ndim - 2))
            terms = gradient_terms(weight, mean, variance, ctx.eps, grad_weight, grad_bias, total)
            scale, slope, offset = (term.view(shape) for term in terms)
            grad_x = torch.empty_like(x, dtype=torch.promote_types(x.dtype, mean.dtype))

            def from_statistics(parts: _Bodies) -> None:
                for some, inner in parts:
                    torch.addcmul(-offset, some, slope, value=-1, out=inner)

            def from_outside(parts: _Bodies) -> None:
                for outer, inner in parts:
                    inner.addcmul_(outer, scale)

            share = in_threads if shared else _at_once
            share(from_statistics, _some(x, grad_x) if shared else [(x, grad_x)])
            for body, times in bodies:
                grad_x[body].mul_(times)
            share(from_outside, _some(grad, grad_x) if shared else [(grad, grad_x)])
        return grad_x, grad_weight, grad_bias, None, None, None


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


def num_written_out(rows: Tensor, repeats: Repeats, span: int = 1) -> int:
    """Count rows as if each body that represents several were repeated as often.

    Args:
        rows: `(B * span, ...)`.
        repeats: Bodies that represent several.
        span: Rows of a body.
    """
    return len(rows) + span * sum(times - 1 for _, times in repeats)


def gradient_terms(
    weight: Tensor, mean: Tensor, variance: Tensor, eps: float, grad_weight: Tensor, grad_bias: Tensor, total: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Return scale, slope and offset of the gradient of batch norm's input (Ioffe and Szegedy, 2015, section 3).

    grad_x = scale * grad_y - times * (slope * x + offset), for a row that represents `times` bodies, with grad_y summed

    Args:
        weight: `(C,)`.
        mean: Of the batch `(C,)`.
        variance: Of the batch, biased `(C,)`.
        eps: The term added to the variance.
        grad_weight: Gradient of the weight `(C,)`.
        grad_bias: Gradient of the bias `(C,)`.
        total: Number of values of each channel.

    Returns:
        Three times `(C,)`.
    """
    deviation = (variance + eps).rsqrt()
    scale = weight * deviation
    slope = scale * deviation * grad_weight / total
    return scale, slope, scale * grad_bias / total - slope * mean


def statistics(x: Tensor) -> tuple[Tensor, Tensor]:
    """Compute mean and biased variance of every channel, in float32 at least.

    Args:
        x: `(B, C, ...)`.

    Returns:
        Two times `(C,)`.
    """
    wide = torch.promote_types(x.dtype, torch.float32)
    if x.device.type not in ("cpu", "cuda"):  # where PyTorch lacks the operation below
        dims = [dim for dim in range(x.ndim) if dim != 1]
        variance, mean = torch.var_mean(x.to(wide), dim=dims, correction=0)
        return mean, variance
    # running statistics, whose type decides that of the result on a CPU
    ignored = (None, None) if x.is_cuda else x.new_zeros(2, x.shape[1], dtype=wide).unbind()
    mean, variance = torch.ops.aten.batch_norm_update_stats(x, *ignored, 0.0)
    return mean, variance


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


def joined_statistics(groups: Sequence[tuple[int, Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """Combine the statistics of several groups (Chan et al., 1979).

    Args:
        groups: Of each its size, in any unit, its mean `(C,)` and its biased variance `(C,)`.

    Returns:
        Mean and biased variance, each `(C,)`.
    """
    sizes, means, variances = zip(*groups, strict=True)
    if means[0].device.type != "cpu":  # without numbers that the host would have to send
        size, mean, variance = groups[0]
        for more, other_mean, other_variance in groups[1:]:
            size, share = size + more, more / (size + more)
            between = (other_mean - mean).square() * (share * (1 - share))
            mean = torch.lerp(mean, other_mean, share)
            variance = torch.lerp(variance, other_variance, share) + between
        return mean, variance
    counts = torch.tensor(sizes, dtype=torch.float64)[:, None]
    shares = (counts / counts.sum()).to(means[0].dtype)
    mean = (shares * torch.stack(means)).sum(dim=0)  # no product, which autocast would lower
    within = torch.stack(variances) + (torch.stack(means) - mean).square()
    return mean, (shares * within).sum(dim=0)


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
        y, mean, variance = _CountedNorm.apply(rows, weight, bias, repeats, span, first.eps)  # type: ignore
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
    if not torch.compiler.is_compiling() and _AGAIN.get():
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
