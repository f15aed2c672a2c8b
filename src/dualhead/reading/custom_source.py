"""A user's own data: a folder of clips, a table of their names and labels, and a description (docs/custom-data.md)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualhead.formats.custom.columns import read_table
from dualhead.formats.custom.description import Description, find_beside, read_description
from dualhead.formats.custom.table import CustomTable, make_table, read_custom_table, with_background
from dualhead.formats.file_format import RawClip, RawFile, ReadingOptions
from dualhead.formats.files.member import Member, list_members
from dualhead.formats.intervals import Stretch, cut_recording, is_label_file, parse_intervals, stretch_of
from dualhead.formats.recording import Recording
from dualhead.formats.source import Duplicate, Item, Listing, Rejected, Source, names_to_leave_out
from dualhead.formats.video import VIDEO
from dualhead.reading.listing import FrameSet, only_clip, parse_frames, parse_member, with_frame_sets
from dualhead.reading.recognise import recognise, require_supported
from dualhead.reading.registry import readable_suffixes
from dualhead.runtime.errors import FormatError, MismatchError
from dualhead.sequence import SkeletonSequence
from dualhead.skeleton import NTU25, Skeleton
from dualhead.skeleton_maps import convert_skeleton

_NO_CLIPS = (".txt", *VIDEO.suffixes)  # notes and licences, and what clips were made of
_LABEL_SUFFIXES = (".txt", ".csv", ".label")
_MOST_LABEL_BYTES = 2**22


@dataclass(frozen=True, kw_only=True)
class CustomSource(Source):
    """Clips named in a table; each further column of the table is a field that protocols are rules over.

    Attributes:
        axes: The order of the axes of arrays, such as "TMVC"; None: as their numbers say.
    """

    axes: str | None = None

    def read(self, item: Item) -> Recording:
        """Read and parse one clip of any format, and bring it to the skeleton of the data set; see `Source.read`."""
        fields = item.sample.fields
        size = (fields.get("width", 0), fields.get("height", 0))
        member = item.member
        whole = member.whole if isinstance(member, Stretch) else member
        recording = _read_whole(self, whole, size) if isinstance(member, Stretch) else self.read_whole(whole, size)
        if isinstance(member, Stretch):
            start, stop = frames_of(member, recording)
            recording = cut_recording(recording, start, stop, member.where)
        return recording

    def read_whole(self, member: Member, size: tuple[int, int]) -> Recording:
        """Read a file of the data set, all of it.

        Args:
            member: The file.
            size: Width and height of its image as the table says, 0 where it does not.

        Raises:
            FormatError: If it is damaged, of no known format, or holds more than one recording.
        """
        found = (
            member.known
            if isinstance(member, FrameSet)
            else require_supported(recognise(RawFile(member)), member.where)
        )
        options = ReadingOptions(
            skeleton=None if found.brings_skeleton else self.skeleton,
            usual=self.skeleton,
            image_size=size if min(size) > 0 else None,
            fps=self.fps,
            unit=self.unit if self.skeleton.dimensions == 3 else None,
            has_confidence=self.has_confidence,
            axes=self.axes,
            any_scale=True,
        )
        if isinstance(member, FrameSet):
            clips = parse_frames(member.files, found, options)
        else:
            clips = parse_member(member, options)
        return self._fitted(only_clip(clips, member.where), size)

    def _fitted(self, clip: RawClip, size: tuple[int, int]) -> Recording:
        """Convert a clip to the skeleton, the unit and the confidence of the data set."""
        recording = clip.recording
        if clip.skeleton != self.skeleton:
            try:
                recording = convert_recording(recording, clip.skeleton, self.skeleton)
            except MismatchError as error:
                raise FormatError(str(error), clip.where) from None
        if clip.unit == "px" and min(size) == 0 and "width" in clip.fields:  # the table has no columns for it
            image = (clip.fields["width"], clip.fields["height"])
            recording = replace(recording, joints=recording.joints / np.array(image, np.float64))
        confidence = recording.confidence
        seen: NDArray[np.bool_] = np.any(recording.joints, axis=2)
        if self.has_confidence and confidence is None:
            recording = replace(recording, confidence=seen.astype(np.float64))
        elif not self.has_confidence and confidence is not None:
            recording = replace(recording, confidence=None, drops_confidence=True)
        selection = "" if clip.body_selection == "order" else clip.body_selection
        return replace(recording, body_selection=selection, notes=clip.notes)

    def list_items(self, raw: Sequence[Path], missing_list: Path | None = None) -> Listing:
        """Read the description and the table, and find their clips; see `Source.list_items`."""
        members = list(list_members(raw))
        description = read_description(members, ", ".join(map(str, raw)))
        suffixes = readable_suffixes()
        label_files = _label_files(members)
        table = description.table
        if table is None:
            table = _usual_table(description, members, label_files)
        said = _read_table(description, table, label_files, suffixes)
        background = self.background or description.background
        if background:
            said = with_background(said, background)
        settings = {description.where, "" if table is None else table.where, description.skeleton_file}
        settings |= {member.where for member in label_files.values()}
        clips = [
            member for member in members if member.file_name.lower().endswith(suffixes) and member.where not in settings
        ]
        clips = with_frame_sets(clips, ReadingOptions())
        items, rejected, duplicates = _matched(said, clips)
        if not items:
            raise FormatError(
                f"none of the {len(said.samples)} names in it is that of one of {len(clips)} clips "
                f"({', '.join(suffixes)}): a clip is a file NAME.npy or the like",
                said.where,
            )
        source = replace(
            self,
            skeleton=description.skeleton,
            classes=said.classes,
            fields=said.columns,
            protocols=description.protocols(said),
            has_confidence=description.confidence,
            max_bodies=description.bodies,
            fps=description.fps,
            unit=self.unit or description.unit,
            axes=description.axes,
            background=background,
            notes=tuple(
                f"{column}: {', '.join(words)} are 0 to {len(words) - 1}" for column, words in said.codes.items()
            ),
        )
        missing = names_to_leave_out(missing_list, said.samples)
        return Listing(tuple(items), tuple(rejected), tuple(duplicates), 0, missing, source)


def frames_of(member: Stretch, recording: Recording, fps: float | None = None) -> tuple[int, int]:
    """Return the frames of an interval, from 0; frames that the file numbers are counted as it does.

    Args:
        member: The interval.
        recording: The whole recording.
        fps: Frames a second; default: the recording's.

    Raises:
        FormatError: If it is in seconds and the frame rate is not known.
    """
    start, stop = member.interval.frames(fps or recording.fps, member.where)
    offset = 0 if member.interval.in_seconds else recording.first_frame
    return max(start - offset, 0), stop - offset


def convert_recording(recording: Recording, source: Skeleton, target: Skeleton) -> Recording:
    """Convert every observation of a recording to another skeleton, as `convert_skeleton` does.

    Args:
        recording: The recording.
        source: The layout that it has.
        target: The layout that is wanted.

    Raises:
        MismatchError: If there is no map between the two.
    """
    scores = None if recording.confidence is None else recording.confidence.astype(np.float32)[None]
    held = SkeletonSequence(recording.joints.astype(np.float32)[None], source, confidence=scores)
    made = convert_skeleton(held, target)
    return replace(
        recording,
        joints=made.joints[0].astype(np.float64),
        confidence=None if made.confidence is None else made.confidence[0].astype(np.float64),
    )


def _is_video(member: Member) -> bool:
    return member.file_name.lower().endswith(VIDEO.suffixes)


def _matched(table: CustomTable, clips: Sequence[Member]) -> tuple[list[Item], list[Rejected], list[Duplicate]]:
    """Match the names of the table and the files; a clip whose line is rejected is rejected with it."""
    found: dict[str, Member] = {}
    rejected = list(table.rejected)
    duplicates: list[Duplicate] = []
    lines = {item.name for item in table.rejected}
    file_of = {sample: table.files.get(sample, sample) for sample in table.samples}
    named = set(file_of.values())
    # a video may lie beside the clip that was made of it: it is used only if there is no other
    for member in sorted(clips, key=_is_video):
        name = member.files.name if isinstance(member, FrameSet) else _clip_name(member)
        if name in found and not _is_video(member):
            duplicates.append(Duplicate(name, found[name].where, member.where))
        elif name in named:
            found.setdefault(name, member)
        elif name not in lines and not member.file_name.lower().endswith(_NO_CLIPS):
            rejected.append(Rejected(name, member.where, f"{table.where} does not name it", kind="name"))
    rejected += [
        Rejected(name, table.where, f"clip {name} is named in this table, but was not found", kind="missing")
        for name in sorted(named - found.keys())
    ]
    items = [
        Item(table.samples[sample], _part(found[file_of[sample]], table, sample))
        for sample in sorted(table.samples)
        if file_of[sample] in found
    ]
    return items, rejected, duplicates


def _clip_name(member: Member) -> str:
    """Return what the table calls the clip of a file: its name without its ending."""
    name = member.file_name.rpartition(".")[0]
    return name.removesuffix(".skeleton") if member.file_name.lower().endswith(".skeleton.npy") else name


def _part(member: Member, table: CustomTable, sample: str) -> Member:
    interval = table.intervals.get(sample)
    return member if interval is None else stretch_of(member, interval)


_last: list[tuple[Any, Recording]] = []
"""The file that was read last, and what it was read as: the intervals of one file come one after another."""


def _read_whole(source: CustomSource, member: Member, size: tuple[int, int]) -> Recording:
    """Read a file, once for all of its intervals."""
    asked = (source, member, size)
    if not _last or _last[0][0] != asked:
        _last[:] = [(asked, source.read_whole(member, size))]
    return _last[0][1]


def _label_files(members: Sequence[Member]) -> dict[str, Member]:
    """Find the files that annotate intervals of a clip of the same name: PKU-MMD's, or 'start stop label' a line."""
    stems = Counter(member.file_name.rpartition(".")[0] for member in members)
    found = {}
    for member in members:
        stem, _, suffix = member.file_name.rpartition(".")
        if f".{suffix.lower()}" in _LABEL_SUFFIXES and stems[stem] > 1 and member.size < _MOST_LABEL_BYTES:
            try:
                if is_label_file(RawFile(member).start):
                    found[stem] = member
            except FormatError:
                continue
    return found


