"""Modules of a user's own that register models, streams, recipes, objectives, mixing rules and formats.

A module is imported because the user names it (`--import`, `import_plugins`) or because an installed package declares
it as an entry point of the group `dualhead.plugins`. A file never has code imported: experiments and checkpoints record
the modules that were given, and an error names those that are missing.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from dualhead.runtime.errors import CheckpointError, ConfigError, printable_line

GROUP = "dualhead.plugins"
"""Group of the entry points that are imported on their own."""

_given: dict[str, None] = {}
_discovered = False

logger = logging.getLogger("dualhead")


def import_plugins(modules: Iterable[str]) -> None:
    """Import modules that register what the package does not have.

    Args:
        modules: Dotted names; looked up in the current folder and among what is installed.

    Raises:
        ConfigError: If there is no such module, or it raises an error while it is imported.
    """
    for name in modules:
        if not name or not all(part.isidentifier() for part in name.split(".")):
            raise ConfigError(f"--import {name!r} is not a module: expected a dotted name such as my_package.my_module")
        here = str(Path.cwd())
        if here not in sys.path:
            sys.path.insert(0, here)
        try:
            import_module(name)
        except ModuleNotFoundError as error:
            if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
                raise ConfigError(
                    f"no module {name!r} in {here} or among the installed packages: check --import, or change to the "
                    "folder that holds it"
                ) from error
            raise ConfigError(f"module {name!r} cannot be imported: {_told(error)}") from error
        except ConfigError:
            raise
        except Exception as error:
            raise ConfigError(f"module {name!r} cannot be imported: {_told(error)}") from error
        _given[name] = None


def imported() -> tuple[str, ...]:
    """Return the modules that `import_plugins` imported, in their order; installed plugins are not among them."""
    return tuple(_given)


def require(modules: Iterable[str], where: object) -> None:
    """Check that the modules a file names have been imported.

    Args:
        modules: Dotted names.
        where: The file.

    Raises:
        ConfigError: If one has not; names the option that imports it.
    """
    if words := _missing_options(modules):
        raise ConfigError(f"{where} needs {words}: pass it on the command line, or call dualhead.import_plugins first")


def discover() -> None:
    """Import the plugins that installed packages declare, once; one that cannot be imported is logged and left out."""
    global _discovered
    if _discovered:
        return
    _discovered = True
    for point in entry_points(group=GROUP):
        _load(point)


def _load(point: EntryPoint) -> None:
    try:
        point.load()
    except Exception as error:  # noqa: BLE001  # another user's package must not stop the work
        logger.warning("plugin %s (%s) is left out: its import raised %s", point.name, point.value, _told(error))


@contextmanager
def explained(provenance: Mapping[str, Any], where: object) -> Iterator[None]:
    """Describe the missing module where a file needs a name that a plugin registered.

    Args:
        provenance: The provenance in the file; `imports` lists the modules that it was made with.
        where: The file.

    Raises:
        CheckpointError: In place of a `ConfigError` inside, where recorded modules have not been imported.
    """
    try:
        yield
    except ConfigError as error:
        recorded = provenance.get("imports")
        words = _missing_options(map(str, recorded)) if isinstance(recorded, list | tuple) else ""
        if not words:
            raise
        raise CheckpointError(f"{where} was made with {words}: pass the same ({error})") from error


def _missing_options(modules: Iterable[str]) -> str:
    """Return the options that import those of some modules that have not been imported; "" where all have."""
    return " ".join(f"--import {printable_line(name)}" for name in modules if name not in _given)


def _told(error: BaseException) -> str:
    """Return kind, message and place of an error in one line."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return printable_line(f"{type(error).__name__}: {error}{place}")
