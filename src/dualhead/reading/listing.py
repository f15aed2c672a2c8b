"""Discovery of the recordings among files, and their parsing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path

from dualhead.formats.file_format import FileFormat, RawClip, RawFile, ReadingOptions, require_skeleton
from dualhead.formats.files.member import ARCHIVE_SUFFIXES, FileMember, Member
from dualhead.formats.files.raw_file import SpecialFile, is_special, last_change
from dualhead.formats.files.unpickle import PICKLE_SUFFIXES
from dualhead.formats.frame_files import FrameFiles, group_frames
from dualhead.formats.kinetics.labels import LABEL_FILE
from dualhead.formats.openpose import OPENPOSE_JSON, is_openpose_frame
from dualhead.reading.conventions import apply_conventions
from dualhead.reading.recognise import recognise, require_supported
from dualhead.reading.registry import list_formats, readable_suffixes
from dualhead.runtime.errors import DualheadError, FormatError

TABLE = "table.csv"
"""The file that names the clips of a data set of one's own and their labels."""

_ONLY_IF_KNOWN = (".txt",)  # of these a folder may hold notes, lists and licences too
_FIRST_FRAMES = 100
_FRAME_SUFFIXES = (".json", ".txt")

Clips = Iterable[RawClip | DualheadError]
"""The recordings of a file; an error in the place of one that cannot be read."""


@dataclass(frozen=True)
class FrameSet(Member):
    """A recording with one file a frame, as one file among others.

    Attributes:
        files: Its files.
        known: Their format.
    """

    files: FrameFiles
    known: FileFormat

    def read(self) -> bytes:
        """Raise, since there is no file of the whole; see `Member.read`."""
        raise FormatError("it is a recording of one file a frame", self.where)


@dataclass(frozen=True)
class Found:
    """A file, or the frames of a recording, among others.

    Attributes:
        name: The name of its recording, unless the file has one.
        where: The place.
        parse: Parses it.
        holds_many: Whether it holds any number of recordings, which have names of their own.
    """

    name: str
    where: str
    parse: Callable[[], Clips]
    holds_many: bool = False


def holds_many(path: Path) -> bool:
    """Return whether a path represents any number of recordings: a folder, a store, an archive or a pickle.

    Args:
        path: The path.
    """
    return path.is_dir() or path.name.lower().endswith((*ARCHIVE_SUFFIXES, *PICKLE_SUFFIXES))


def file_member(path: str | Path) -> FileMember:
    """Find one plain file, known by the path that the user gave.

    Args:
        path: The file.

    Raises:
        FormatError: If it is missing, or no file but such as a named pipe.
    """
    try:
        state = Path(path).stat()
    except OSError as error:
        raise FormatError(f"cannot be read: {error.strerror}", path) from None
    if is_special(state):
        SpecialFile(str(path), 0, 0).read()
    return FileMember(str(path), state.st_size, last_change(state), str(path))


def parse_member(member: Member, options: ReadingOptions) -> Iterator[RawClip | DualheadError]:
    """Parse a file wherever it lies.

    Args:
        member: A plain file or a member of an archive.
        options: Facts that are known from elsewhere.

    Yields:
        Its recordings, checked and in known units; an error in the place of one that cannot be read.

    Raises:
        ConfigError: If the user said something that is not so, such as another skeleton.
        FormatError: If it is of no known or no supported format, or damaged.
    """
    file = RawFile(member)
    known = require_supported(recognise(file, options.kind), file.where)
    if known.parse_frames is not None:
        (files,) = group_frames([member]) or [FrameFiles(file.stem, file.where, {0: member})]
        yield from parse_frames(files, known, options)
    else:
        assert known.parse is not None
        yield from _checked(known.parse(file, options), known, file.where, options)


def parse_frames(files: FrameFiles, known: FileFormat, options: ReadingOptions) -> Iterator[RawClip | DualheadError]:
    """Parse the frames of one recording.

    Args:
        files: The files.
        known: Their format.
        options: Facts that are known from elsewhere.

    Yields:
        The recording, checked and in known units.

    Raises:
        ConfigError: As for `parse_member`.
        FormatError: If a file is damaged, or two are of the same frame.
    """
    if files.conflict is not None:
        raise files.conflict
    assert known.parse_frames is not None
    yield from _checked(known.parse_frames(files, options), known, files.where, options)


