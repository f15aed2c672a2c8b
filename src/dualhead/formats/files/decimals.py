"""Many decimal numbers in a text at once: digits become numbers by arithmetic on the bytes, eight at a time.

A number of at most 15 digits is an integer below 2^53 divided by a power of ten of at most 10^15. Both are exact in
float64, so their quotient is the nearest float64, which is what `float` gives (Clinger, How to read floating point
numbers accurately, PLDI 1990). Whatever is not one digit, a dot and up to 14 digits goes through `float`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_WORD = 8
_MOST_DECIMALS = 14
_DOT, _MINUS, _ZERO = ord("."), ord("-"), ord("0")
_ZEROS = np.uint64(0x3030303030303030)
_SIXES = np.uint64(0x0606060606060606)
_HIGH_HALVES = np.uint64(0xF0F0F0F0F0F0F0F0)
_POWERS = np.array([10**power for power in range(_MOST_DECIMALS + 1)], np.float64)
# Entry n keeps the last n of 8 bytes; the first of them is the lowest of a little-endian word.
_KEEP = np.array([2**64 - 2 ** (8 * (_WORD - count)) for count in range(_WORD + 1)], np.uint64)
# Factors, shifts and masks that join neighbours: digits to pairs, pairs to fours, fours to eights.
_JOINS = tuple(
    (np.uint64(base * 2**bits + 1), np.uint64(bits), np.uint64(mask))
    for base, bits, mask in ((10, 8, 0x00FF00FF00FF00FF), (100, 16, 0x0000FFFF0000FFFF), (10_000, 32, 0xFFFFFFFF))
)
_BITS, _SIGN_BIT = np.uint64(64), np.uint64(63)


def parse_decimals(data: bytes, starts: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.float64]:
    """Convert pieces of a text to numbers, bit for bit as `float` does.

    Args:
        data: The text, ASCII only.
        starts: The start of each number `(n,)`.
        ends: The end of each `(n,)`: not before its start, and with 16 bytes or more of text before and 8 behind.

    Returns:
        The numbers `(n,)`.

    Raises:
        ValueError: If a piece is not a number, or has an underscore in it.
    """
    text = np.frombuffer(data, np.uint8)
    words = np.frombuffer(data, "<u8", len(data) // _WORD)
    negative = text.take(starts) == _MINUS
    digits = starts + negative
    whole = text.take(digits)
    whole -= np.uint8(_ZERO)  # of anything but a digit it is above 9
    digits += 1
    odd = text.take(digits) != _DOT
    odd |= whole > 9
    decimals = np.subtract(ends, digits, out=digits)
    decimals -= 1
    odd |= decimals.view(np.uint64) > _MOST_DECIMALS  # also where there are fewer than none
    values = _join_digits(_before(words, ends), decimals, odd)
    long = (decimals > _WORD).nonzero()[0]
    if len(long):
        wrong = np.zeros(len(long), np.bool_)
        values[long] += 1e8 * _join_digits(_before(words, ends[long] - _WORD), decimals[long] - _WORD, wrong)
        odd[long] |= wrong
    powers = _POWERS.take(decimals, mode="clip")
    values += whole * powers
    values /= powers
    signs = values.view(np.uint64)
    signs |= negative.astype(np.uint64) << _SIGN_BIT
    if odd.any():
        for index in np.flatnonzero(odd).tolist():
            piece = data[starts[index] : ends[index]]
            if b"_" in piece:
                raise ValueError(f"{piece!r} is not a number")
            values[index] = float(piece)
    return values


def _before(words: NDArray[np.uint64], ends: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Gather the 8 bytes before each of some places; from two aligned words, which costs half of unaligned ones."""
    above = ends >> 3
    shifts = (ends & 7).view(np.uint64)
    shifts <<= np.uint64(3)
    high = words.take(above)
    above -= 1
    result = words.take(above)
    result >>= shifts
    high <<= np.subtract(_BITS, shifts, out=shifts)  # numpy gives 0 where all 64 bits are shifted out
    result |= high
    return result


def _join_digits(words: NDArray[np.uint64], counts: NDArray[np.int64], odd: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Join the last `counts` (any number; 0 to 8 count) of 8 characters to an integer.

    Args:
        words: The characters as little-endian words `(n,)`; overwritten.
        counts: Number of digits `(n,)`.
        odd: Set where one is not a digit `(n,)`.

    Returns:
        The numbers `(n,)`.
    """
    words ^= _ZEROS  # a digit becomes its value
    words &= _KEEP.take(counts, mode="clip")
    sixes = words + _SIXES  # 10 and more reach 16; ASCII never overflows
    sixes &= _HIGH_HALVES
    odd |= sixes != 0
    for factor, shift, mask in _JOINS:
        words *= factor
        words >>= shift
        words &= mask
    return words.astype(np.float64)
