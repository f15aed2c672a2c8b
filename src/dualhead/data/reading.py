"""Functions that read the recordings at a path, or the one recording of a file."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

from dualhead.data.bodies.selection import select_bodies
from dualhead.data.reader import Note, Reader, Rejection
from dualhead.formats.custom.skeleton_file import load_skeleton
from dualhead.formats.file_format import RawClip, ReadingOptions
from dualhead.formats.files.member import Member, list_members
from dualhead.reading.listing import file_member, find_recordings, only_clip, parse_member
from dualhead.runtime.errors import FormatError
from dualhead.sequence import SkeletonSequence
from dualhead.skeleton import Skeleton


def read(
    path: str | Path,
    *,
    skeleton: str | Path | Skeleton | None = None,
    fps: float | None = None,
    unit: str | None = None,
    image_size: tuple[int, int] | None = None,
    kind: str | None = None,
    axes: str | None = None,
    body_selection: str | None = None,
    on_rejected: Rejection | None = None,
    on_note: Note | None = None,
) -> list[SkeletonSequence]:
    """Read every recording at a path: a file of any known format, a video, a folder, an archive or a store.

    `Reader(...).read(path)` yields them one after another, for sources that do not fit into memory.

    Args:
        path: A file, folder, archive or store; docs/formats.md lists the formats, which are recognised by content.
        skeleton: The layout of the joints of files that leave it open, such as arrays: a name, a `Skeleton` or a YAML
            file.
        fps: Frames a second, in place of what files say.
        unit: The unit of 3D coordinates of files that leave it open, "m", "cm", "mm" or "in"; default: metres.
        image_size: Width and height in pixels, for 2D coordinates whose file does not say it.
        kind: The format that files are interpreted as; default: decided by their content.
        axes: The order of the axes of arrays, such as "TMVC"; default: as their numbers say.
        body_selection: The selection of bodies, such as "energy"; default: the format's.
        on_rejected: Called with the error of each recording of a folder or archive that cannot be read; default: the
            first such error is raised.
        on_note: Called with a recording and a sentence on what was decided by evidence; default: a `UserWarning`.

    Returns:
        The recordings, in the order of their names; a list of one for a file with one recording.

    Raises:
        ConfigError: If an argument is not valid, or contradicts a file.
        FormatError: If there is nothing at `path`, or a file is damaged, of an unknown format or without a body.
        StoreError: If a store is damaged.
    """
    reader = Reader(
        skeleton=skeleton, body_selection=body_selection, image_size=image_size, fps=fps, unit=unit, kind=kind,
        axes=axes,
    )  # fmt: skip
    return list(reader.read(Path(path), on_rejected, on_note=on_note or _warn))


def _warn(name: str, note: str) -> None:
    warnings.warn(f"{name}: {note}", UserWarning, stacklevel=3)


def read_sequence(
    path: str | Path, *, body_selection: str | None = None, skeleton: str | Path | Skeleton | None = None
) -> SkeletonSequence:
    """Read one raw recording.

    Args:
        path: A file of any format that docs/predict.md lists, or a folder with the frames of one recording. Where the
            file says its class, the sequence has a label; otherwise its label is None.
        body_selection: The selection of bodies, such as "energy"; default: the format's.
        skeleton: The layout of the joints of a file that leaves it open: a `Skeleton`, a name or a YAML file. Files
            that have a skeleton of their own take no other.

    Returns:
        The selected bodies' raw coordinates, all frames. 2D coordinates are left as the file has them.

    Raises:
        ConfigError: If the skeleton is unknown or not that of the file.
        FormatError: If the file is missing, of an unknown kind, damaged, or holds no body or more than one recording.
    """
    clip = read_clip(path, skeleton=skeleton)
    return select_bodies(clip, body_selection)


def read_clip(path: str | Path, *, skeleton: str | Path | Skeleton | None = None) -> RawClip:
    """Parse the one recording at a path, as `read_sequence` does, with every body that is seen in it.

    Args:
        path: A file, or a folder with the frames of one recording.
        skeleton: The layout of the joints of a file that leaves it open.

    Raises:
        ConfigError: If the skeleton is unknown or not that of the file.
        FormatError: If the file is missing, of an unknown kind, damaged, or holds more than one recording.
    """
    options = ReadingOptions(skeleton=None if skeleton is None else load_skeleton(skeleton), any_scale=True)
    if Path(path).is_dir():
        listed = list(find_recordings(list(list_members([Path(path)])), options))
        if len(listed) != 1:
            raise FormatError(f"a folder of {len(listed)} recordings: pass one of them", path)
        return _named(only_clip(listed[0].parse(), path), listed[0].name)
    return read_member(file_member(path), options)


def read_member(member: Member, options: ReadingOptions) -> RawClip:
    """Parse the one recording of a file, wherever it lies.

    Args:
        member: A plain file or a member of an archive.
        options: Facts that are known from elsewhere.

    Raises:
        ConfigError: If the skeleton is not that of the file.
        FormatError: If the file is of an unknown kind, damaged, or holds more than one recording.
    """
    return _named(only_clip(parse_member(member, options), member.where), member.file_name.rpartition(".")[0])


def _named(clip: RawClip, name: str) -> RawClip:
    return clip if clip.name else replace(clip, name=name)
