"""Annotated intervals of long recordings, from tables and from label files beside them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from dualhead.formats.files.raw_file import Member
from dualhead.formats.recording import Recording
from dualhead.runtime.errors import FormatError

_PKU_LINE = re.compile(r"\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*(?:,\s*\d+(?:\.\d*)?\s*)?", re.ASCII)
_PLAIN_LINE = re.compile(r"\s*(\d+(?:\.\d*)?)[\s,]+(\d+(?:\.\d*)?)[\s,]+(\S.*?)\s*", re.ASCII)
_MOST_INTERVALS = 100_000
_MOST_CHARACTERS = 2**22


@dataclass(frozen=True)
class Interval:
    """A stretch of a recording with one class.

    Attributes:
        start: Its first frame, from 0; or its first second.
        stop: The frame behind its last; or the second in which it ends.
        label: Its class, a name or a number as text.
        in_seconds: Whether start and stop are seconds.
    """

    start: float
    stop: float
    label: str
    in_seconds: bool = False

    def frames(self, fps: float | None, where: str) -> tuple[int, int]:
        """Convert start and stop to frames.

        Args:
            fps: Frames a second, or None where that is not known.
            where: The recording, for the error message.

        Returns:
            First frame and the frame behind the last.

        Raises:
            FormatError: If they are seconds and the frame rate is not known.
        """
        if not self.in_seconds:
            return int(self.start), int(self.stop)
        if fps is None:
            reason = (
                "its interval is in seconds, but the frame rate is not known: pass fps, or start and stop in frames"
            )
            raise FormatError(reason, where)
        return round(self.start * fps), round(self.stop * fps)

    @property
    def text(self) -> str:
        """The interval as part of a sample's name, so that names of one recording are in the order of time."""
        if self.in_seconds:
            return f"{round(1000 * self.start):08d}ms_{round(1000 * self.stop):08d}ms"
        return f"{int(self.start):06d}_{int(self.stop):06d}"


@dataclass(frozen=True)
class Stretch(Member):
    """An interval of a file with one long recording.

    Attributes:
        whole: The file.
        interval: The interval.
    """

    whole: Member
    interval: Interval

    def read(self) -> bytes:
        """Read the whole file; see `Member.read`."""
        return self.whole.read()


def stretch_of(member: Member, interval: Interval) -> Stretch:
    """Return an interval of a file as a file of its own.

    Args:
        member: The file.
        interval: The interval.
    """
    unit = "seconds" if interval.in_seconds else "frames"
    where = f"{member.where}, {unit} {interval.start:g} to {interval.stop:g}"
    return Stretch(where, member.size, member.modified, member, interval)


def parse_number(text: str) -> float | None:
    """Return a time or frame number of 0 or more; None for anything else."""
    match = re.fullmatch(r"\d{1,12}(?:\.\d{0,9})?", text, re.ASCII)
    return None if match is None else float(text)


def make_interval(start: str, stop: str, label: str, in_seconds: bool) -> Interval | str:
    """Check a pair of cells.

    Args:
        start: The first.
        stop: The second.
        label: The class.
        in_seconds: Whether they are seconds.

    Returns:
        The interval, or the reason why it is not valid.
    """
    values = [parse_number(start), parse_number(stop)]
    if values[0] is None or values[1] is None:
        return f"start {start[:20]!r} and stop {stop[:20]!r} are not two numbers of 0 or more"
    if not values[0] < values[1]:
        return f"stop {stop} is not behind start {start}"
    return Interval(values[0], values[1], label, in_seconds)


