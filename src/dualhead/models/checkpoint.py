"""Our checkpoints: one safetensors file that holds the weights and, as metadata, all that rebuilds the model."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from dualhead.layers.threads import alone
from dualhead.models.base import ModelConfig, SkeletonModel
from dualhead.models.registry import create_model
from dualhead.runtime.errors import CheckpointError, ConfigError
from dualhead.runtime.files import replacing
from dualhead.runtime.plugins import explained
from dualhead.version import __version__

SCHEMA = 1
"""Version of the metadata; a file of a later one is refused with the package version that wrote it."""


def save_checkpoint(
    path: str | Path,
    model: SkeletonModel,
    provenance: Mapping[str, Any],
    state_dict: Mapping[str, Tensor] | None = None,
) -> None:
    """Write a model in one step.

    Args:
        path: The `.safetensors` file to create or replace.
        model: A model made by `create_model`.
        provenance: JSON-able facts of how the weights came to be, as in docs/architecture.md.
        state_dict: Weights to write in place of the model's own, such as their moving average.
    """
    state = model.state_dict() if state_dict is None else state_dict
    tensors = {key: value.detach().cpu().contiguous() for key, value in state.items()}
    metadata = {
        "format": "dualhead",
        "schema": str(SCHEMA),
        "version": __version__,
        "model": json.dumps(model.config.to_dict(), sort_keys=True),
        "provenance": json.dumps(dict(provenance), sort_keys=True),
    }
    with replacing(path) as temporary:
        save_file(tensors, temporary, metadata)


def read_metadata(path: str | Path) -> tuple[ModelConfig, dict[str, Any]]:
    """Read what a checkpoint says of itself, without its weights.

    Args:
        path: A `.safetensors` file of `save_checkpoint`.

    Returns:
        The model's configuration and the provenance.

    Raises:
        CheckpointError: If the file is absent, damaged, not ours, or of a later schema.
    """
    if not Path(path).is_file():
        raise CheckpointError(f"{path} is no file: give a .safetensors checkpoint, such as a run's best.safetensors")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f"{path} is damaged or no .safetensors file: give a checkpoint that `dualhead train` or `convert` wrote"
        ) from error
    if metadata.get("format") != "dualhead":
        raise CheckpointError(f"{path} was not written by dualhead: its metadata does not say how to build the model")
    try:
        if int(metadata["schema"]) > SCHEMA:
            raise CheckpointError(
                f"{path} has schema {metadata['schema']}, this is dualhead {__version__} which reads up to {SCHEMA}: "
                f"install dualhead {metadata['version']} or later"
            )
        provenance = json.loads(metadata["provenance"])
        if not isinstance(provenance, dict):
            raise TypeError("its provenance has no fields")
        return ModelConfig.from_dict(json.loads(metadata["model"])), provenance
    except (KeyError, TypeError, ValueError, ConfigError) as error:
        raise CheckpointError(f"{path} has damaged metadata: {error}") from error


@alone()  # hundreds of small tensors, each too small to be shared out
def load_checkpoint(path: str | Path) -> tuple[SkeletonModel, dict[str, Any]]:
    """Rebuild a model with its weights.

    Args:
        path: A `.safetensors` file of `save_checkpoint`.

    Returns:
        The model in evaluation mode on the CPU, and the provenance.

    Raises:
        CheckpointError: If the file is absent, damaged, not ours, of a later schema, without its model's keys, or holds
            weights that are no numbers.
    """
    config, provenance = read_metadata(path)
    try:
        with explained(provenance, path):
            model = create_model(
                config.name,
                num_classes=config.num_classes,
                skeleton=config.skeleton,
                num_bodies=config.num_bodies,
                in_channels=config.in_channels,
                **config.variant,
            )
    except (ConfigError, TypeError) as error:
        raise CheckpointError(f"{path} says of its model what cannot be built ({error}): take a whole copy") from error
    with safe_open(path, framework="pt") as file:
        state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - it is no mapping
    broken = not_finite(state)
    if broken:
        raise CheckpointError(f"{path} cannot be used: {not_finite_words(broken)}")
    try:
        model.load_state_dict(state, strict=True)
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise CheckpointError(f"{path} does not hold the weights of {config.name}: {reason}") from error
    model.provenance = provenance
    return model.eval(), provenance


def not_finite(state: Mapping[str, Tensor]) -> tuple[str, ...]:
    """Find the tensors that hold NaN or infinity.

    Args:
        state: Keys to tensors.

    Returns:
        Their keys.
    """
    return tuple(
        key for key, value in state.items() if value.is_floating_point() and not value.float().isfinite().all()
    )


def not_finite_words(keys: Sequence[str]) -> str:
    """Say that tensors hold NaN or infinity, for an error message.

    Args:
        keys: What `not_finite` found, at least one.

    Returns:
        A part of a sentence.
    """
    return f"{len(keys)} of its tensors hold NaN or infinity (first: {keys[0]}); take one from before the loss broke"
