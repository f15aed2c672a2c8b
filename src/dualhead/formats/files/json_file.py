"""JSON that may be damaged: one sentence with the place in the document instead of a traceback."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualhead.runtime.errors import FormatError

_PLAIN_KEY = re.compile(r"[A-Za-z_]\w{0,40}", re.ASCII)
_LONGEST_KEY = 40
_SMALL = 2**22  # bytes that are not worth a count
_LETTERS = 1000
_BLOCK = 4096  # parts that become an array at once
_LIST, _DICT = 64, 200  # bytes that one takes without what is in it
_MOST_TIMES = 15  # that of the file


def parse_json(data: bytes, path: str | Path | None = None) -> Any:
    """Parse the content of a JSON file.

    Args:
        data: The file's bytes.
        path: The file, for the error message.

    Returns:
        What it holds.

    Raises:
        FormatError: If it is not whole JSON; it names the 1-based line where there is one.
    """
    # brackets alone would take 60 times the file
    if len(data) > _SMALL and _LIST * data.count(b"[") + _DICT * data.count(b"{") > _MOST_TIMES * len(data):
        raise FormatError("not JSON of a recording, it consists of brackets almost only: the file is damaged", path)
    try:
        return json.loads(data)
    except json.JSONDecodeError as error:
        raise FormatError(f"not whole JSON ({error.msg}): copy or unzip it again", path, error.lineno) from None
    except (UnicodeDecodeError, RecursionError, ValueError) as error:
        raise FormatError(f"not JSON of a recording ({type(error).__name__}): the file is damaged", path) from None


@dataclass(frozen=True)
class JsonFile:
    """A JSON file that was parsed, for errors that say where in the document something is wrong.

    Attributes:
        path: The source.
    """

    path: str | Path | None = None

    def fault(self, reason: str, *place: str | int) -> FormatError:
        """Return the error about a value.

        Args:
            reason: The fault.
            place: The keys and 0-based places that lead to it.
        """
        return FormatError(f"{spell_place(place)}: {reason}" if place else reason, self.path)

    def whole_number(self, value: object, most: int, *place: str | int, of: str = "") -> int:
        """Check a value that is to be an integer from 0 on.

        Args:
            value: The value.
            most: The largest one that it may be.
            place: The keys and 0-based places that lead to it; the last is what it is called.
            of: More of what it is called.

        Raises:
            FormatError: If it is anything else.
        """
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
            reason = f"{place[-1]!r}{of} is {str(value)[:40]!r} instead of an integer from 0 to {most}"
            raise self.fault(reason, *place)
        return value


def spell_place(place: Sequence[str | int]) -> str:
    """Format the path of a value in a document: `data[12].skeleton[0].pose`.

    Args:
        place: The keys and 0-based places that lead to it.
    """
    steps = []
    for step in place:
        if isinstance(step, int):
            steps.append(f"[{step}]")
        elif _PLAIN_KEY.fullmatch(step):
            steps.append(f".{step}")
        else:
            steps.append(f"[{json.dumps(step[:_LONGEST_KEY])}]")
    return "".join(steps).removeprefix(".")


def holds_only_numbers(data: bytes, texts: int) -> bool:
    """Return whether every value in a JSON text is a number or null, but for those that are counted.

    True and false are looked for by a letter of theirs, in a hundredth of the time of a search.

    Args:
        data: The text.
        texts: The keys and texts that were found in it.

    Returns:
        False also where that would take long to find out.
    """
    if data.count(b'"') != 2 * texts:
        return False
    for letter, word, place in ((b"u", b"true", 2), (b"f", b"false", 0)):
        at = data.find(letter)
        for _ in range(_LETTERS):
            if at < 0:
                break
            if data[at - place : at - place + len(word)] == word:
                return False
            at = data.find(letter, at + 1)
        else:
            return False
    return b"\0" not in data  # of another encoding than UTF-8


def nested_numbers(value: Any, nulls: bool = False, plain: bool = False) -> NDArray[np.float64]:
    """Convert nested lists of numbers, as JSON has them, to an array; text and truth values are not numbers.

    Args:
        value: The lists.
        nulls: Whether null is valid; it becomes NaN.
        plain: Whether no text and no truth value is among them, as `holds_only_numbers` finds out.

    Returns:
        The array.

    Raises:
        ValueError: If lists beside each other differ in length.
        TypeError: If something in them is neither a list nor a number.
        OverflowError: If a number is too large.
    """
    if plain:
        with suppress(TypeError, ValueError):  # of an empty list, or of what is refused below
            array = _plain_numbers(value)
            if nulls or not np.isnan(array).any():  # NumPy makes NaN of a null
                return array
    if isinstance(value, list) and len(value) > _BLOCK:
        parts = (nested_numbers(value[start : start + _BLOCK], nulls) for start in range(0, len(value), _BLOCK))
        return _concatenate(parts, len(value))
    shape: list[int] = []
    level = [value]
    while True:
        kinds = set(map(type, level))
        if kinds != {list}:
            break
        shape.append(_common_length(level))
        level = list(chain.from_iterable(level))
        if not level:
            return np.zeros(shape)
    if not kinds <= ({int, float, type(None)} if nulls else {int, float}):
        raise TypeError("something other than numbers")
    return np.array(level, np.float64).reshape(shape)


def _plain_numbers(value: Any) -> NDArray[np.float64]:
    """Convert lists in which there is no text and no truth value; NumPy's own way looks at each number twice."""
    shape: list[int] = []
    level = [value]
    while True:
        shape.append(_common_length(level))
        if not shape[-1]:
            raise ValueError("empty lists")
        numbers = chain.from_iterable(level)
        if not isinstance(level[0][0], list):
            return np.fromiter(numbers, np.float64, math.prod(shape)).reshape(shape)
        level = list(numbers)


def _common_length(lists: Sequence[Any]) -> int:
    lengths = set(map(len, lists))
    if len(lengths) > 1:
        raise ValueError("lists of different lengths")
    return lengths.pop()


def _concatenate(parts: Iterable[NDArray[np.float64]], length: int) -> NDArray[np.float64]:
    """Concatenate arrays one by one, so that they are not held beside the result, of a known length."""
    result = np.empty(0)
    stop = 0
    for part in parts:
        if not stop:
            result = np.empty((length, *part.shape[1:]))
        if part.shape[1:] != result.shape[1:]:
            raise ValueError("lists of different lengths")
        start, stop = stop, stop + len(part)
        result[start:stop] = part
    return result


def odd_place(value: Any) -> tuple[int, ...]:
    """Locate the first part of nested lists that prevents a conversion to an array of numbers.

    Args:
        value: The lists.

    Returns:
        The 0-based places on the way to the part that is not a number, or has another shape than the first one beside
        it.
    """
    first: tuple[int, ...] = ()
    for number, part in enumerate(value if isinstance(value, list) else ()):
        try:
            shape = nested_numbers(part, nulls=True).shape
        except (ValueError, TypeError, OverflowError):
            return number, *odd_place(part)
        first = first if number else shape
        if shape != first:
            return (number,)
    return ()