def parse_intervals(data: bytes, where: str) -> list[Interval]:
    """Parse a label file.

    Convention: a line is `class,start,stop,confidence` as in PKU-MMD (Liu et al., 2017), three or four integers
    with commas between, classes from 1; or `start stop label`, separated by blanks or commas, in frames, or in seconds
    where a number has a decimal point. Frames count from 0, and `stop` is the frame behind the last.

    Args:
        data: The file's bytes.
        where: The source, for the error message.

    Returns:
        The intervals in the order of time. The classes of PKU-MMD are numbers from 0.

    Raises:
        FormatError: If a line is neither, or ends before it begins.
    """
    try:
        lines = data[:_MOST_CHARACTERS].decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise FormatError(
            "not UTF-8 text: a label file has a line 'start stop label' for each interval", where
        ) from None
    numbered = [(number, line) for number, line in enumerate(lines, start=1) if line.strip()]
    if len(numbered) > _MOST_INTERVALS:
        raise FormatError(f"more than {_MOST_INTERVALS} lines are not intervals of one recording", where)
    in_pku = bool(numbered) and all(_PKU_LINE.fullmatch(line) for _, line in numbered)
    seconds = not in_pku and any(
        "." in match[1] + match[2] for _, line in numbered if (match := _PLAIN_LINE.fullmatch(line)) is not None
    )
    found = []
    for number, line in numbered:
        match = (_PKU_LINE if in_pku else _PLAIN_LINE).fullmatch(line)
        if match is None:
            raise FormatError(f"{line[:40]!r} is not an interval: pass 'start stop label' a line", where, number)
        if in_pku:
            made = make_interval(match[2], match[3], str(int(match[1]) - 1), False)
        else:
            made = make_interval(match[1], match[2], match[3], seconds)
        if isinstance(made, str):
            raise FormatError(made, where, number)
        found.append(made)
    return sorted(found, key=lambda interval: (interval.start, interval.stop))


def is_label_file(data: bytes) -> bool:
    """Return whether a text looks like a label file rather than a recording.

    Args:
        data: Its first bytes.
    """
    lines = [line for line in data[:2000].decode("utf-8-sig", "replace").splitlines()[:5] if line.strip()]
    if not lines:
        return False
    if all(_PKU_LINE.fullmatch(line) for line in lines):
        return True
    return all(
        (match := _PLAIN_LINE.fullmatch(line)) is not None and len(re.split(r"[\s,]+", match[3])) < 12
        for line in lines[:-1] or lines
    )


def cut_recording(recording: Recording, start: int, stop: int, where: str) -> Recording:
    """Cut an interval out of a recording.

    Args:
        recording: The recording.
        start: The first frame, from 0.
        stop: The frame behind the last; one behind the recording's end is cut there.
        where: The place, for the error message.

    Raises:
        FormatError: If nothing of the interval is in the recording.
    """
    notes = recording.notes
    if start < recording.num_frames < stop:
        notes = (*notes, "an interval ends behind the end of the recording and is cut there")
    stop = min(stop, recording.num_frames)
    if not 0 <= start < stop:
        raise FormatError(f"it has {recording.num_frames} frames: its interval lies outside", where)
    rows = np.flatnonzero((recording.frames >= start) & (recording.frames < stop))
    ids = recording.body_ids
    return replace(
        recording,
        joints=recording.joints[rows],
        frames=recording.frames[rows] - start,
        slots=recording.slots[rows],
        num_frames=stop - start,
        notes=notes,
        body_ids=tuple(ids[row] for row in rows.tolist()) if ids else (),
        tracking=None if recording.tracking is None else recording.tracking[rows],
        confidence=None if recording.confidence is None else recording.confidence[rows],
    )


def fill_background(intervals: Sequence[Interval], end: float, label: str, least: float = 1.0) -> list[Interval]:
    """Return what lies between intervals.

    Args:
        intervals: The intervals of one recording, in frames or in seconds.
        end: The end of the recording, in the same unit; `inf` where that is not known: nothing
            behind the last is taken.
        label: The class of what lies between.
        least: Shorter gaps are left out.
    """
    found, last = [], 0.0
    in_seconds = any(interval.in_seconds for interval in intervals)
    for interval in sorted(intervals, key=lambda interval: interval.start):
        if interval.start - last >= least:
            found.append(Interval(last, interval.start, label, in_seconds))
        last = max(last, interval.stop)
    if np.isfinite(end) and end - last >= least:
        found.append(Interval(last, end, label, in_seconds))
    return found
