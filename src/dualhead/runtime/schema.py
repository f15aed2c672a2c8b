"""Checks of the form of values that were read from a file, once, when they enter the package.

A check is a function of a value and of what it is called; it raises `SchemaError`, a `ValueError`, that names the place
of what does not match: `skeleton.joints[3] is 5: expected text`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Mapping
from typing import Any

from dualhead.runtime.errors import shorten

Check = Callable[[Any, str], None]
"""Raises `SchemaError` if a value, called by its place, is not of the form."""

MOST = 2**62
"""The largest integer that is valid where nothing else is said: sums of two stay in 64 bits."""


class SchemaError(ValueError):
    """A value of another form than the file should hold."""

    def __init__(self, place: str, value: object, expected: str):
        super().__init__(f"{place} is {shorten(value)}: expected {expected}")


def text(value: Any, place: str) -> None:
    """Check for text."""
    if not isinstance(value, str):
        raise SchemaError(place, value, "text")


def boolean(value: Any, place: str) -> None:
    """Check for true or false."""
    if not isinstance(value, bool):
        raise SchemaError(place, value, "true or false")


def number(value: Any, place: str) -> None:
    """Check for a finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise SchemaError(place, value, "a finite number")


def whole(least: int = -MOST, most: int = MOST) -> Check:
    """Return the check for an integer from `least` to `most`."""

    def check(value: Any, place: str) -> None:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            bounds = "" if least == -MOST else f" from {least}"
            bounds += "" if most == MOST else f" to {most}"
            raise SchemaError(place, value, f"an integer{bounds}")

    return check


def one_of(valid: Container[Any], words: str) -> Check:
    """Return the check for one of some values, which `words` describe."""

    def check(value: Any, place: str) -> None:
        try:
            fits = value in valid
        except TypeError:  # a list among the keys of a mapping
            fits = False
        if not fits:
            raise SchemaError(place, value, words)

    return check


def nullable(check: Check) -> Check:
    """Return the check for a value of a form, or null."""
    return lambda value, place: None if value is None else check(value, place)


def list_of(check: Check, least: int = 0, most: int | None = None) -> Check:
    """Return the check for a list of `least` to `most` values of one form."""

    def check_list(value: Any, place: str) -> None:
        if not isinstance(value, list):
            raise SchemaError(place, value, "a list")
        if len(value) < least or (most is not None and len(value) > most):
            raise SchemaError(place, value, f"a list of {least} to {most or 'any number of'} values")
        for at, item in enumerate(value):
            check(item, f"{place}[{at}]")

    return check_list


def mapping_of(check: Check) -> Check:
    """Return the check for a mapping of names to values of one form."""

    def check_mapping(value: Any, place: str) -> None:
        if not isinstance(value, Mapping):
            raise SchemaError(place, value, "a mapping")
        for name, item in value.items():
            text(name, f"a key of {place}")
            check(item, _below(place, name))

    return check_mapping


def record(needed: Mapping[str, Check], optional: Mapping[str, Check] | None = None) -> Check:
    """Return the check for a mapping of some names to values of their own forms; further names are fine."""

    def check(value: Any, place: str) -> None:
        if not isinstance(value, Mapping):
            raise SchemaError(place or "its content", value, "a mapping")
        for name, inner in needed.items():
            if name not in value:
                raise SchemaError(_below(place, name), None, "a value, it is absent")
            inner(value[name], _below(place, name))
        for name, inner in (optional or {}).items():
            if name in value:
                inner(value[name], _below(place, name))

    return check


def _below(place: str, name: str) -> str:
    short = shorten(name)[1:-1]
    return f"{place}.{short}" if place else short
