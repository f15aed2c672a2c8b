"""Parts of a layer that are cheaper to compute twice than to keep."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from dualhead.layers.counted_norm import RecomputeForward, counted


def recomputed(function: Callable[..., Tensor], *tensors: Tensor | None) -> Tensor:
    """Call a function, keep its inputs alone, and compute what its gradient needs again when it needs it.

    What a product at the end of the function reads is computed again, but not that product. Batch norms inside update
    their running statistics once.

    Args:
        function: Of the tensors, without randomness.
        tensors: The tensors that its gradients belong to.

    Returns:
        What the function gives.
    """
    if not torch.is_grad_enabled() or torch.compiler.is_compiling():
        return function(*tensors)
    repeats = counted()
    result: Tensor = checkpoint(
        function,
        *tensors,
        use_reentrant=False,
        preserve_rng_state=False,
        context_fn=lambda: (nullcontext(), RecomputeForward(repeats)),
    )
    return result
