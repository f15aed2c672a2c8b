"""Execution of the training step: operation by operation, as replayed CUDA graphs, or compiled."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch import Callback
from torch import Tensor, nn

from dualhead.layers.bodies import DistinctBodies
from dualhead.models.base import SkeletonModel
from dualhead.runtime.errors import ConfigError

EXECUTIONS = ("eager", "cuda_graph", "compile")
"""The values of an experiment's `execution`."""

logger = logging.getLogger("dualhead.training")


@contextmanager
def matrix_precision(precision: str) -> Iterator[None]:
    """Allow TF32 in products and convolutions of float32 inside the block where an experiment's precision is "tf32".

    Args:
        precision: "32", "tf32", "bf16" or "fp16"; "32" is full float32.
    """
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision == "tf32"
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


class _EveryBody(nn.Module):
    """A model as a function of clips alone, which computes every body: what a CUDA graph can replay."""

    def __init__(self, model: SkeletonModel):
        super().__init__()
        self.model = model

    def forward(self, clips: Tensor) -> Any:
        """Return what the model returns for clips `(N, C, T, V, M)`."""
        return self.model(clips, DistinctBodies.every(clips))


def graph_training(model: SkeletonModel, shape: Sequence[int]) -> None:
    """Capture forward and backward pass of a model in training mode as CUDA graphs, in place.

    At small clips a step consists of some thousand short kernels, and the host needs longer to launch them than the GPU
    to run them. A graph launches all of them at once. Clips of another shape, and evaluation, are computed as before.
    Every body is computed. Call it under the autocast of the training step (without its cache), and before other
    threads use the GPU. The running statistics that the capture touches are put back.

    Args:
        model: On a CUDA device, in training mode.
        shape: Shape of the clips to come, `(N, C, T, V, M)`.
    """
    device = next(model.parameters()).device
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    example = torch.randn(*shape, device=device)
    plain = model.forward
    graphed = torch.cuda.make_graphed_callables(_EveryBody(model).train(), (example,))
    with torch.no_grad():
        for name, buffer in model.named_buffers():
            buffer.copy_(before[name])
    expected = tuple(shape)

    def forward(clips: Tensor, bodies: DistinctBodies | None = None) -> Any:
        if model.training and torch.is_grad_enabled() and clips.shape == expected:
            return graphed(clips)
        return plain(clips, bodies)

    model.forward = forward  # type: ignore[method-assign]


class Execution(Callback):
    """Prepares the model for an experiment's `execution` once it is on its device.

    Args:
        name: One of `EXECUTIONS`.
        shape: Shape of a training batch's clips, `(N, C, T, V, M)`.

    Raises:
        ConfigError: If there is no such execution.
    """

    def __init__(self, name: str, shape: Sequence[int]):
        if name not in EXECUTIONS:
            raise ConfigError(f"execution {name!r} is not known: expected one of {', '.join(EXECUTIONS)}")
        self._name = name
        self._shape = tuple(shape)

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Compile the model, or capture it as CUDA graphs where it is on a CUDA GPU."""
        model: Any = pl_module.model
        if self._name == "compile":
            model.compile()
        if self._name != "cuda_graph":
            return
        if pl_module.device.type != "cuda" or trainer.world_size > 1 or trainer.accumulate_grad_batches > 1:
            logger.info("execution cuda_graph needs one process on a CUDA GPU and no accumulation: executed eagerly")
            return
        mode = model.training
        with trainer.precision_plugin.forward_context():
            graph_training(model.train(), self._shape)
        model.train(mode)
        torch.cuda.synchronize()
