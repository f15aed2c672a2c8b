"""The optimiser of an experiment: which weights it moves, and which of them decay."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from dualhead.models.base import SkeletonModel
from dualhead.training.experiment import Optimizer


def build_optimizer(settings: Optimizer, modules: Sequence[nn.Module], *, fused: bool = False) -> torch.optim.Optimizer:
    """Build an optimiser over all weights that are not frozen.

    Args:
        settings: The experiment's.
        modules: Whose weights it moves.
        fused: Whether a step is one kernel, which GPUs are faster with.

    Returns:
        The optimiser. Weights without decay form a second group, if there are any.
    """
    decaying: list[Tensor] = []
    exempt: list[Tensor] = []
    for module in modules:
        for kind, weight in _kinds(module):
            (exempt if kind in settings.no_decay else decaying).append(weight)
    groups: list[dict[str, object]] = [{"params": decaying, "weight_decay": settings.weight_decay}]
    if exempt:
        groups.append({"params": exempt, "weight_decay": 0.0})
    choice = True if fused else None
    if settings.name == "sgd":
        return torch.optim.SGD(
            groups, lr=settings.lr, momentum=settings.momentum, nesterov=settings.nesterov, fused=choice
        )
    return torch.optim.AdamW(groups, lr=settings.lr, betas=(settings.beta1, settings.beta2), fused=choice)


def _kinds(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Yield the weights that are not frozen, each with its kind: one of `Optimizer.no_decay`, or "weights"."""
    joints = module.config.skeleton.num_joints if isinstance(module, SkeletonModel) else 0
    seen: set[Tensor] = set()
    for part in module.modules():
        is_norm = "running_mean" in dict(part.named_buffers(recurse=False)) or isinstance(
            part, nn.LayerNorm | nn.GroupNorm
        )
        is_map = isinstance(part, nn.Linear | nn.modules.conv._ConvNd)
        for weight in part.parameters(recurse=False):
            if weight in seen or not weight.requires_grad:
                continue
            seen.add(weight)
            kind = "weights"
            if is_norm:
                kind = "norms"
            elif weight.ndim < 2:
                kind = "biases"
            elif not is_map and weight.shape[-1] == weight.shape[-2] and _is_over_joints(weight.shape[-1], joints):
                kind = "adjacency"
            yield kind, weight


def _is_over_joints(size: int, joints: int) -> bool:
    """Check whether a matrix of this size relates the joints of a frame, or those of a window of frames."""
    return joints > 0 and size % joints == 0
