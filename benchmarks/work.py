"""What a computation does: floating-point operations, and bytes that its operations read and write."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from dualhead.layers.threads import in_turn


@dataclass(frozen=True)
class Work:
    """What a computation does.

    Attributes:
        flop: Floating-point operations of its products and convolutions.
        traffic: Bytes that all operations read and write, as if nothing stayed in cache from one to the next.
    """

    flop: int
    traffic: int


class _Traffic(TorchDispatchMode):
    """Adds up what operations read and write; those that only look at a tensor in another way do neither."""

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        returned = [each.alias_info for each in func._schema.returns]
        if not any(alias is not None and not alias.is_write for alias in returned):
            self.total += sum(_size(part) for part in tree_leaves([args, kwargs, result]) if isinstance(part, Tensor))
        return result


def _size(tensor: Tensor) -> int:
    """Give the bytes of a tensor, what is expanded once."""
    numbers = 1
    for size, stride in zip(tensor.shape, tensor.stride(), strict=True):
        numbers *= 1 if stride == 0 else size
    return min(numbers * tensor.element_size(), tensor.untyped_storage().nbytes())


def _product_in_place(total: Sequence[int], left: Sequence[int], right: Sequence[int], **_: Any) -> int:
    return 2 * left[0] * left[1] * right[1]


def _linear(x: Sequence[int], weight: Sequence[int], *_: Any, out_shape: Sequence[int], **__: Any) -> int:
    return 2 * math.prod(out_shape) * weight[1]


def _convolution(x: Sequence[int], weight: Sequence[int], *_: Any, out_shape: Sequence[int], **__: Any) -> int:
    return 2 * math.prod(out_shape) * math.prod(weight[1:])


def count_work(case: Callable[[], Any]) -> Work:
    """Run a computation and count what it does.

    Args:
        case: The computation.
    """
    lacking = {  # in torch's list of products
        torch.ops.aten.addmm_: _product_in_place,
        torch.ops.mkldnn._linear_pointwise: _linear,
        torch.ops.aten.mkldnn_convolution: _convolution,
    }
    with in_turn(), _Traffic() as traffic, FlopCounterMode(display=False, custom_mapping=lacking) as counter:
        case()
    return Work(counter.get_total_flops(), traffic.total)
