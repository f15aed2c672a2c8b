"""Fine-tuning: starting from the weights of another run, and keeping parts of a model as they are."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from hashlib import sha256
from pathlib import Path
from typing import Any

from torch import nn

from dualhead.models.base import SkeletonModel
from dualhead.models.checkpoint import read_metadata
from dualhead.models.transfer import LoadReport, initialize_from
from dualhead.runtime.errors import CheckpointError, ConfigError, unknown

logger = logging.getLogger("dualhead.training")


@dataclass(frozen=True)
class FreezeReport:
    """The frozen part of a model.

    Attributes:
        patterns: The requested patterns.
        parameters: Names of the parameters that are kept.
        norms: Names of the batch norms that are kept, statistics too.
        weights: Number of values of the parameters.
        total: Number of values of all parameters of the model.
    """

    patterns: tuple[str, ...]
    parameters: tuple[str, ...]
    norms: tuple[str, ...]
    weights: int
    total: int

    def __str__(self) -> str:
        """Return a description in one line."""
        return (
            f"frozen by {' '.join(self.patterns)}: {len(self.parameters)} parameters with {self.weights:,} of "
            f"{self.total:,} weights, and the statistics of {len(self.norms)} batch norms"
        )


def init_identity(checkpoint: str | Path) -> str:
    """Return the identity of the weights that a run starts from: the content counts, not the place.

    Args:
        checkpoint: A `.safetensors` file.

    Returns:
        "sha256:" and the digest of the file.

    Raises:
        CheckpointError: If it is not one of our checkpoints.
    """
    if Path(checkpoint).suffix in (".pt", ".pth") and Path(checkpoint).is_file():
        raise CheckpointError(
            f"{checkpoint} is in the published layout: turn it into a .safetensors file with `dualhead convert` first"
        )
    read_metadata(checkpoint)
    return f"sha256:{sha256(Path(checkpoint).read_bytes()).hexdigest()}"


def start_from(model: SkeletonModel, checkpoint: str | Path, classes: Sequence[str]) -> LoadReport:
    """Fill a model with what fits of a checkpoint; a classifier for another number of classes keeps fresh weights.

    Args:
        model: Changed in place.
        checkpoint: A `.safetensors` file.
        classes: The names of the classes that are to be learned.

    Returns:
        What was loaded, replaced, missing and unused.

    Raises:
        CheckpointError: If it cannot be read, or is of another architecture, skeleton or variant.
    """
    report = initialize_from(model, checkpoint)
    _, provenance = read_metadata(checkpoint)
    before = provenance.get("classes")
    if before is not None and len(before) == len(classes) and list(before) != list(classes):
        logger.warning(
            "%s was trained on %d other classes: the classifier is loaded all the same, because their number fits",
            checkpoint,
            len(classes),
        )
    return report


def freeze(model: nn.Module, patterns: Sequence[str]) -> FreezeReport:
    """Freeze parts of a model: their parameters get no gradient and no step.

    A pattern names a parameter or a module with all that is in it ("stem", "fine2.spatial"), with the wildcards of a
    shell ("fine*", "*.gate"). Call `hold_frozen_norms` before training.

    Args:
        model: Changed in place.
        patterns: The parts to freeze.

    Returns:
        What was frozen.

    Raises:
        ConfigError: If a pattern matches nothing, or nothing is left to train.
    """
    names = [name for name, _ in model.named_parameters()]
    frozen: set[str] = set()
    for pattern in patterns:
        found = [name for name in names if _matches(name, pattern)]
        if not found:
            raise unknown("part of the model to freeze", pattern, dict.fromkeys(name.split(".")[0] for name in names))
        frozen.update(found)
    if len(frozen) == len(names):
        raise ConfigError(f"freeze {' '.join(patterns)} leaves nothing to train: leave a part of the model out of it")
    for name, parameter in model.named_parameters():
        if name in frozen:
            parameter.requires_grad_(False)
    return FreezeReport(
        patterns=tuple(patterns),
        parameters=tuple(name for name in names if name in frozen),
        norms=tuple(name for name, module in model.named_modules() if _is_frozen_norm(module)),
        weights=sum(parameter.numel() for parameter in model.parameters() if not parameter.requires_grad),
        total=sum(parameter.numel() for parameter in model.parameters()),
    )


def hold_frozen_norms(model: nn.Module) -> None:
    """Switch the batch norms whose parameters are all frozen to evaluation mode, so that their statistics stay.

    Args:
        model: A model in training mode.
    """
    for module in model.modules():
        if _is_frozen_norm(module):
            module.eval()


def _is_frozen_norm(module: nn.Module) -> bool:
    if "running_mean" not in dict(module.named_buffers(recurse=False)):
        return False
    own = list(module.parameters(recurse=False))
    return bool(own) and not any(parameter.requires_grad for parameter in own)


def _matches(name: str, pattern: str) -> bool:
    """Check whether a pattern matches a parameter or a module that contains it."""
    parts = name.split(".")
    return any(fnmatchcase(".".join(parts[: count + 1]), pattern) for count in range(len(parts)))


def describe_start(init: str | Path | None, freeze: Sequence[str]) -> dict[str, Any]:
    """Return what a run's identity and provenance hold about its start; empty for a run from scratch.

    Args:
        init: The checkpoint that it starts from, if any.
        freeze: Patterns of what is frozen.

    Returns:
        `init` and `freeze`, where given.

    Raises:
        CheckpointError: If `init` is not one of our checkpoints.
    """
    said: dict[str, Any] = {} if init is None else {"init": init_identity(init)}
    return said | ({"freeze": sorted(set(freeze))} if freeze else {})
