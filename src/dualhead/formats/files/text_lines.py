"""A bound on the lines of a text file: each takes a hundred times its bytes while it is parsed, be it empty."""

from __future__ import annotations

from pathlib import Path

from dualhead.runtime.errors import FormatError

MAX_LINES = 3_000_000
"""Most lines of a file: a landmark each, of half an hour."""

_ENDS = tuple(end.encode() for end in "\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029")


def check_lines(data: bytes, path: str | Path | None = None) -> None:
    """Raise if a file has too many lines, before it is split.

    Args:
        data: The file's bytes.
        path: The file, for the error message.

    Raises:
        FormatError: If there are more than `MAX_LINES`.
    """
    if len(data) > MAX_LINES and (count := sum(map(data.count, _ENDS))) > MAX_LINES:
        raise FormatError(f"{count} lines are more than the {MAX_LINES} of a recording: the file is damaged", path)
