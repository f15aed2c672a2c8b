"""JSON that may be damaged: one sentence with the line instead of a traceback."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualhead.runtime.errors import FormatError

_BLANKS = " \t\r\n"
_SMALL = 2**16
_BYTES_OF_A_LIST = 5  # on average, with what is in it; a coordinate alone has more


def parse_json(data: bytes, path: str | Path | None = None) -> Any:
    """Parse the content of a JSON file.

    Args:
        data: The file's bytes.
        path: Where they came from, for the error message.

    Returns:
        What it holds.

    Raises:
        FormatError: If it is not whole JSON; it names the 1-based line where there is one.
    """
    # an empty list or object takes 64 bytes and more, so brackets alone would take 30 times the file
    if len(data) > _SMALL and data.count(b"[") + data.count(b"{") > len(data) // _BYTES_OF_A_LIST:
        raise FormatError("not JSON of a recording, it holds hardly anything but brackets: the file is damaged", path)
    try:
        return json.loads(data)
    except json.JSONDecodeError as error:
        raise FormatError(f"not whole JSON ({error.msg}): copy or unzip it again", path, error.lineno) from None
    except (UnicodeDecodeError, RecursionError, ValueError) as error:
        raise FormatError(f"not JSON of a recording ({type(error).__name__}): the file is damaged", path) from None


@dataclass(frozen=True)
class JsonText:
    """A JSON file that was parsed, for the line of what is wrong in it: found by a second, slower reading.

    Attributes:
        data: The file's bytes.
        path: Where they came from.
    """

    data: bytes
    path: str | Path | None = None

    def fault(self, reason: str, *place: str | int) -> FormatError:
        """Make the error about a value.

        Args:
            reason: What is wrong with it.
            place: The keys and 0-based places that lead to it.
        """
        return FormatError(reason, self.path, self._line(place))

    def whole_number(self, value: object, most: int, *place: str | int, of: str = "") -> int:
        """Check a value that is to be a whole number from 0 on.

        Args:
            value: The value.
            most: The largest one that it may be.
            place: The keys and 0-based places that lead to it; the last is what it is called.
            of: More of what it is called.

        Raises:
            FormatError: If it is none.
        """
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
            reason = f"{place[-1]!r}{of} is {str(value)[:40]!r} instead of a whole number from 0 to {most}"
            raise self.fault(reason, *place)
        return value

    def _line(self, place: tuple[str | int, ...]) -> int | None:
        """Find the 1-based line of a value, or where there is none of what lacks it; None where all is one line."""
        text = self.data.decode(json.detect_encoding(self.data), "surrogatepass")
        if "\n" not in text.strip():
            return None
        at = _behind_blanks(text, 0)
        for step in place:
            found = [start for key, start in _parts(text, at) if key == step]
            if not found:
                break
            at = found[-1]  # of a key that comes twice the last one counts
        return text.count("\n", 0, at) + 1


def nested_numbers(value: Any, nulls: bool = False) -> NDArray[np.float64]:
    """Convert nested lists of numbers, as JSON has them, to an array; text and truth values are no numbers.

    Args:
        value: The lists.
        nulls: Whether null is valid; it becomes NaN.

    Returns:
        The array.

    Raises:
        ValueError: If lists beside each other differ in length.
        TypeError: If something in them is neither a list nor a number.
        OverflowError: If a number is too large.
    """
    shape: list[int] = []
    level = [value]
    while True:
        kinds = set(map(type, level))
        if kinds != {list}:
            break
        lengths = set(map(len, level))
        if len(lengths) > 1:
            raise ValueError("lists of different lengths")
        shape += lengths
        level = list(chain.from_iterable(level))
        if not level:
            return np.zeros(shape)
    if not kinds <= ({int, float, type(None)} if nulls else {int, float}):
        raise TypeError("something other than numbers")
    return np.array(level, np.float64).reshape(shape)


def odd_place(value: Any) -> tuple[int, ...]:
    """Lead to the first part of nested lists that keeps them from being an array of numbers.

    Args:
        value: The lists.

    Returns:
        The 0-based places on the way to the part that is no number, or has another shape than the first one beside it.
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


def _parts(text: str, at: int) -> Iterator[tuple[str | int, int]]:
    """Give the key or number of each part of the object or list that starts at a place, and where the part starts."""
    if text[at] not in "{[":
        return
    parse, named, number = json.JSONDecoder().raw_decode, text[at] == "{", 0
    at = _behind_blanks(text, at + 1)
    while text[at] not in "]}":
        key: str | int = number
        if named:
            key, at = parse(text, at)
            at = _behind_blanks(text, _behind_blanks(text, at) + 1)  # the colon
        yield key, at
        at = _behind_blanks(text, parse(text, at)[1])
        at = _behind_blanks(text, at + 1) if text[at] == "," else at
        number += 1


def _behind_blanks(text: str, at: int) -> int:
    while text[at : at + 1] in _BLANKS and at < len(text):
        at += 1
    return at
