"""Sizes of the parts that are computed at a time, and sums over many small products."""

from __future__ import annotations

import torch
from einops import rearrange
from torch import Tensor

from dualhead.layers.cpu.products import linear

_NUMBERS_IN_CACHE = 2**19


def frames_in_cache(numbers: int) -> int:
    """Return how many frames or windows to compute at a time, so that they stay in cache.

    Args:
        numbers: Number of numbers that a frame has at its widest.
    """
    return max(4, _NUMBERS_IN_CACHE // numbers)


def outer_sum(left: Tensor, right: Tensor, total: Tensor) -> None:
    """Add to `total` the sum over n of left[n] times right[n] transposed.

    A product a frame would be too small for two processors to share, and laying all frames side by side for one product
    would copy both operands through memory; some frames at a time stay in cache.

    Args:
        left: `(n, U, C)`.
        right: `(n, V, C)`.
        total: `(U, V)`.
    """
    frames = frames_in_cache(max(total.shape) * left.shape[2])
    for some_left, some_right in zip(torch.split(left, frames), torch.split(right, frames), strict=True):
        total.add_(linear(rearrange(some_left, "n u c -> u (n c)"), rearrange(some_right, "n v c -> v (n c)")))
