"""Line numbers in `.skeleton` files, for error messages, and the undamaged part of a damaged file."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dualhead.formats.ntu.parse import parse_skeleton
from dualhead.formats.recording import Recording
from dualhead.runtime.errors import FormatError
from dualhead.skeleton import NTU25

_BODY_LINES = 2 + NTU25.num_joints


def first_lines(recording: Recording) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Number the lines of a recording as its `.skeleton` file has them.

    Args:
        recording: The recording that was parsed from a file without blank lines.

    Returns:
        The 1-based line of each frame's body count `(T,)`, and that of each observation's body ID `(B,)`.
    """
    counts = np.bincount(recording.frames, minlength=recording.num_frames)
    frames = 2 + np.arange(recording.num_frames) + _BODY_LINES * (np.cumsum(counts) - counts)
    bodies = 3 + recording.frames + _BODY_LINES * np.arange(recording.num_observations)
    return frames.astype(np.int64), bodies.astype(np.int64)


def parse_beginning(data: bytes, line: int | None) -> Recording:
    """Parse the whole frames before the damaged line of a file.

    Args:
        data: The file's bytes.
        line: The 1-based line of the damage, or None where it has none.

    Returns:
        These frames; a recording of none where nothing is whole.
    """
    lines = data.replace(b"\r\n", b"\n").split(b"\n")[: max((line or 1) - 1, 0)]
    whole, frames = 1, 0
    while whole < len(lines) and (count := lines[whole].strip()).isdigit() and len(count) < 10:
        behind = whole + 1 + _BODY_LINES * int(count)
        if behind > len(lines):
            break
        whole, frames = behind, frames + 1
    content = b"\n".join([str(frames).encode(), *lines[1:whole], b""])
    try:
        return parse_skeleton(content)
    except FormatError:  # such as bytes that are not text
        return parse_skeleton(b"0\n")
