"""The learning rate as a pure function of the step, so that a resumed run cannot differ from an uninterrupted one."""

from __future__ import annotations

import math

from dualhead.training.experiment import Schedule


def learning_rate(schedule: Schedule, peak: float, step: int, steps_per_epoch: int, epochs: int) -> float:
    """Compute the learning rate of one optimiser step.

    Convention: steps count from 0 and every schedule moves by the step, but for the drops of multistep, which happen at
    the start of an epoch.

    - Warm-up (multistep, cosine): over the first W = warmup_epochs * steps_per_epoch steps the rate is
      peak * (step + 1) / W, so the last of them has the peak; as a staircase it is peak * (epoch + 1) / warmup_epochs,
      constant within an epoch and at most the peak (CTR-GCN; Chen et al., ICCV 2021). What follows counts its epochs
      from the start of the run (multistep) or goes from the end of the warm-up to the last step (cosine).
    - multistep: peak * gamma^(number of milestones at or before this epoch); during warm-up the product of both.
    - cosine (Loshchilov and Hutter, ICLR 2017, one period): from peak at its first step towards final_fraction * peak,
      which is reached one step after the last.
    - onecycle (Smith and Topin, 2019): half a cosine from peak / 25 up to peak over the first 30 % of steps, half a
      cosine down to peak / 250,000 at the last. Momentum stays.

    Args:
        schedule: The schedule and its numbers.
        peak: The optimiser's learning rate.
        step: The step, 0 to epochs * steps_per_epoch - 1.
        steps_per_epoch: Optimiser steps of an epoch.
        epochs: Epochs of the whole run.

    Returns:
        The learning rate.
    """
    total = steps_per_epoch * epochs
    if schedule.name == "onecycle":
        return _onecycle(peak, step, total)
    warm = round(schedule.warmup_epochs * steps_per_epoch)
    if schedule.warmup == "staircase":
        factor = min(1.0, (step // steps_per_epoch + 1) / schedule.warmup_epochs)
    else:
        factor = min(1.0, (step + 1) / warm) if warm else 1.0
    if schedule.name == "multistep":
        epoch = step // steps_per_epoch
        return peak * factor * schedule.gamma ** sum(milestone <= epoch for milestone in schedule.milestones)
    if step < warm:
        return peak * factor
    return _half_cosine(peak, peak * schedule.final_fraction, (step - warm) / max(1, total - warm))


def _onecycle(peak: float, step: int, total: int) -> float:
    start, end = peak / 25, peak / 25e4
    top = max(0.3 * total - 1, 0.0)  # a fractional step: the peak may fall between two steps
    if step <= top:
        return _half_cosine(start, peak, step / top if top else 1.0)
    return _half_cosine(peak, end, (step - top) / max(1e-9, total - 1 - top))


def _half_cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * min(share, 1.0))) / 2
