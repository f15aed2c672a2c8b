"""Our checkpoints: one safetensors file that holds the weights and, as metadata, all that rebuilds the model."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from dualhead.layers.threads import alone
from dualhead.models.config import ModelConfig
from dualhead.models.registry import create_model
from dualhead.runtime.errors import CheckpointError, ConfigError, shorten
from dualhead.runtime.files import replacing
from dualhead.runtime.plugins import explained
from dualhead.runtime.schema import list_of, mapping_of, nullable, record, text, whole
from dualhead.skeletons.skeleton import SKELETON_FORM
from dualhead.version import __version__

if TYPE_CHECKING:
    from dualhead.models.base import SkeletonModel

SCHEMA = 1
"""Version of the metadata; a file of a later one is refused with the package version that wrote it."""

_ANY_SIZE = 64
"""Numbers of a configuration that need no tensor of their size, such as of layers or scales."""

_MODEL = record(
    {"name": text, "num_classes": whole(1), "skeleton": SKELETON_FORM},
    {"num_bodies": whole(1, 1000), "in_channels": whole(1), "variant": mapping_of(lambda value, place: None)},
)
_PROVENANCE = record(
    {},
    {
        "classes": nullable(list_of(text)),
        "experiment": nullable(mapping_of(lambda value, place: None)),
        "protocol_rule": nullable(mapping_of(lambda value, place: None)),
        "epoch": nullable(whole()),
        **dict.fromkeys(
            (
                "dataset", "protocol", "stream", "skeleton", "body_selection", "data_fingerprint", "model", "selection",
                "version", "trained_on",
            ),
            nullable(text),
        ),
    },
)  # fmt: skip


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
    metadata["digest"] = _digest(tensors, metadata)
    with replacing(path) as temporary:
        try:
            save_file(tensors, temporary, metadata)
        except SafetensorError as error:  # how it reports errors of the system
            number = re.search(r"os error (\d+)", str(error))
            if number is None:
                raise
            raise OSError(int(number[1]), os.strerror(int(number[1]))) from None
        _order_metadata(temporary)


def torch_bytes(content: object) -> memoryview:
    """Return what `torch.save` writes; its own writer of files hides the cause when a disk is full.

    Args:
        content: Tensors and plain values.
    """
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getbuffer()


def _digest(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> str:
    """Hash weights and what is said of them; a flipped bit in either would change results without a word."""
    state = hashlib.sha256()
    for name in sorted(metadata):
        if name != "digest":
            state.update(f"{name}\0{metadata[name]}\0".encode())
    for key in sorted(tensors):
        value = tensors[key].contiguous()
        state.update(f"{key}\0{value.dtype}\0{tuple(value.shape)}\0".encode())
        state.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return state.hexdigest()


def _order_metadata(path: Path) -> None:
    """Sort the metadata of a safetensors file, whose order the library does not fix: equal runs, equal bytes."""
    with path.open("rb+") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
        ordered = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
        if len(ordered) <= length:
            file.seek(8)
            file.write(ordered.ljust(length))


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
        raise CheckpointError(f"{path} is not a file: pass a .safetensors checkpoint, such as a run's best.safetensors")
    metadata = _open(path)[0]
    if metadata.get("format") != "dualhead":
        raise CheckpointError(f"{path} was not written by dualhead: its metadata does not describe the model")
    try:
        if int(metadata["schema"]) > SCHEMA:
            raise CheckpointError(
                f"{path} has schema {metadata['schema']}, this is dualhead {__version__} which reads up to {SCHEMA}: "
                f"install dualhead {metadata['version']} or later"
            )
        provenance, model = (json.loads(metadata[name]) for name in ("provenance", "model"))
        _MODEL(model, "model")
        _PROVENANCE(provenance, "provenance")
        classes = provenance.get("classes")
        if classes and len(classes) != model["num_classes"]:
            raise ValueError(f"it names {len(classes)} classes, but its model has {model['num_classes']}")
        return ModelConfig.from_dict(model), provenance
    except (KeyError, TypeError, ValueError, RecursionError, ConfigError) as error:
        reason = " ".join(str(error).split())[:200]
        raise CheckpointError(f"{path} has damaged metadata: {reason or type(error).__name__}") from error


def _open(path: str | Path, shapes: bool = False) -> tuple[dict[str, str], dict[str, list[int]]]:
    """Read the metadata of a safetensors file and, if requested, the shapes of its tensors."""
    try:
        with safe_open(path, framework="pt") as file:
            keys = list(file.keys()) if shapes else []
            return file.metadata() or {}, {key: file.get_slice(key).get_shape() for key in keys}
    except PermissionError as error:
        raise CheckpointError(f"{path} may not be read by this user: change its permissions") from error
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f"{path} is damaged or no .safetensors file: expected a checkpoint that `dualhead train` or `convert` wrote"
        ) from error


@alone()  # hundreds of small tensors, each too small to be shared out
def load_checkpoint(path: str | Path) -> tuple[SkeletonModel, dict[str, Any]]:
    """Rebuild a model with its weights.

    Args:
        path: A `.safetensors` file of `save_checkpoint`.

    Returns:
        The model in evaluation mode on the CPU, and the provenance.

    Raises:
        CheckpointError: If the file is absent, damaged, not ours, of a later schema, without its model's keys, or holds
            weights that are not numbers.
    """
    config, provenance = read_metadata(path)
    metadata, shapes = _open(path, shapes=True)
    _check_sizes(config, shapes, path)
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
        raise CheckpointError(
            f"{path} describes a model that cannot be built ({error}): use a complete copy"
        ) from error
    try:
        with safe_open(path, framework="pt") as file:
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - it is not a mapping
    except (SafetensorError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise CheckpointError(f"{path} is damaged ({reason}): use a complete copy") from error
    broken = not_finite(state)
    if broken:
        raise CheckpointError(f"{path} cannot be used: {not_finite_words(broken)}")
    try:
        model.load_state_dict(state, strict=True)
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise CheckpointError(f"{path} does not hold the weights of {config.name}: {reason}") from error
    if "digest" in metadata and metadata["digest"] != _digest(state, metadata):  # older files have none
        raise CheckpointError(f"{path} was changed or damaged after it was written: use a complete copy")
    model.provenance = provenance
    return model.eval(), provenance


def _check_sizes(config: ModelConfig, shapes: Mapping[str, Sequence[int]], path: str | Path) -> None:
    """Raise if the configuration has a number for which no tensor is large enough, before memory is allocated."""
    most = max([_ANY_SIZE, *(size for shape in shapes.values() if 0 not in shape for size in shape)])
    numbers = {"num_classes": config.num_classes, "in_channels": config.in_channels, **config.variant}
    for name, value in numbers.items():
        if isinstance(value, int) and value > most:
            raise CheckpointError(
                f"{path} has damaged metadata: {name} is {shorten(value)}, "
                f"no tensor has more than {most} rows or columns"
            )


def not_finite(state: Mapping[str, Tensor]) -> tuple[str, ...]:
    """Find the tensors that hold NaN or infinity.

    Args:
        state: Keys to tensors.

    Returns:
        Their keys.
    """
    return tuple(
        key
        for key, value in state.items()
        if value.is_floating_point() and value.numel() and not value.float().isfinite().all()
    )


def not_finite_words(keys: Sequence[str]) -> str:
    """Describe tensors that hold NaN or infinity, for an error message.

    Args:
        keys: The result of `not_finite`, at least one.

    Returns:
        A part of a sentence.
    """
    return f"{len(keys)} of its tensors hold NaN or infinity (first: {keys[0]}); use an earlier checkpoint"
