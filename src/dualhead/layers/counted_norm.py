"""Batch statistics and gradients of batch norm over rows of which some represent several bodies.

A body that is absent is the same all-zero input in every clip of a batch, so one row can represent all of them, if
statistics and gradients count it as often as it occurs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from itertools import chain
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from dualhead.layers.threads import in_threads, is_alone, summed

Repeats = tuple[tuple[int, int], ...]
"""Rows that represent several, each with the number of rows that it represents (2 or more)."""

_REPEATS: ContextVar[Repeats] = ContextVar("repeats", default=())
_RECOMPUTING: ContextVar[bool] = ContextVar("recomputing", default=False)


class RecomputeForward(AbstractContextManager[None]):
    """Context in which batch norms compute once more, for a gradient, and leave their running statistics.

    It can be entered once for each gradient that is taken.

    Args:
        repeats: The first result of `counting`.
    """

    def __init__(self, repeats: Repeats):
        self._repeats = repeats

    def __enter__(self) -> None:
        self._tokens = _RECOMPUTING.set(True), _REPEATS.set(self._repeats)

    def __exit__(self, *_: object) -> None:
        _RECOMPUTING.reset(self._tokens[0])
        _REPEATS.reset(self._tokens[1])


def is_recomputing() -> bool:
    """Return whether norms compute once more inside `RecomputeForward`, and leave their running statistics."""
    return not torch.compiler.is_compiling() and _RECOMPUTING.get()


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


def counted_batch_norm(
    rows: Tensor, weight: Tensor, bias: Tensor, repeats: Repeats, span: int, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Normalise in training mode, with rows that count several times.

    Args:
        rows: `(B * span, C, ...)`; a body is `span` consecutive rows.
        weight: `(C,)`.
        bias: `(C,)`.
        repeats: Bodies that represent several.
        span: Rows of a body.
        eps: The term added to the variance.

    Returns:
        The normalised rows, and mean and biased variance of the batch `(C,)`, which take no gradient.
    """
    result: tuple[Tensor, Tensor, Tensor] = _CountedNorm.apply(rows, weight, bias, repeats, span, eps)  # type: ignore
    return result
