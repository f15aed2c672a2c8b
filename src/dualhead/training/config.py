"""Experiments as YAML files: finding them by short name, reading them strictly, overriding single keys."""

from __future__ import annotations

import dataclasses
import math
import types
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import yaml

from dualhead.runtime.errors import ConfigError, FormatError, shorten, unknown
from dualhead.runtime.files import write_text
from dualhead.runtime.plugins import require
from dualhead.runtime.yaml_file import parse_yaml, read_yaml
from dualhead.training.experiment import RENAMED_KEYS, Experiment


def list_configs() -> list[str]:
    """Return the short names of the built-in experiments, such as "ucla/dualhead"."""
    root = Path(str(resources.files("dualhead") / "configs"))
    return sorted(path.relative_to(root).with_suffix("").as_posix() for path in root.glob("*/*.yaml"))


def find_config(config: str | Path) -> Path:
    """Find an experiment file.

    Args:
        config: A path to a YAML file, or a short name from `list_configs`.

    Returns:
        The path of the file.

    Raises:
        ConfigError: If there is neither such a file nor such a name.
    """
    path = Path(config)
    if path.is_file():
        return path
    name = path.as_posix().removeprefix("configs/").removesuffix(".yaml")
    if name in list_configs():
        return Path(str(resources.files("dualhead") / "configs" / f"{name}.yaml"))
    raise unknown("experiment (no such file, and no such name)", str(config), list_configs())


def load_experiment(
    config: str | Path, overrides: Mapping[str, object] | None = None, *, saved: bool = False
) -> Experiment:
    """Load an experiment file.

    Args:
        config: A path to a YAML file, or a short name from `list_configs`.
        overrides: Values that replace the file's, by dotted key ("optimizer.lr"); text is read as YAML. A "model.name"
            other than the file's drops the file's `model.arguments`, which are meant for the file's model; likewise
            "objective.name".
        saved: Whether the file was written by a run, which may be one of an earlier version with other names of keys.

    Returns:
        The experiment.

    Raises:
        ConfigError: If the file is not found or not YAML, a key or value is not valid (names the nearest key), or it
            needs a module that has not been imported.
    """
    path = find_config(config)
    try:
        values = read_yaml(path)
    except FormatError as error:
        raise ConfigError(str(error)) from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path} contains no keys: an experiment is a YAML mapping such as 'epochs: 65'")
    for part in ("model", "objective"):
        choice, chosen = values.get(part), (overrides or {}).get(f"{part}.name")
        if isinstance(choice, dict) and chosen not in (None, choice.get("name")):
            choice.pop("arguments", None)
    for key, value in (overrides or {}).items():
        _override(values, key, value)
    experiment = parse_experiment(values, str(config), saved=saved)
    if not saved:
        require(experiment.imports, config)
    return experiment


def parse_experiment(values: Mapping[str, Any], source: str = "experiment", *, saved: bool = False) -> Experiment:
    """Build an experiment from nested plain values, as read from YAML or JSON.

    Args:
        values: The keys of `Experiment`, nested.
        source: The origin of the values, for error messages.
        saved: Whether they were written by a run, which may be one of an earlier version with other names of keys.

    Returns:
        The experiment.

    Raises:
        ConfigError: If a key is unknown or missing, or a value has the wrong type or range; an old name of a key is
            named with the new one.
    """
    try:
        experiment: Experiment = _build(Experiment, _present_names(values, saved), "")
    except ConfigError as error:
        raise ConfigError(f"{source}: {error}") from error
    return experiment


def save_experiment(path: str | Path, experiment: Experiment) -> None:
    """Write an experiment as YAML that `load_experiment` reads back to the same value.

    Args:
        path: The file to create or replace.
        experiment: The experiment to write.
    """
    write_text(path, yaml.safe_dump(experiment.as_dict(), sort_keys=False, allow_unicode=True))


def _present_names(values: Mapping[str, Any], saved: bool) -> Mapping[str, Any]:
    """Translate keys of an earlier version where a run has saved them; refuse them elsewhere."""
    old = [key for key in values if key in RENAMED_KEYS]
    if old and not saved:
        raise ConfigError(f"key {old[0]!r} has a new name: write {RENAMED_KEYS[old[0]]!r}")
    present: dict[str, Any] = {key: value for key, value in values.items() if key not in old}
    for key in old:
        if values[key] != 0 or key != "label_smoothing":  # no smoothing is said by leaving it out
            _override(present, RENAMED_KEYS[key], values[key])
    return present


def _override(values: dict[str, Any], key: str, value: object) -> None:
    *parents, last = key.split(".")
    place = values
    for parent in parents:
        below = place.setdefault(parent, {})
        if not isinstance(below, dict):
            raise ConfigError(
                f"{key!r} overrides a part of {parent!r}, which is {shorten(below)}: override {parent!r} itself"
            )
        place = below
    if isinstance(value, str):
        try:
            value = parse_yaml(value)
        except FormatError as error:
            raise ConfigError(f"{key} is {shorten(value)}: expected a YAML value, this is {error}") from error
    place[last] = value


def _build(kind: type[Any], values: Mapping[str, Any], prefix: str) -> Any:
    """Build the dataclass `kind`; `prefix` is the dotted path to it for error messages."""
    hints = get_type_hints(kind)
    fields = {field.name: field for field in dataclasses.fields(kind)}
    for key in values:
        if key not in fields:
            raise unknown("key", f"{prefix}{key}", [f"{prefix}{name}" for name in fields])
    required = [
        name
        for name, field in fields.items()
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    ]
    missing = [name for name in required if name not in values]
    if missing:
        raise ConfigError(f"key {prefix + missing[0]!r} is missing: an experiment needs {', '.join(required)}")
    return kind(**{name: _convert(hints[name], value, f"{prefix}{name}") for name, value in values.items()})


def _convert(kind: Any, value: Any, name: str) -> Any:
    """Check a value against its type hint and bring it to it; a number written as text ("5e-4") counts as a number."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):  # the only unions are with None, and the recipe: a name or a mapping
        if dict[str, Any] in arguments:
            return _convert(dict[str, Any] if isinstance(value, Mapping) else str, value, name)
        (inner,) = (argument for argument in arguments if argument is not type(None))
        return None if value is None else _convert(inner, value, name)
    if dataclasses.is_dataclass(kind):
        if not isinstance(value, Mapping):
            raise ConfigError(f"{name} is {shorten(value)}: expected a mapping of its keys")
        return _build(kind, value, f"{name}.")  # type: ignore[arg-type]
    if origin is Literal:
        if str(value) not in arguments or isinstance(value, bool):
            raise unknown(name, str(value), arguments)
        return str(value)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise ConfigError(f"{name} is {shorten(value)}: expected a list such as [35, 55]")
        return tuple(_convert(arguments[0], item, name) for item in value)
    if origin is dict:
        if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
            raise ConfigError(f"{name} is {shorten(value)}: expected a mapping of names to values")
        return dict(value)
    return _scalar(kind, value, name)


def _scalar(kind: type[Any], value: Any, name: str) -> Any:
    if kind is float and isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            number = float(value)
        except (ValueError, OverflowError) as error:
            raise ConfigError(f"{name} is {shorten(value)}: expected a number") from error
        if math.isfinite(number):
            return number
        raise ConfigError(f"{name} is {shorten(value)}: expected a finite number")
    fine = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
    if not fine:
        words = {int: "an integer", float: "a number", str: "text", bool: "true or false"}
        raise ConfigError(f"{name} is {shorten(value)}: expected {words[kind]}")
    return value