def _usual_table(
    description: Description, members: Sequence[Member], label_files: Mapping[str, Member]
) -> Member | None:
    """Find table.csv; without one, label files annotate the clips."""
    try:
        return find_beside(description.where, "table.csv", members)
    except FormatError:
        if label_files:
            return None
        raise


def _read_table(
    description: Description, table: Member | None, label_files: Mapping[str, Member], suffixes: tuple[str, ...]
) -> CustomTable:
    """Read the table, or where it has no labels, the label files, whose clips it may group by further columns."""
    classes, in_seconds = description.classes, description.in_seconds
    rows = (
        [] if table is None else [(line, cells) for line, cells in read_table(table.read(), table.where) if any(cells)]
    )
    header = rows[0][1] if rows else ["name"]
    if table is not None and ("label" in header or not label_files):
        return read_custom_table(table, classes, in_seconds=in_seconds, suffixes=suffixes)
    where = description.where if table is None else table.where
    if "name" not in header:
        raise FormatError("its first line has no column 'name'", where, 1)
    known = {
        cells[header.index("name")].rpartition(".")[0] or cells[header.index("name")]: cells for _, cells in rows[1:]
    }
    lines = [(1, [*header, "start", "stop", "label"])]
    problems: list[Rejected] = []
    for stem, member in sorted(label_files.items()):
        cells = known.get(stem, [stem] if header == ["name"] else None)
        if cells is None or len(cells) != len(header):
            problems.append(Rejected(stem, member.where, f"{where} does not name it", kind="name"))
            continue
        try:
            intervals = parse_intervals(member.read(), member.where)
        except FormatError as error:
            problems.append(Rejected(stem, member.where, error.reason, line=error.line))
            continue
        unit = in_seconds if in_seconds is not None else any(interval.in_seconds for interval in intervals)
        lines += [(1, [*cells, _plain(one.start, unit), _plain(one.stop, unit), one.label]) for one in intervals]
        in_seconds = unit if in_seconds is None else in_seconds
    made = make_table(lines, where, classes, in_seconds=bool(in_seconds), suffixes=suffixes)
    return replace(made, rejected=(*made.rejected, *problems))


def _plain(value: float, in_seconds: bool) -> str:
    return f"{value:.6f}" if in_seconds else str(int(value))


def custom() -> CustomSource:
    """Register data of one's own; skeleton, classes, fields and protocols come with it."""
    return CustomSource(
        name="custom", skeleton=NTU25, classes=(), fields=(), protocols={}, body_selection="order", unit_is_free=True
    )
