"""From a model to one graph of tensor operations that holds for any batch and, where the model allows, any length."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.export import Dim, ExportedProgram
from torch.overrides import TorchFunctionMode

from dualhead.models.base import SkeletonModel
from dualhead.runtime.errors import ExportError

LEAST_FRAMES = (9, 17, 33)
"""Fewest frames of a graph for any length, the first that can be had: where the last features have one frame left, a
model traces differently. Every halving inside a model doubles it; 9 is for three.
"""

Shapes = tuple[dict[int, Any]]
"""The dimensions of the clips that are open, by number."""


@dataclass(frozen=True)
class Traced:
    """A model as a graph.

    Attributes:
        program: Maps clips `(N, C, T, V, M)` to logits `(N, H, K)`; N is open.
        shapes: Its open dimensions, as torch.export takes them.
        frames: T that it was traced with.
        least_frames: The smallest T that it takes where T is open; None where it takes `frames` only.
    """

    program: ExportedProgram
    shapes: Shapes
    frames: int
    least_frames: int | None


def trace(model: SkeletonModel, frames: int) -> Traced:
    """Trace a model in evaluation mode.

    Args:
        model: The model, on the CPU.
        frames: T of the clips that it was trained with; T of the graph where it cannot be open.

    Returns:
        The graph, with T open if the model can be traced so.

    Raises:
        ExportError: If the model cannot be traced at all.
    """
    config = model.config
    shape = (2, config.in_channels, frames, config.skeleton.num_joints, config.num_bodies)
    clips = torch.zeros(shape, dtype=next(model.parameters()).dtype)
    batch = Dim("batch")
    open_from: list[int | None] = [least for least in LEAST_FRAMES if least <= frames]
    reason = ""
    for least in [*open_from, None]:
        shapes: Shapes = ({0: batch} if least is None else {0: batch, 2: Dim("frames", min=least)},)
        try:
            with torch.no_grad(), _FramesLeftOut():
                program = torch.export.export(
                    model.eval(), (clips,), dynamic_shapes=shapes, prefer_deferred_runtime_asserts_over_guards=True
                )
        except (RuntimeError, ValueError, TypeError, AssertionError) as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        else:
            return Traced(program, shapes, frames, least)
    raise ExportError(f"model {config.name!r} cannot be traced ({reason}): keep to the checkpoint")


class _FramesLeftOut(TorchFunctionMode):
    """Leaves out frames by a pool of one frame.

    A slice with a step has strides that say something else for an odd number of frames than for an even one, so that a
    graph with a slice holds for one of the two only.
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if func is Tensor.__getitem__ and isinstance(args[1], tuple) and len(args[1]) == 3:
            frames = args[1][2]
            if args[1][:2] == (slice(None), slice(None)) and isinstance(frames, slice) and frames.step not in (None, 1):
                return F.max_pool2d(args[0], 1, (frames.step, 1))
        return func(*args, **(kwargs or {}))
