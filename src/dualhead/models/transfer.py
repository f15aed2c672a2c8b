"""Starting a model from the weights of another one, for fine-tuning."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from dualhead.models.base import SkeletonModel
from dualhead.models.checkpoint import load_checkpoint
from dualhead.models.registry import model_entries, variant_arguments
from dualhead.runtime.errors import CheckpointError


@dataclass(frozen=True)
class LoadReport:
    """The outcome of loading every entry of a model's state.

    Attributes:
        loaded: Taken from the checkpoint.
        replaced: In both, but of another shape: the model's fresh values stay (a classifier for other classes).
        missing: In the model only: fresh values stay.
        unused: In the checkpoint only.
    """

    loaded: tuple[str, ...]
    replaced: tuple[str, ...]
    missing: tuple[str, ...]
    unused: tuple[str, ...]

    def __str__(self) -> str:
        """Return the report as one line."""
        named = ((self.replaced, "replaced"), (self.missing, "missing"), (self.unused, "unused"))
        parts = [f"{len(names)} {what} ({', '.join(names)})" for names, what in named if names]
        return ", ".join([f"{len(self.loaded)} loaded", *parts])


def initialize_from(model: SkeletonModel, checkpoint: str | Path) -> LoadReport:
    """Load the part of a checkpoint that fits a model with other classes or another number of bodies.

    Only classifiers (for another class count) and the input norm (for another number of bodies) may differ in shape;
    they keep the model's fresh values.

    Args:
        model: The model to fill, changed in place.
        checkpoint: A `.safetensors` file of `save_checkpoint`.

    Returns:
        What was loaded, replaced, missing and unused.

    Raises:
        CheckpointError: If the checkpoint cannot be read, or is of another architecture, skeleton or variant. Nothing
            is loaded then.
    """
    source, _ = load_checkpoint(checkpoint)
    if type(source) is not type(model):
        raise CheckpointError(
            f"{checkpoint} is of model {source.config.name!r}, not {model.config.name!r}: start from a checkpoint of "
            "the same architecture"
        )
    if source.config.skeleton != model.config.skeleton:
        raise CheckpointError(
            f"{checkpoint} is for skeleton {source.config.skeleton.name!r}, not {model.config.skeleton.name!r}: start "
            "from a checkpoint of the same skeleton"
        )
    for name, (before, now) in _other_arguments(source, model).items():
        raise CheckpointError(
            f"{checkpoint} has {name} {before!r}, the model {now!r}: build the model with the checkpoint's variant, "
            f"{dict(source.config.variant)}"
        )
    theirs, own = source.state_dict(), model.state_dict()
    loaded = tuple(key for key, value in own.items() if key in theirs and theirs[key].shape == value.shape)
    replaced = tuple(key for key, value in own.items() if key in theirs and theirs[key].shape != value.shape)
    wrong = [key for key in replaced if not _may_differ(key, source, model)]
    if wrong:
        raise CheckpointError(
            f"{wrong[0]} is {tuple(theirs[wrong[0]].shape)} in {checkpoint} and {tuple(own[wrong[0]].shape)} in the "
            f"model ({len(wrong)} entries differ so): build the model with {source.config.in_channels} channels "
            "as the checkpoint's"
        )
    with torch.no_grad():
        for key in loaded:
            own[key].copy_(theirs[key])
    return LoadReport(
        loaded,
        replaced,
        missing=tuple(key for key in own if key not in theirs),
        unused=tuple(key for key in theirs if key not in own),
    )


def _other_arguments(source: SkeletonModel, model: SkeletonModel) -> dict[str, tuple[object, object]]:
    """Find the variant arguments in which two models of one architecture differ, but for the dropout."""
    theirs, own = (
        {**variant_arguments(model_entries()[item.config.name]), **item.config.variant} for item in (source, model)
    )
    return {name: (theirs[name], own[name]) for name in own if name != "dropout" and theirs[name] != own[name]}


def _may_differ(key: str, source: SkeletonModel, model: SkeletonModel) -> bool:
    """Check whether an entry's other shape follows from another class count or another number of bodies."""
    part = key.split(".")[0]
    if part.endswith("classifier"):
        return source.config.num_classes != model.config.num_classes
    return part == "input_norm" and source.config.num_bodies != model.config.num_bodies