def only_clip(clips: Clips, where: str | Path) -> RawClip:
    """Return the one recording among those of a file.

    Args:
        clips: The recordings.
        where: The file, for the error message.

    Raises:
        DualheadError: If it cannot be read.
        FormatError: If there are none or several.
    """
    found = list(clips)
    if len(found) != 1:
        raise FormatError(f"it holds {len(found)} recordings, expected one", where)
    if isinstance(found[0], DualheadError):
        raise found[0]
    return found[0]


def _checked(clips: Clips, known: FileFormat, where: str, options: ReadingOptions) -> Iterator[RawClip | DualheadError]:
    """Check recordings against the conventions; an error names the assumed format of the file."""
    try:
        for clip in clips:
            if isinstance(clip, DualheadError):
                yield _named(clip, known)
                continue
            if known.fixed_skeleton:
                require_skeleton(options, clip.skeleton, known.title)
            notes = (*clip.recording.notes, *clip.notes)
            try:
                yield apply_conventions(replace(clip, where=clip.where or where, notes=notes), options)
            except DualheadError as error:
                yield _named(error, known)
    except FormatError as error:
        raise _named(error, known) from None


def _named(error: DualheadError, known: FileFormat) -> DualheadError:
    if type(error) is not FormatError or known.title in error.reason:
        return error
    return FormatError(f"{error.reason} (read as {known.title})", error.path, error.line)


def find_recordings(members: Sequence[Member], options: ReadingOptions) -> Iterator[Found]:
    """Find the recordings among files; what cannot be one is passed over, what may be damaged is not.

    Args:
        members: Files in the order of their names.
        options: Facts that are known from elsewhere.

    Yields:
        The recordings in the order of their (first) files.
    """
    in_frames = {}
    for files, known in frame_groups(members, options):
        in_frames.update({member.where: (files, known) for member in files.frames.values()})
    seen: set[str] = set()
    suffixes = readable_suffixes()
    many = tuple(suffix for known in list_formats() if known.holds_many for suffix in known.suffixes)
    for member in members:
        name = member.file_name
        if member.where in in_frames:
            files, known = in_frames[member.where]
            if files.where not in seen:
                seen.add(files.where)
                yield Found(files.name, files.where, partial(parse_frames, files, known, options))
            continue
        if name.endswith(LABEL_FILE) or name == TABLE or not name.lower().endswith(suffixes):
            continue
        if name.lower().endswith(_ONLY_IF_KNOWN) and not _is_known(member, options):
            continue
        holds = name.lower().endswith(many) and name.lower().endswith(PICKLE_SUFFIXES)
        yield Found(RawFile(member).stem, member.where, partial(parse_member, member, options), holds)


def frame_groups(members: Sequence[Member], options: ReadingOptions) -> Iterator[tuple[FrameFiles, FileFormat]]:
    """Find recordings with one file a frame: by the name OpenPose gives them, else by the content of the first ones.

    Args:
        members: Files.
        options: Facts that are known from elsewhere.

    Yields:
        The files of each recording, and their format.
    """
    for files in group_frames(member for member in members if member.file_name.lower().endswith(_FRAME_SUFFIXES)):
        first = next(iter(files.frames.values()))
        named = is_openpose_frame(first.file_name)
        if len(files.frames) < 2 and not named:
            continue
        found = (_format_of(member, options) for member in islice(files.frames.values(), _FIRST_FRAMES))
        known = next((known for known in found if known is not None), OPENPOSE_JSON if named else None)
        if known is not None and known.parse_frames is not None:
            yield files, known


def _format_of(member: Member, options: ReadingOptions) -> FileFormat | None:
    """Find the format of a file; None where it says nothing, as that of a frame without a person may not."""
    try:
        return recognise(RawFile(member), options.kind).format
    except DualheadError:
        return None


def with_frame_sets(members: Sequence[Member], options: ReadingOptions) -> list[Member]:
    """Group the files of recordings with one file a frame.

    Args:
        members: Files.
        options: Facts that are known from elsewhere.

    Returns:
        The other files, then a `FrameSet` for each such recording.
    """
    sets = [
        FrameSet(
            files.where,
            sum(member.size for member in files.frames.values()),
            max(member.modified for member in files.frames.values()),
            files,
            known,
        )
        for files, known in frame_groups(members, options)
    ]
    taken = {member.where for frames in sets for member in frames.files.frames.values()}
    return [*(member for member in members if member.where not in taken), *sets]


def _is_known(member: Member, options: ReadingOptions) -> bool:
    known = _format_of(member, options)
    return known is not None and known.is_supported
