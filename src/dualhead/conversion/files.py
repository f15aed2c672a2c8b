"""Files that the published code wrote: nothing but tensors is read from them."""

from __future__ import annotations

import pickle
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from dualhead.runtime.errors import CheckpointError, ConfigError

PUBLISHED_SUFFIXES = (".pt", ".pth")
"""The suffixes of published checkpoints."""

_WRAPPERS = ("state_dict", "model_state_dict", "model", "weights", "net")
_MAX_DEPTH = 8  # of wrappers; a damaged file may hold itself

# What PyTorch and safetensors raise for damaged files.
_UNREADABLE = (
    SafetensorError, RuntimeError, EOFError, OSError, ValueError, LookupError, TypeError, AttributeError,
    AssertionError, ArithmeticError, MemoryError, struct.error,
)  # fmt: skip


def read_published(path: str | Path) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Read the tensors of a checkpoint, also where they are nested under a name such as "state_dict".

    Args:
        path: A `.pt`, `.pth` or `.safetensors` file.

    Returns:
        Keys to tensors on the CPU, and the names of what stood beside them and was left aside.

    Raises:
        CheckpointError: If the file is absent, damaged, or holds anything but tensors, numbers and names.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"{path} is not a file: expected a published checkpoint (.pt, .pth or .safetensors)")
    content: Any
    try:
        if path.suffix == ".safetensors":
            content = load_file(path)
        else:
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{path} holds more than tensors, and unpickling that could run code: save its state dict alone"
        ) from error
    except _UNREADABLE as error:
        raise CheckpointError(
            f"{path} is damaged or no checkpoint: expected a published one, .pt or .pth that PyTorch wrote, or "
            f".safetensors"
        ) from error
    aside: list[str] = []
    for _ in range(_MAX_DEPTH):
        if not isinstance(content, Mapping):
            break
        wrapper = next((name for name in _WRAPPERS if isinstance(content.get(name), Mapping)), None)
        if wrapper is None:
            break
        aside += [str(name) for name in content if name != wrapper]
        content = content[wrapper]
    if not isinstance(content, Mapping) or not content:
        raise CheckpointError(
            f"{path} contains no state dict, but a {type(content).__name__}: expected a mapping of keys to tensors"
        )
    for key, value in content.items():
        if not isinstance(key, str) or not isinstance(value, Tensor):
            raise CheckpointError(f"{path} holds {key!r}, a {type(value).__name__}: expected tensors only")
    return dict(content), tuple(aside)


def read_classes(path: Path) -> list[str]:
    """Read class names, one a line, in the order of the labels.

    Args:
        path: A text file in UTF-8; empty lines at its end do not count.

    Returns:
        The names.

    Raises:
        ConfigError: If it cannot be read, is empty, or has an empty line between names.
    """
    try:
        lines = path.read_text(encoding="utf-8").rstrip().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
        raise ConfigError(f"{path} cannot be read as a list of classes: {reason}") from error
    names = [line.strip() for line in lines]
    if not names or not all(names):
        where = f"line {names.index('') + 1} is empty" if names else "it is empty"
        raise ConfigError(f"{path} is not a list of classes: {where}; pass the name of a class on each line")
    return names
