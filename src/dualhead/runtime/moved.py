"""Sentences for names that version 0.1 had elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NoReturn


def moved(module: str, names: Mapping[str, str]) -> Callable[[str], NoReturn]:
    """Return the `__getattr__` of a module that names of version 0.1 were imported from.

    Args:
        module: The name of the module.
        names: What the old names are called now.
    """

    def find(name: str) -> NoReturn:
        if name in names:
            raise ImportError(f"{module}.{name} is now {names[name]}")
        raise AttributeError(f"module {module!r} has no attribute {name!r}")

    return find
