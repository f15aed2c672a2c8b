"""Recordings with one file a frame, and the names that assign files to recordings and frames."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from dualhead.formats.files.raw_file import Member
from dualhead.runtime.errors import FormatError

_FRAME_NAME = re.compile(
    r"(?P<clip>.*?)[_.-]?(?P<frame>\d{0,15})(?P<end>_keypoints|_pose|)\.(?:json|txt)", re.IGNORECASE
)


@dataclass(frozen=True)
class FrameFiles:
    """The files of one recording in a format with a file for each frame.

    Attributes:
        name: The recording's name.
        where: Its folder, and its name inside it.
        frames: The files by frame number, as their names have it; the lowest is frame 0.
        conflict: Why they cannot be read, where two have the same number; or None.
    """

    name: str
    where: str
    frames: Mapping[int, Member]
    conflict: FormatError | None = None


def frame_name(file_name: str) -> tuple[str, int] | None:
    """Split the name of a file that holds one frame: "walk_000012_keypoints.json" is frame 12 of "walk".

    Args:
        file_name: The last part of its path.

    Returns:
        The recording's name, which may be "", and the frame number; None for a name without a number.
    """
    match = _FRAME_NAME.fullmatch(file_name)
    if match is None or not (match["frame"] or match["end"]):
        return None
    return match["clip"], int(match["frame"] or 0)


def group_frames(members: Iterable[Member]) -> list[FrameFiles]:
    """Group the files of each recording: those of one folder with the same name before the number.

    Args:
        members: Files of one frame each; those without a number in their names are passed over.

    Returns:
        The recordings, in the order of their first files; one without a name has that of its folder.
    """
    clips: dict[tuple[str, str, str], dict[int, Member]] = {}
    conflicts: dict[tuple[str, str, str], FormatError] = {}
    for member in members:
        named = frame_name(member.file_name)
        if named is None:
            continue
        path = PurePosixPath(member.where.replace("\\", "/"))
        clip = (str(path.parent), named[0], path.suffix.lower())
        other = clips.setdefault(clip, {}).setdefault(named[1], member)
        if other is not member:
            reason = f"frame {named[1]} is in {other.where} already: remove one of the two"
            conflicts.setdefault(clip, FormatError(reason, member.where))
    return [
        FrameFiles(
            clip[1] or PurePosixPath(clip[0]).name or "frames",
            f"{clip[0]}/{clip[1]}".rstrip("/"),
            frames,
            conflicts.get(clip),
        )
        for clip, frames in clips.items()
    ]
