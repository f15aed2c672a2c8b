"""The fast way through `.skeleton` files that are written exactly as published: arithmetic on all lines at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dualhead.formats.decimals import parse_decimals
from dualhead.formats.recording import Recording
from dualhead.skeleton import NTU25

MAX_FRAMES = 200_000
"""Longest recording that is read: almost two hours at 30 frames a second."""

MAX_COORDINATE = 1e6
"""Largest coordinate that is read, in metres; beyond it a number is taken for damage."""

_V = NTU25.num_joints
_BODY_FIELDS = 10
_JOINT_FIELDS = 12
_FEED, _RETURN, _SPACE = b"\n\r "
_JOINT_NUMBERS, _COORDINATES = np.arange(_V), np.arange(3)
_DIGITS = {str(count).encode(): count for count in range(10)}
_JOINT_COUNTS = [[str(_V).encode()] * count for count in range(10)]


def parse_regular(data: bytes) -> Recording | None:
    """Parse a recording whose fields are divided by single blanks and whose lines all end alike, in LF or CRLF.

    Args:
        data: The file's bytes, ASCII only, not empty.

    Returns:
        What the careful way gives, bit for bit; None for whatever is written in another way or damaged.
    """
    if not data.endswith(b"\n"):
        data += b"\n"
    found = _find_blanks(data)
    if found is None:
        return None
    blanks, last, width = found
    counts = _body_counts(data, blanks, last, width)
    if counts is None:
        return None
    frames = np.repeat(np.arange(len(counts)), counts)  # (B,)
    heads = frames + 2 + (2 + _V) * np.arange(len(frames))  # the line of each body's 10 fields
    joints = ((heads + 2)[:, None] + _JOINT_NUMBERS).ravel()  # the line of each joint
    fields = np.ones(1 + len(counts) + (2 + _V) * len(frames), np.int64)
    fields[heads] = _BODY_FIELDS
    fields[joints] = _JOINT_FIELDS
    if not np.array_equal(np.cumsum(fields) - 1, last):
        return None
    text = np.frombuffer(data, np.uint8)
    states = blanks.take(last.take(heads) - 1) + 1  # where each tracking state begins, a digit
    tracking = text.take(states) - np.uint8(ord("0"))
    if (tracking > 9).any() or (blanks.take(last.take(heads)) - states != width).any():
        return None
    # before x, y and z of a joint comes the last blank of the line above, the first and the second of its own
    before = (last.take(joints - 1)[:, None] + _COORDINATES).ravel()
    try:
        values = parse_decimals(data, blanks.take(before) + 1, blanks.take(before + 1))
    except ValueError:
        return None
    if values.size and not np.abs(values).max() <= MAX_COORDINATE:  # also true for NaN
        return None
    before = last.take(heads - 1)
    names = zip((blanks.take(before) + 1).tolist(), blanks.take(before + 1).tolist(), strict=True)
    return Recording(
        joints=values.reshape(len(frames), _V, 3),
        frames=frames,
        slots=np.arange(len(frames)) - np.repeat(np.cumsum(counts) - counts, counts),
        num_frames=len(counts),
        body_ids=tuple([data[start:end].decode("ascii") for start, end in names]),
        tracking=tracking.astype(np.int64),
    )


def _find_blanks(data: bytes) -> tuple[NDArray[np.int64], NDArray[np.int64], int] | None:
    """Find the single blanks that end the fields of a text.

    Args:
        data: The text; its last byte is a line end.

    Returns:
        Where they are, spaces and line feeds; which of them are line feeds; how many bytes end a line (LF or CRLF).
        None where blanks are doubled, of another kind, or of mixed kinds.
    """
    text = np.frombuffer(data, np.uint8)
    blank = text <= _SPACE
    width, returns = 1, None
    if b"\r" in data:
        width, returns = 2, text == _RETURN
        blank ^= returns
    blanks = np.flatnonzero(blank)
    kinds = text.take(blanks)
    last = np.flatnonzero(kinds == _FEED)
    if np.count_nonzero(kinds == _SPACE) + len(last) != len(blanks) or blanks[0] == 0:
        return None
    if len(blanks) > 1 and np.diff(blanks).min() < 2:
        return None
    if returns is not None:
        ends = blanks.take(last)
        if np.count_nonzero(returns) != len(ends) or not returns.take(ends - 1).all():
            return None
        if (text.take(ends - 2) <= _SPACE).any():
            return None
    return blanks, last, width


def _body_counts(
    data: bytes, blanks: NDArray[np.int64], last: NDArray[np.int64], width: int
) -> NDArray[np.int64] | None:
    """Read the number of bodies of each frame, up to 9, from the lines of a single field; None if these are irregular.

    Such lines are the frame count, then for each frame the body count and as often the joint count, 25.
    """
    single = np.flatnonzero(np.diff(last, prepend=-1) == 1)
    ends = blanks.take(last.take(single))
    starts = blanks.take(last.take(np.maximum(single - 1, 0))) + 1
    if not len(single) or single[0] != 0 or len(data) < 2:
        return None
    starts[0] = 0
    words = [data[start:end] for start, end in zip(starts.tolist(), (ends - width + 1).tolist(), strict=True)]
    counts: list[int] = []
    position = 1
    while position < len(words):
        count = _DIGITS.get(words[position])
        if count is None or words[position + 1 : position + 1 + count] != _JOINT_COUNTS[count]:
            return None
        counts.append(count)
        position += 1 + count
    if not (words[0].isdigit() and len(words[0]) < 20 and int(words[0]) == len(counts) <= MAX_FRAMES):
        return None
    return np.array(counts, np.int64)
