"""One raw file explained: what is in it, where, and what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from dualhead.data.bodies.ghosts import MAX_WIDE, MIN_FRAMES, MIN_MOTION, motion, wide_share
from dualhead.data.bodies.selection import body_energy, select_bodies
from dualhead.data.bodies.tracking import find_people, unit
from dualhead.formats.custom.skeleton_file import load_skeleton
from dualhead.formats.file_format import RawClip, RawFile, ReadingOptions
from dualhead.formats.files.member import ARCHIVE_SUFFIXES, list_members
from dualhead.formats.ntu.lines import first_lines, parse_beginning
from dualhead.formats.ntu.parse import parse_skeleton
from dualhead.formats.ntu.sources import NTU_SKELETON
from dualhead.formats.recording import Recording
from dualhead.formats.units import body_extent, doubt_unit, usual_extent
from dualhead.reading.conventions import points_down
from dualhead.reading.listing import file_member, find_recordings, only_clip, parse_member
from dualhead.reading.recognise import Recognised, recognise, require_supported
from dualhead.runtime.errors import DualheadError, FormatError
from dualhead.skeleton import NTU25, Skeleton


@dataclass(frozen=True)
class Event:
    """Something to know about a file.

    Attributes:
        line: The 1-based line, where the format has lines.
        frame: The 1-based frame.
        text: The description of the event.
    """

    line: int | None
    frame: int | None
    text: str


@dataclass(frozen=True)
class Person:
    """A person as body selection `tracked` sees one.

    Attributes:
        ids: Their body IDs one after another, or nothing where the file has none.
        first: Their first frame, 1-based.
        last: Their last frame, 1-based.
        frames: In how many frames they are seen.
        wide: The share of those in which they are wide, 0 to 1.
        motion: Variance over joints and frames, in square metres.
        doubts: The tests for ghosts that they fail.
    """

    ids: tuple[str, ...]
    first: int
    last: int
    frames: int
    wide: float
    motion: float
    doubts: tuple[str, ...]


@dataclass(frozen=True)
class FileStory:
    """A summary of a raw file.

    Attributes:
        path: The file.
        frames: T; of a damaged file, of what is whole.
        bodies: Number of frames that have 0, 1, 2, ... bodies.
        people: The people in it.
        energies: Energy of each place among the bodies of a frame, which body selection `energy` ranks by.
        events: The events, by line.
        damage: Why it cannot be read, or None.
        taken_for: The format of the file, and the reason.
        skeleton: The name of its layout of joints, "" where it is not known.
        fps: Frames a second, or None where the file does not say it.
        extent: The size of its bodies from end to end in the unit of its coordinates, 0 where there are none.
        unit: That unit: "m", "px", "fraction", or "" where it is not known.
        notes: Decisions by evidence and notes for the user; a sentence each.
    """

    path: Path
    frames: int
    bodies: tuple[int, ...]
    people: tuple[Person, ...] = ()
    energies: tuple[float, ...] = ()
    events: tuple[Event, ...] = ()
    damage: FormatError | None = None
    taken_for: str = ""
    skeleton: str = ""
    fps: float | None = None
    extent: float = 0.0
    unit: str = ""
    notes: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """The exit code of the command that explains the file: 1 where it is damaged."""
        return int(self.damage is not None)


def explain_file(
    path: str | Path, skeleton: str | Path | Skeleton | None = None, options: ReadingOptions | None = None
) -> FileStory:
    """Explain one raw file; a damaged `.skeleton` file up to its damage.

    Args:
        path: A file that `read_sequence` reads. Body IDs and line numbers are reported of `.skeleton` files alone.
        skeleton: The layout of the joints of a file that leaves it open, as `read_sequence` takes it.
        options: Further facts about the file.

    Returns:
        What is in it.

    Raises:
        ConfigError: If the skeleton is unknown or not that of the file.
        FormatError: If it cannot be opened, is of no known kind, or holds more than one recording.
    """
    path = Path(path)
    if path.name.lower().endswith(ARCHIVE_SUFFIXES):
        raise FormatError("an archive of recordings: `dualhead prepare` makes a store of it, inspect that", path)
    layout = None if skeleton is None else load_skeleton(skeleton)
    options = replace(options or ReadingOptions(), any_scale=True)
    options = replace(options, skeleton=options.skeleton if layout is None else layout)
    if path.is_dir():
        return _explain_frames(path, options)
    file = RawFile(file_member(path))
    try:
        found = recognise(file, options.kind)
    except FormatError as error:
        if file.suffix != ".json" or _is_json(file):
            raise
        return FileStory(path, 0, (), damage=error)
    require_supported(found, str(path))
    if found.format is not NTU_SKELETON or options.skeleton not in (None, NTU25):
        return _explain_plain(path, found, options)
    damage = None
    data = file.data
    try:
        recording = parse_skeleton(data, path)
    except FormatError as error:
        damage = error
        recording = parse_beginning(data, error.line)
    events = _events(recording)
    if damage is not None:
        events.append(Event(damage.line, None, f"damaged: {damage.reason}"))
    counts = np.bincount(recording.frames, minlength=recording.num_frames)
    extent = body_extent(recording.joints)
    notes = (points_down(recording.joints, NTU25), doubt_unit(extent, usual_extent(NTU25)))
    return FileStory(
        path=path,
        frames=recording.num_frames,
        bodies=tuple(np.bincount(counts).tolist()) if len(counts) else (),
        people=_people(recording),
        energies=_energies(recording),
        events=tuple(events),
        damage=damage,
        taken_for=_taken_for(found),
        skeleton=NTU25.name,
        extent=extent,
        unit="m",
        notes=tuple(filter(None, notes)),
    )


def holds_one_recording(folder: Path, options: ReadingOptions) -> bool:
    """Return whether a folder holds the frames of one recording and nothing else.

    Args:
        folder: The folder.
        options: Facts about its files that are known.
    """
    members = list(list_members([folder]))
    found = list(find_recordings(members, options))
    return len(found) == 1 and all(member.where != found[0].where for member in members)


def _explain_frames(folder: Path, options: ReadingOptions) -> FileStory:
    (found,) = find_recordings(list(list_members([folder])), options)
    first = next(iter(list_members([folder])))
    try:
        taken = _taken_for(recognise(RawFile(first), options.kind))
        return _story_of(folder, only_clip(found.parse(), folder), f"{taken}, a file for each frame")
    except FormatError as error:
        return FileStory(folder, 0, (), damage=error)


def _story_of(path: Path, clip: RawClip, taken_for: str) -> FileStory:
    sequence = select_bodies(clip)
    counts = (sequence.joints != 0).any(axis=(2, 3)).sum(axis=0)  # (T,)
    extent = body_extent(sequence.joints)
    doubt = doubt_unit(extent, usual_extent(clip.skeleton))
    return FileStory(
        path,
        sequence.num_frames,
        tuple(np.bincount(counts).tolist()),
        taken_for=taken_for,
        skeleton=sequence.skeleton.name,
        fps=sequence.fps,
        extent=extent,
        unit=clip.unit,
        notes=(*clip.notes, *([doubt] if doubt else [])),
    )


def _is_json(file: RawFile) -> bool:
    try:
        file.json  # noqa: B018  (parses it)
    except FormatError:
        return False
    return True


def _taken_for(found: Recognised) -> str:
    return f"{found.format.title} ({found.reason})"


def _explain_plain(path: Path, found: Recognised, options: ReadingOptions) -> FileStory:
    if not found.format.brings_skeleton and options.skeleton is None and options.usual is None:
        reason = f"unknown kind of skeleton in a {path.suffix.lower()}: pass --skeleton, a name or a YAML file"
        raise FormatError(reason, path)
    try:
        clips = list(parse_member(file_member(path), options))
        if len(clips) == 1 and isinstance(clips[0], RawClip):
            return _story_of(path, clips[0], _taken_for(found))
        if len(clips) == 1 and isinstance(clips[0], DualheadError):
            raise clips[0]
    except FormatError as error:
        return FileStory(path, 0, (), damage=error, taken_for=_taken_for(found))
    make = f": `dualhead prepare {found.format.name}` makes a store of them" if found.format.holds_many else ""
    raise FormatError(f"{found.format.title} with {len(clips)} recordings, and one is explained at a time{make}", path)


def _energies(recording: Recording) -> tuple[float, ...]:
    places = range(int(recording.slots.max(initial=-1)) + 1)
    return tuple(body_energy(recording.joints[recording.slots == place]) for place in places)


def _people(recording: Recording) -> tuple[Person, ...]:
    metre = unit(recording.joints)
    people = []
    for rows in find_people(recording):
        joints, frames = recording.joints[rows], recording.frames[rows]
        wide, moved = wide_share(joints), motion(joints) / metre**2
        doubts = {
            f"fewer than {MIN_FRAMES} frames": len(rows) < MIN_FRAMES,
            "wide": wide > MAX_WIDE,
            "hardly moves": moved < MIN_MOTION,
        }
        ids = dict.fromkeys(recording.body_ids[row] for row in rows.tolist()) if recording.body_ids else {}
        people.append(
            Person(
                ids=tuple(ids),
                first=int(frames[0]) + 1,
                last=int(frames[-1]) + 1,
                frames=len(rows),
                wide=wide,
                motion=moved,
                doubts=tuple(doubt for doubt, found in doubts.items() if found),
            )
        )
    return tuple(people)


def _events(recording: Recording) -> list[Event]:
    """List the frames at which IDs begin and end, and at which no body is seen."""
    frame_lines, body_lines = first_lines(recording)
    events = []
    rows_of: dict[str, list[int]] = {}
    for row, name in enumerate(recording.body_ids):
        rows_of.setdefault(name, []).append(row)
    for name, rows in rows_of.items():
        frames = recording.frames[rows]
        events.append(Event(int(body_lines[rows[0]]), int(frames[0]) + 1, f"body {name} appears"))
        for gap in np.flatnonzero(np.diff(frames) > 1).tolist():
            missing = int(frames[gap + 1] - frames[gap]) - 1
            again = f"body {name} is back after {missing} frame{'s' if missing > 1 else ''}"
            events.append(Event(int(body_lines[rows[gap + 1]]), int(frames[gap + 1]) + 1, again))
        if frames[-1] + 1 < recording.num_frames:
            events.append(
                Event(int(body_lines[rows[-1]]), int(frames[-1]) + 1, f"body {name} is seen for the last time")
            )
    counts = np.bincount(recording.frames, minlength=recording.num_frames)
    nobody = np.flatnonzero(np.diff(np.concatenate([[False], counts == 0, [False]]).astype(np.int8)))
    for start, stop in nobody.reshape(-1, 2).tolist():
        frames_text = f"frame {start + 1}" if stop - start == 1 else f"frames {start + 1} to {stop}"
        events.append(Event(int(frame_lines[start]), start + 1, f"no person in {frames_text}"))
    empty = np.flatnonzero(recording.joints.sum(axis=(1, 2)) == 0)
    events += [
        Event(int(body_lines[row]), int(recording.frames[row]) + 1, "a body whose coordinates sum to 0")
        for row in empty.tolist()
    ]
    return sorted(events, key=_line)


def _line(event: Event) -> int:
    return event.line or 0
