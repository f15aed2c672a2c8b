"""Long recordings with annotated intervals, whole: what windows over time are scored on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dualhead.data.bodies.selection import get_selection
from dualhead.formats.intervals import Stretch
from dualhead.formats.source import Item
from dualhead.reading.custom_source import CustomSource, frames_of
from dualhead.reading.sources import get_source
from dualhead.runtime.errors import FormatError
from dualhead.sequence import SkeletonSequence


@dataclass(frozen=True, eq=False)
class Annotated:
    """A long recording and what happens in it.

    Attributes:
        sequence: The recording, all frames.
        intervals: First frame, the frame behind the last and the class name of each annotated interval.
    """

    sequence: SkeletonSequence
    intervals: tuple[tuple[int, int, str], ...]


def read_untrimmed(raw: Path, *, unit: str | None = None, fps: float | None = None) -> Iterator[Annotated]:
    """Read long recordings with their intervals.

    Args:
        raw: A folder or archive of one's own data whose table has the columns `start` and `stop`, or whose clips have
            label files (docs/custom-data.md).
        unit: The unit of 3D coordinates; default: that of `dataset.yaml`, else metres.
        fps: Frames a second; default: as `dataset.yaml` or the files say.

    Yields:
        The recordings in the order of their names.

    Raises:
        ConfigError: If the unit is unknown.
        FormatError: If there is no such data set, it has no intervals, or a recording is damaged.
    """
    source = get_source("custom")
    if unit is not None:
        source = source.with_unit(unit)
    listing = source.list_items([raw])
    source = listing.source or source
    assert isinstance(source, CustomSource)
    by_file: dict[str, list[Item]] = {}
    for item in listing.items:
        if isinstance(item.member, Stretch):
            by_file.setdefault(item.member.whole.where, []).append(item)
    if not by_file:
        raise FormatError(
            "it has no intervals: pass the table the columns 'start' and 'stop', or label files beside the clips", raw
        )
    for items in by_file.values():
        yield _annotated(source, items, fps)


def _annotated(source: CustomSource, items: list[Item], fps: float | None) -> Annotated:
    first = items[0]
    assert isinstance(first.member, Stretch)
    whole, fields = first.member.whole, first.sample.fields
    recording = source.read_whole(whole, (fields.get("width", 0), fields.get("height", 0)))
    choose = get_selection(recording.body_selection or source.body_selection)
    joints, confidence = choose(recording, source.max_bodies)
    rate = fps or recording.fps
    name = whole.file_name.rpartition(".")[0]
    intervals = []
    for item in items:
        if isinstance(item.member, Stretch) and item.sample.label is not None:
            start, stop = frames_of(item.member, recording, rate)
            intervals.append((start, min(stop, recording.num_frames), source.classes[item.sample.label]))
    sequence = SkeletonSequence(joints, source.skeleton, name, None, confidence, dict(fields), fps=rate)
    return Annotated(sequence, tuple(sorted(intervals)))
