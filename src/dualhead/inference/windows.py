"""Windows over a recording: how long, where they begin, and which frames each of them speaks for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from dualhead.runtime.errors import ConfigError
from dualhead.sequence import SkeletonSequence

FRAME_RATES: Mapping[str, float] = MappingProxyType(
    {"ntu60": 30.0, "ntu120": 30.0, "synthetic": 30.0, "kinetics": 30.0, "ucla": 30.0}
)
"""Frames a second of the data sets that have one rate."""

_SPAN = re.compile(r"(?P<number>\d+(?:\.\d+)?|\.\d+)\s*(?P<unit>s?)", re.ASCII)
_LONGEST = 1_000_000


def to_frames(span: int | str, fps: float | None, what: str) -> int:
    """Convert a duration to a number of frames.

    Args:
        span: A number of frames, as a number or as text, or seconds: "3s", "0.5s".
        fps: Frames a second; None where that is not known.
        what: The name of the length, for the error message.

    Returns:
        Whole frames, at least 1; seconds are rounded to the nearest frame.

    Raises:
        ConfigError: If it is not a length of time, less than a frame, or in seconds without a frame rate.
    """
    match = _SPAN.fullmatch(str(span).strip())
    if match is None or isinstance(span, bool):
        raise ConfigError(f"{what} is {span!r}: pass frames, such as 90, or seconds, such as 3s")
    number = float(match["number"])
    if match["unit"]:
        if fps is None:
            raise ConfigError(f"{what} is {span!r}, but the frame rate is not known: pass fps, or frames such as 90")
        number = float(np.rint(number * fps))
    if not 1 <= number <= _LONGEST or number != int(number):
        raise ConfigError(f"{what} is {span!r}, which is {number:g} frames: expected an integer from 1 to {_LONGEST}")
    return int(number)


def window_frames(window: int | str, stride: int | str | None, fps: float | None) -> tuple[int, int]:
    """Convert window and stride to frames.

    Args:
        window: Length of a window: frames, or seconds such as "3s".
        stride: From the start of one to the start of the next; None: half a window.
        fps: Frames a second, or None where that is not known.

    Returns:
        Frames of the window and of the stride, at least 1.

    Raises:
        ConfigError: As for `to_frames`, and if the frame rate is not above 0 and at most 1000.
    """
    if fps is not None and not 0 < fps <= 1000:
        raise ConfigError(f"fps is {fps:g}: expected frames per second, above 0 and at most 1000")
    length = to_frames(window, fps, "window")
    return length, max(length // 2, 1) if stride is None else to_frames(stride, fps, "stride")


@dataclass(frozen=True, eq=False)
class Window:
    """A part of a recording.

    Attributes:
        sequence: Its frames, of all bodies or of one.
        start: Its first frame, from 0.
        stop: The frame behind its last.
        share: First frame and the frame behind the last that it speaks for.
        body: The number of the one body, from 0; None where it has all of them.
    """

    sequence: SkeletonSequence
    start: int
    stop: int
    share: tuple[int, int]
    body: int | None


def cut_windows(sequence: SkeletonSequence, window: int, stride: int, each_body: bool = False) -> Iterator[Window]:
    """Cut a recording into windows; nothing is copied.

    Convention: a window in which no person is seen is left out. A body comes alone where it is seen in half of the
    window's frames or more.

    Args:
        sequence: The recording.
        window: Frames of a window.
        stride: Frames from the start of one to the start of the next.
        each_body: Whether each body comes alone too; not of a recording of one body.

    Yields:
        The windows in the order of time: all bodies, then each.

    Raises:
        ConfigError: If the recording was normalised and padded before: its frames are not those that were recorded.
    """
    if sequence.prepared:
        raise ConfigError(
            f"recording {sequence.name!r} was normalised and padded by recipe {sequence.prepared!r} before it was "
            "stored: windows need the raw recording"
        )
    windows = place_windows(sequence.num_frames, window, stride)
    for (start, stop), share in zip(windows, share_frames(windows), strict=True):
        frames: NDArray[np.intp] = np.any(sequence.joints[:, start:stop], axis=(2, 3)).sum(axis=1)  # (M,)
        if not frames.any():
            continue
        yield Window(sequence.with_bodies(slice(None), start, stop), start, stop, share, None)
        alone = np.flatnonzero(2 * frames >= stop - start) if each_body and sequence.num_bodies > 1 else ()
        for body in map(int, alone):
            yield Window(sequence.with_bodies(slice(body, body + 1), start, stop), start, stop, share, body)


def place_windows(num_frames: int, window: int, stride: int) -> list[tuple[int, int]]:
    """Compute the start and stop of every window.

    Convention: they begin at 0, stride, 2 * stride and so on; if the last of them ends before the recording does, one
    more ends with it. A recording shorter than a window is one window.

    Args:
        num_frames: T, frames of the recording.
        window: Frames of a window.
        stride: Frames from the start of one to the start of the next.

    Returns:
        First frame and the frame behind the last, of each.
    """
    if num_frames <= window:
        return [(0, num_frames)] if num_frames else []
    starts = list(range(0, num_frames - window + 1, stride))
    if starts[-1] + window < num_frames:
        starts.append(num_frames - window)
    return [(start, start + window) for start in starts]


def share_frames(windows: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Divide a recording among its windows, so that each frame is spoken for by the window it is most in the middle of.

    Convention: from the first frame on, to the last; between two windows the border lies halfway between their middles,
    rounded down.

    Args:
        windows: First frame and the frame behind the last, of each, in order.

    Returns:
        First frame and the frame behind the last that each speaks for, without gaps.
    """
    if not windows:
        return []
    borders = [border(one, other) for one, other in pairwise(windows)]
    return list(zip([windows[0][0], *borders], [*borders, windows[-1][1]], strict=True))


def border(one: tuple[int, int], other: tuple[int, int]) -> int:
    """Return the frame from which the second of two neighbouring windows is used."""
    return (sum(one) + sum(other)) // 4
