"""Layers whose products take tensors that are made from their parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from dualhead.runtime.errors import ConfigError

if TYPE_CHECKING:
    from typing_extensions import Self


class PreparedModule(nn.Module):
    """A layer that prepares the tensors of its products from its parameters: at every call, or once and for all.

    Preparing joins the weights of parallel branches, orders learned matrices as the activations lie in memory, and, for
    every batch norm that is in evaluation mode, folds the norm into the convolution before it. All of it is small
    beside the activations and differentiable, so that training and inference are the same code.
    """

    _kept: int = 0

    def prepare(self) -> tuple[Tensor, ...]:
        """Compute the tensors, in the order of the arguments of `forward`."""
        raise NotImplementedError

    def formula(self, *inputs: Tensor) -> Tensor:
        """Compute the layer as its paper states it, one operation after the other and with nothing prepared.

        `forward` gives the same, in values and gradients.
        """
        raise NotImplementedError

    def prepared(self) -> tuple[Tensor, ...]:
        """Return the prepared tensors."""
        if self._kept:
            return tuple(self.get_buffer(f"_kept{index}") for index in range(self._kept))
        return self.prepare()

    def train(self, mode: bool = True) -> Self:
        """Set the mode.

        Raises:
            ConfigError: If `mode` is true, and what was made of the parameters is kept.
        """
        if mode and self._kept:
            raise ConfigError("a deployed model cannot be trained: train the model that it was made from")
        return super().train(mode)

    def keep(self) -> None:
        """Prepare once and for all; the parameters have no say from now on."""
        with torch.no_grad():
            tensors = [tensor.clone(memory_format=torch.contiguous_format) for tensor in self.prepare()]
        for index, tensor in enumerate(tensors):
            self.register_buffer(f"_kept{index}", tensor, persistent=False)
        self._kept = len(tensors)


def is_eager(x: Tensor) -> bool:
    """Check whether values may be read and computed in parts: on a CPU, without a tracer or compiler."""
    return x.device.type == "cpu" and not is_recorded()


def is_recorded() -> bool:
    """Check whether a compiler or TorchScript records the operations, to repeat them with other numbers."""
    return torch.compiler.is_compiling() or torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]


def without_waiting(x: Tensor, device: torch.device | str) -> Tensor:
    """Move a tensor, on to a CUDA GPU while the host goes on; elsewhere its memory could be used again too early."""
    return x.to(device, non_blocking=torch.device(device).type == "cuda")


def is_autocast(x: Tensor) -> bool:
    """Check whether autocast lowers the operands of products on the device of `x`."""
    device = x.device.type
    return torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device)


def in_place(x: Tensor, *norms: nn.BatchNorm2d) -> bool:
    """Check whether a layer may overwrite its own results: inference, without gradients or training statistics.

    Autocast, which casts the operands of products, does not know products that write over something.

    Args:
        x: The input.
        norms: Batch norms of the layer.
    """
    if not is_eager(x) or torch.is_grad_enabled() or is_autocast(x):
        return False
    return not any(norm.training for norm in norms)
