"""One raw file as a sequence, for prediction and pictures."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from dualhead.data.bodies import get_selection
from dualhead.errors import FormatError
from dualhead.formats.file_source import FileSource
from dualhead.formats.member import FileMember, Member
from dualhead.formats.registry import get_source
from dualhead.formats.source import Sample
from dualhead.sequence import SkeletonSequence

_SOURCES = {".skeleton": "ntu120", ".json": "ucla"}

SUFFIXES = tuple(_SOURCES)
"""Endings of the raw files that can be read one by one."""


def read_sequence(path: str | Path, *, body_selection: str | None = None) -> SkeletonSequence:
    """Read one raw recording: an NTU `.skeleton` file or an NW-UCLA `.json` file.

    Args:
        path: The file. Where its name is a sample name of its data set, the sequence has that name's label and fields;
            otherwise its label is None.
        body_selection: Which bodies to keep; default: the data set's.

    Returns:
        The selected bodies' raw coordinates, all frames.

    Raises:
        FormatError: If the file is missing, of an unknown kind, damaged, or holds no body.
    """
    try:
        state = Path(path).stat()
    except OSError as error:
        raise FormatError(f"cannot be read: {error.strerror}", path) from None
    return read_member(
        FileMember(str(path), state.st_size, state.st_mtime_ns, str(path)), body_selection=body_selection
    )


def read_member(member: Member, *, body_selection: str | None = None) -> SkeletonSequence:
    """Read one raw recording wherever it lies, as `read_sequence` does.

    Args:
        member: A plain file or a member of an archive.
        body_selection: Which bodies to keep; default: the data set's.

    Returns:
        The selected bodies' raw coordinates, all frames.

    Raises:
        FormatError: If the file is missing, of an unknown kind, damaged, or holds no body.
    """
    where = PurePosixPath(member.where.replace("\\", "/"))
    if where.suffix not in SUFFIXES:
        raise FormatError(f"unknown kind of file: give one that ends in {' or '.join(SUFFIXES)}", member.where)
    source = get_source(_SOURCES[where.suffix])
    assert isinstance(source, FileSource)
    sample: Sample | None
    try:
        sample = source.sample(where.stem)
    except FormatError:
        sample = None
    recording = source.parse(member.read(), member.where, sample)
    joints, confidence = get_selection(body_selection or source.body_selection)(recording, source.max_bodies)
    if not len(joints) and not source.keeps_empty:
        raise FormatError(f"no body in any of its {recording.num_frames} frames", member.where)
    sample = sample or Sample(where.stem, None)
    return SkeletonSequence(joints, source.skeleton, sample.name, sample.label, confidence, dict(sample.fields))
