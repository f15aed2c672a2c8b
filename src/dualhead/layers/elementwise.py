"""Sums and ReLUs of a layer's own results, in place where that saves time.

On a CPU, new memory costs more than the sum that is written to it. On a GPU it costs nothing, while autograd copies a
whole tensor up to three times for the gradient of what overwrote a view of it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from dualhead.layers.prepared import is_recorded


def _overwrites(x: Tensor) -> bool:
    return not is_recorded() and (x.device.type == "cpu" or not torch.is_grad_enabled())


def relu(x: Tensor) -> Tensor:
    """Compute the ReLU of a tensor that no other person reads.

    Args:
        x: Overwritten, or left as it is.
    """
    return x.relu_() if _overwrites(x) else torch.relu(x)


def add(x: Tensor, other: Tensor) -> Tensor:
    """Add to a tensor that no other person reads.

    Args:
        x: Overwritten, or left as it is.
        other: The tensor to add, of the shape and type of `x`.
    """
    return x.add_(other) if _overwrites(x) else x + other
