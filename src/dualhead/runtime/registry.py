"""Things that are requested by name: those of the package and those that a user's own modules add."""

from __future__ import annotations

import re
from collections.abc import Callable, ItemsView, Iterator
from typing import Generic, TypeVar

from dualhead.runtime import plugins
from dualhead.runtime.errors import ConfigError, unknown

Value = TypeVar("Value")

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


class Registry(Generic[Value]):
    """Values by name, in the order in which they were added.

    Installed plugins (entry points of the group `dualhead.plugins`) are imported when a name is not known or the names
    are listed.

    Args:
        kind: The kind of a value, for errors: "stream", "objective".
        load: Imports the package's own modules that add values, called once before the first look-up; None where the
            module that holds the registry adds them itself.
    """

    def __init__(self, kind: str, load: Callable[[], object] | None = None):
        self.kind = kind
        self._values: dict[str, Value] = {}
        self._sources: dict[str, tuple[str, str]] = {}
        self._load = load

    def add(self, name: str, value: Value, source: object = None) -> Value:
        """Add a value.

        Args:
            name: Letters, digits, `_` and `-`, beginning with a letter.
            value: The value. One that was defined at the same place, as after a reload of its module, replaces the
                former.
            source: The function or class that the value wraps, which says where it was defined; None: the value.

        Returns:
            The value.

        Raises:
            ConfigError: If the name has other characters, or belongs to something else.
        """
        if not _NAME.fullmatch(name):
            raise ConfigError(
                f"{self.kind} name {name!r} cannot be registered: expected letters, digits, _ and -, beginning with a "
                "letter"
            )
        place = _place(value if source is None else source)
        if name in self._values and self._sources[name] != place:
            raise ConfigError(
                f"{self.kind} {name!r} is registered already, by {self._sources[name][0]}: choose another name"
            )
        self._values[name], self._sources[name] = value, place
        return value

    def _ensure(self) -> None:
        if self._load is not None:
            load, self._load = self._load, None
            load()

    def __getitem__(self, name: str) -> Value:
        """Return a value.

        Args:
            name: Its name.

        Returns:
            The value.

        Raises:
            ConfigError: If the name is not known, neither here nor to an installed plugin; names the nearest one.
        """
        if name not in self._values and name not in self:
            raise unknown(self.kind, name, self.names())
        return self._values[name]

    def __contains__(self, name: object) -> bool:
        """Return whether a name is known here or to an installed plugin."""
        self._ensure()
        if name not in self._values:
            plugins.discover()
        return name in self._values

    def __iter__(self) -> Iterator[str]:
        """Yield the names."""
        return iter(self.names())

    def __len__(self) -> int:
        """Return how many names there are."""
        return len(self.names())

    def remove(self, name: str) -> None:
        """Remove a name.

        Args:
            name: A name that was added.
        """
        del self._values[name], self._sources[name]

    def names(self) -> list[str]:
        """Return all names, those of installed plugins last."""
        self._ensure()
        plugins.discover()
        return list(self._values)

    def items(self) -> ItemsView[str, Value]:
        """Return names and values."""
        self.names()
        return self._values.items()


def _place(value: object) -> tuple[str, str]:
    """Return module and name of where a value was defined; one that is no function or class is only itself."""
    if hasattr(value, "__qualname__"):
        return str(getattr(value, "__module__", "?")), str(value.__qualname__)
    return type(value).__module__, f"{type(value).__qualname__} {id(value)}"
