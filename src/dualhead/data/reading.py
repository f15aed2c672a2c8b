"""One raw file as a sequence, for prediction and pictures."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from dualhead.data.bodies import get_selection
from dualhead.errors import FormatError
from dualhead.formats.clip_file import parse_clip
from dualhead.formats.file_source import FileSource
from dualhead.formats.json_file import parse_json
from dualhead.formats.kinetics import parse_kinetics
from dualhead.formats.member import FileMember, Member
from dualhead.formats.recording import Recording
from dualhead.formats.registry import get_source
from dualhead.formats.skeleton_file import load_skeleton
from dualhead.formats.source import Sample, Source
from dualhead.sequence import SkeletonSequence
from dualhead.skeleton import Skeleton

SUFFIXES = (".skeleton", ".json")
"""Endings of the raw files that can be read one by one."""

ARRAY_SUFFIXES = (".npy", ".npz", ".csv")
"""Endings of files that can be read where their skeleton is given."""


def read_sequence(
    path: str | Path, *, body_selection: str | None = None, skeleton: str | Path | Skeleton | None = None
) -> SkeletonSequence:
    """Read one raw recording.

    Without a skeleton: an NTU `.skeleton` file, an NW-UCLA `.json` file or a Kinetics-Skeleton `.json` file. With one:
    a clip of one's own as `.npy`, `.npz`, `.csv` or `.json`, laid out as docs/custom-data.md says.

    Args:
        path: The file. Where its name is a sample name of its data set, or a Kinetics file says so, the sequence has a
            label; otherwise its label is None.
        body_selection: Which bodies to keep; default: the data set's.
        skeleton: The layout of the joints of a clip of one's own: a `Skeleton`, a name or a YAML file. Files that have
            a skeleton of their own take no other.

    Returns:
        The selected bodies' raw coordinates, all frames.

    Raises:
        ConfigError: If the skeleton is unknown or not that of the file.
        FormatError: If the file is missing, of an unknown kind, damaged, or holds no body.
    """
    try:
        state = Path(path).stat()
    except OSError as error:
        raise FormatError(f"cannot be read: {error.strerror}", path) from None
    member = FileMember(str(path), state.st_size, state.st_mtime_ns, str(path))
    return read_member(member, body_selection=body_selection, skeleton=skeleton)


def read_member(
    member: Member, *, body_selection: str | None = None, skeleton: str | Path | Skeleton | None = None
) -> SkeletonSequence:
    """Read one raw recording wherever it lies, as `read_sequence` does.

    Args:
        member: A plain file or a member of an archive.
        body_selection: Which bodies to keep; default: the data set's.
        skeleton: The layout of the joints of a clip of one's own.

    Returns:
        The selected bodies' raw coordinates, all frames.

    Raises:
        ConfigError: If the skeleton is unknown or not that of the file.
        FormatError: If the file is missing, of an unknown kind, damaged, or holds no body.
    """
    where = PurePosixPath(member.where.replace("\\", "/"))
    layout = None if skeleton is None else load_skeleton(skeleton)
    if where.suffix not in (SUFFIXES if layout is None else (*SUFFIXES, *ARRAY_SUFFIXES)):
        more = f", or with a skeleton {', '.join(ARRAY_SUFFIXES)}" if layout is None else ""
        raise FormatError(f"unknown kind of file: give one that ends in {' or '.join(SUFFIXES)}{more}", member.where)
    data = member.read()
    source, sample, recording = _parse(data, where, layout)
    joints, confidence = get_selection(body_selection or source.body_selection)(recording, source.max_bodies)
    if not len(joints) and not source.keeps_empty:
        raise FormatError(f"no body in any of its {recording.num_frames} frames", member.where)
    held = layout or source.skeleton
    return SkeletonSequence(joints, held, sample.name, sample.label, confidence, dict(sample.fields))


def _parse(data: bytes, where: PurePosixPath, layout: Skeleton | None) -> tuple[Source, Sample, Recording]:
    """Find out what kind of file it is by its ending and content, and parse it."""
    path, plain = str(where), Sample(where.stem, None)
    if where.suffix == ".skeleton":
        return _parse_named(get_source("ntu120"), data, where, layout)
    content = parse_json(data, path) if where.suffix == ".json" else None
    keys = content.keys() if isinstance(content, dict) else ()
    if "skeletons" in keys:
        return _parse_named(get_source("ucla"), data, where, layout)
    if "data" in keys:
        source = get_source("kinetics")
        _check(source, layout)
        recording, label = parse_kinetics(data, path)
        return source, Sample(where.stem, label), recording
    if layout is None:
        raise FormatError(
            "no JSON of NW-UCLA (key 'skeletons') or Kinetics-Skeleton (key 'data'): for a clip of your own say which "
            "skeleton it has",
            path,
        )
    recording = parse_clip(data, path, layout)
    return get_source("custom"), plain, recording


def _parse_named(
    source: Source, data: bytes, where: PurePosixPath, layout: Skeleton | None
) -> tuple[Source, Sample, Recording]:
    """Parse a file whose name may be a sample name of its data set."""
    assert isinstance(source, FileSource)
    try:
        sample = source.sample(where.stem)
    except FormatError:
        sample = None
    _check(source, layout)
    recording = source.parse(data, str(where), sample)
    return source, sample or Sample(where.stem, None), recording


def _check(source: Source, layout: Skeleton | None) -> None:
    """Refuse another skeleton than the source's.

    Raises:
        ConfigError: If it is another.
    """
    if layout is not None and layout != source.skeleton:
        source.with_skeleton(layout)
