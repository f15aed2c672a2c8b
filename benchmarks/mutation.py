"""Changing whole inputs so that they break in the ways that files break: bytes, tokens, lines, numbers, cuts, joins."""

from __future__ import annotations

import random
from collections.abc import Sequence

_PAIRS = b")" + b"2\x86" * 40
"""A pickled pair of pairs of pairs ...: 2^40 values to whoever looks at each of them."""

_TOKENS = (
    b"", b"\n", b"\r\n", b" ", b"\t", b"\0", b"\xff", b"\xef\xbb\xbf", b"-", b"+", b".", b",", b"_", b"0", b"1", b"-1",
    b"25", b"2147483648", b"9223372036854775808", b"9" * 400, b"1e999", b"-1e-999", b"1e5", b"nan", b"NaN", b"Infinity",
    b"null", b"true", b"{}", b"[]", b"[[", b"]", b"}", b'"', b"'", b":", b"&a [*a]", b"!!python/object:os.system",
    b"\x80\x04", b"\x93NUMPY", b"PK\3\4", b"../", b"/", b"\\u0000", b"\xed\xa0\x80", b"<i8", b"|O", b"(2, 3)",
    _PAIRS, b"}" + _PAIRS + b"K\x01s0",
)  # fmt: skip


def mutate(data: bytes, others: Sequence[bytes], rng: random.Random) -> bytes:
    """Change an input in one to six places.

    Args:
        data: The whole input.
        others: Inputs that pieces are taken from.
        rng: Source of all randomness.

    Returns:
        The changed input, at most twice as long and some.
    """
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        place = rng.randrange(len(changed) + 1)
        length = rng.choice((0, 1, 1, 2, 4, 8, 30, 200))
        kind = rng.randrange(9)
        if kind == 0:
            changed[place : place + length] = rng.choice(_TOKENS)
        elif kind == 1 and changed:
            changed[min(place, len(changed) - 1)] ^= 1 << rng.randrange(8)
        elif kind == 2:
            del changed[place : place + length]
        elif kind == 3:
            changed[place:place] = changed[place : place + length]
        elif kind == 4:
            other = rng.choice(others)
            start = rng.randrange(len(other) + 1)
            changed[place : place + length] = other[start : start + length]
        elif kind == 5:
            changed[place : place + length] = rng.randbytes(length)
        elif kind == 6:
            _change_number(changed, place, rng)
        elif kind == 7:
            _change_line(changed, place, rng)
        elif rng.random() < 0.3:
            del changed[place:]
    return bytes(changed)


def _change_number(data: bytearray, place: int, rng: random.Random) -> None:
    """Replace the digits at or behind a place."""
    digits = b"0123456789"
    start = next((index for index in range(place, min(place + 200, len(data))) if data[index] in digits), None)
    if start is not None:
        end = start
        while end < len(data) and data[end] in digits:
            end += 1
        data[start:end] = str(rng.choice((0, 1, 2, 24, 26, 255, 2**31, 2**64, rng.randrange(1000)))).encode()


def _change_line(data: bytearray, place: int, rng: random.Random) -> None:
    """Repeat or remove the line at a place."""
    start, end = data.rfind(b"\n", 0, place) + 1, data.find(b"\n", place) + 1
    if end:
        line = data[start:end]
        data[start:end] = line * rng.choice((0, 2, 3))
