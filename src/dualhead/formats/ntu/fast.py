"""The fast parser of `.skeleton` files that are written exactly as published: arithmetic on all lines at once.

Fields are numbered through the file, and each ends with one blank. So the numbers of frames and bodies determine the
position of every field; only those that are read, the ends of all lines, and the number of blanks are inspected.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dualhead.formats.files.decimals import parse_decimals
from dualhead.formats.recording import Recording
from dualhead.skeleton import NTU25

MAX_FRAMES = 200_000
"""Longest recording that is read: almost two hours at 30 frames per second."""

MAX_COORDINATE = 1e6
"""Largest coordinate that is read, in metres; beyond it a number is interpreted as damage."""

_V = NTU25.num_joints
_BODY_FIELDS = 10
_JOINT_FIELDS = 12
_FIELDS = _BODY_FIELDS + 1 + _JOINT_FIELDS * _V
_FEED, _RETURN, _SPACE, _ZERO = b"\n\r 0"
_JOINT_COUNT = np.frombuffer(str(_V).encode(), np.uint8)[:, None]
_DIGITS = np.arange(1, 1 + len(_JOINT_COUNT))[:, None]
# The fields of a body that are looked at, from its first on: the one before, the body ID, the one before the tracking
# state and that, the joint count, the last; and those before x, y and z of each joint.
_BODY = np.array([-1, 0, _BODY_FIELDS - 2, _BODY_FIELDS - 1, _BODY_FIELDS, _FIELDS - 1])
_JOINTS = (_BODY_FIELDS + _JOINT_FIELDS * np.arange(_V)[:, None] + np.arange(3)).ravel()


def parse_regular(data: bytes) -> Recording | None:
    """Parse a recording whose fields are divided by single blanks and whose lines all end alike, in LF or CRLF.

    Args:
        data: The file's bytes.

    Returns:
        What the careful way gives, bit for bit; None for whatever is written in another way or damaged.
    """
    if not data.endswith(b"\n"):
        data += b"\n"
    blanks = _find_blanks(data)
    counts = None if blanks is None else _body_counts(data, blanks)
    if blanks is None or counts is None:
        return None
    known = np.zeros(len(counts) + 1, np.int64)  # the bodies before each frame, then all
    np.cumsum(counts, out=known[1:])
    above = np.arange(len(known)) + _FIELDS * known  # the field before each body count
    above, heads = blanks.at(above), blanks.at(above[:-1] + 1)
    frames = np.repeat(np.arange(len(counts)), counts)  # (B,)
    first = frames + 2 + _FIELDS * np.arange(len(frames))  # the first field of each body
    before, name, behind, state, count, last = blanks.at(first + _BODY[:, None])
    joints = first[:, None] + _JOINTS  # (B, V * 3)
    starts = blanks.at(joints)
    joints += 1
    ends = blanks.at(joints)
    if not _are_lines(data, blanks, np.concatenate([above[:1], heads, state, starts[:, ::3].ravel(), last])):
        return None
    text = np.frombuffer(data, np.uint8)
    tracking = text.take(behind + 1) - np.uint8(_ZERO)
    wrong = (tracking > 9) | (state - behind != 1 + blanks.width)
    wrong |= count - state != len(_DIGITS) + blanks.width
    wrong |= (text.take(state + _DIGITS) != _JOINT_COUNT).any(axis=0)
    if wrong.any() or (heads - above[:-1] != 1 + blanks.width).any():
        return None
    try:
        starts += 1
        values = parse_decimals(data, starts.ravel(), ends.ravel())
    except ValueError:
        return None
    if values.size and not np.abs(values).max() <= MAX_COORDINATE:  # also true for NaN
        return None
    names = zip(before.tolist(), name.tolist(), strict=True)
    return Recording(
        joints=values.reshape(len(frames), _V, 3),
        frames=frames,
        slots=np.arange(len(frames)) - known.take(frames),
        num_frames=len(counts),
        body_ids=tuple([data[blank + 1 : end].decode() for blank, end in names]),
        tracking=tracking.astype(np.int64),
    )


@dataclass(frozen=True, eq=False)
class _Blanks:
    """The blanks that end the fields of a text; no two are neighbours, so that two bytes hold at most one.

    Attributes:
        pairs: The pairs of bytes that hold a blank, ascending.
        halves: Of each pair of the text 0x0001 where its first byte is a blank, 0x0100 where its second is.
        width: Number of bytes that end a line: 1 for LF, 2 for CRLF.
    """

    pairs: NDArray[np.int64]
    halves: NDArray[np.uint16]
    width: int

    def at(self, fields: NDArray[np.int64]) -> NDArray[np.int64]:
        """Find the position of the blank behind each of some fields."""
        places = self.pairs.take(fields)
        odd = self.halves.take(places) >> 8
        places *= 2
        places += odd
        return places


def _find_blanks(data: bytes) -> _Blanks | None:
    """Find spaces and line feeds; None where two of them, or one and a byte that is not text, are neighbours."""
    text = np.frombuffer(data, np.int8)
    blank = np.zeros(len(text) + len(text) % 2, np.bool_)
    np.less_equal(text, _SPACE, out=blank[: len(text)])  # also of bytes above 127, which are negative here
    width = 1
    if b"\r" in data:
        width = 2
        blank[: len(text)] ^= text == _RETURN
    if (blank[1:] & blank[:-1]).any():
        return None
    halves = blank.view("<u2")
    return _Blanks((halves != 0).nonzero()[0], halves, width)


def _body_counts(data: bytes, blanks: _Blanks) -> NDArray[np.int64] | None:
    """Read the number of bodies of every frame, up to 9 each.

    Returns:
        The numbers; None where one, or the number of frames or of fields, is irregular. That each has a line of its own
        is not looked at here.
    """
    word = data[: max(int(blanks.at(np.array(0))) + 1 - blanks.width, 0)]
    if not (word.isdigit() and len(word) < 20 and int(word) <= MAX_FRAMES):
        return None
    pair_of, width = blanks.pairs.item, blanks.width
    counts: list[int] = []
    field = 1
    try:
        for _ in range(int(word)):
            place = 2 * pair_of(field)
            count = data[place + (data[place] != _FEED) - width] - _ZERO
            if not 0 <= count <= 9:
                return None
            counts.append(count)
            field += 1 + _FIELDS * count
    except IndexError:
        return None
    return np.array(counts, np.int64) if field == len(blanks.pairs) else None


def _are_lines(data: bytes, blanks: _Blanks, ends: NDArray[np.int64]) -> bool:
    """Check whether all lines end where they should with the same line ending, and all other blanks are spaces.

    Args:
        data: The text.
        blanks: All its blanks.
        ends: Those that should be line feeds.
    """
    text = np.frombuffer(data, np.int8)
    if (text.take(ends) != _FEED).any() or np.count_nonzero(text == _SPACE) != len(blanks.pairs) - len(ends):
        return False
    if blanks.width == 1:
        return True
    returns = text == _RETURN
    if np.count_nonzero(returns) != len(ends) or not returns.take(ends - 1).all():
        return False
    return bool((text.take(ends - 2) > _SPACE).all())
