"""How far a training step is from that of the plain form, and both from the same step in float64."""

from __future__ import annotations

import copy

from torch import Tensor

from benchmarks.model_times import make_clips, plain_form, step
from dualhead.models.base import SkeletonModel

_FRAMES = 100
"""Enough for products tap by tap, as with more frames (`dualhead.layers.cpu.dilated`)."""


def exactness(model: SkeletonModel, clips: Tensor) -> dict[str, float]:
    """Compare loss, gradients and running statistics.

    Args:
        model: Of STGC blocks; it is left as it is.
        clips: `(N, C, T, V, M)`, some with one body alone.

    Returns:
        Relative differences; those of gradients are the worst of any parameter.
    """
    ours, plain = copy.deepcopy(model), plain_form(model)
    loss, plain_loss = step(ours, clips), step(plain, clips)
    figures = {
        "loss, relative difference": float((loss - plain_loss).abs() / plain_loss),
        "running statistics, worst relative difference": _worst_statistic(ours, plain),
        "gradients in float32, worst relative difference": _worst_gradient(ours, plain),
    }
    truth = plain_form(model).double()
    step(truth, clips.double())
    figures["gradients in float32 from the plain form's in float64"] = _worst_gradient(ours, truth)
    figures["gradients of the plain form in float32 from those in float64"] = _worst_gradient(plain, truth)
    for what, some in (("absent bodies", clips[:, :, :_FRAMES]), ("two bodies", make_clips(len(clips), _FRAMES))):
        wide, truth = copy.deepcopy(model).double(), plain_form(model).double()
        for each in (wide, truth):
            step(each, some.double())
        figures[f"gradients in float64, {what}, T = {_FRAMES}"] = _worst_gradient(wide, truth)
    return figures


def _worst_gradient(model: SkeletonModel, other: SkeletonModel) -> float:
    """Give the largest difference of a gradient over its norm, or over a thousandth of the largest norm.

    A bias in front of a batch norm has a gradient of 0 but for rounding.
    """
    theirs = {key: weight.grad.double() for key, weight in other.named_parameters() if weight.grad is not None}
    least = 1e-3 * max(float(grad.norm()) for grad in theirs.values())
    pairs = [(weight.grad.double(), theirs[key]) for key, weight in model.named_parameters() if weight.grad is not None]
    return max(float((ours - grad).norm()) / max(least, float(grad.norm())) for ours, grad in pairs)


def _worst_statistic(model: SkeletonModel, other: SkeletonModel) -> float:
    """Give the largest difference of a running mean or variance over its norm."""
    theirs = {key: value for key, value in other.named_buffers() if "running_" in key}
    ours = dict(model.named_buffers())
    return max(float((ours[key] - value).norm() / value.norm()) for key, value in theirs.items())
