"""Text of numbers, one line a frame: PKU-MMD, DHG-14/28, SHREC'17, SBU Kinect Interaction, UTKinect-Action."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from dualhead.formats.dense import MAX_COORDINATE
from dualhead.formats.file_format import LIKELY, Evidence, FileFormat, Parse, RawClip, RawFile, from_bytes
from dualhead.formats.files.text_lines import check_lines
from dualhead.formats.intervals import is_label_file
from dualhead.formats.observations import MAX_FRAMES, check_frames
from dualhead.formats.recording import Recording, from_dense
from dualhead.runtime.errors import FormatError
from dualhead.skeleton import HAND22, KINECT15, KINECT20, NTU25, Skeleton

_PKU_WIDTH = 2 * 25 * 3
_HAND_WIDTH = 22 * 3
_HAND_IMAGE_WIDTH = 22 * 2
_SBU_WIDTH = 1 + 2 * 15 * 3
_UTKINECT_WIDTH = 1 + 20 * 3


def parse_number_lines(data: bytes, width: int, where: str, separator: str | None = None) -> NDArray[np.float64]:
    """Parse lines of numbers.

    Args:
        data: The file's bytes.
        width: Number of numbers that a line has.
        where: The source, for the error message.
        separator: The separator between them; default: blanks.

    Returns:
        `(lines, width)`; lines without anything are passed over.

    Raises:
        FormatError: If there are no lines, too many, or lines of different lengths.
    """
    rows: list[NDArray[np.float64]] = []
    check_lines(data, where)
    for number, line in enumerate(data.decode("ascii", "replace").splitlines(), 1):
        cells = [cell.strip() for cell in line.split(separator)] if line.strip() else []
        if separator is not None and cells and not cells[-1]:
            cells.pop()  # a separator at the end of the line
        if not cells:
            continue
        if len(cells) != width:
            raise FormatError(f"{len(cells)} numbers instead of {width} in a line", where, number)
        try:
            values = np.array(cells, np.float64)
        except ValueError:
            raise FormatError("a line holds something other than numbers", where, number) from None
        if not np.abs(values).max() <= MAX_COORDINATE:  # also true for NaN
            raise FormatError("a line holds a number that no coordinate can be", where, number)
        rows.append(values)
    if not rows:
        raise FormatError("it is empty", where)
    if len(rows) > MAX_FRAMES:
        raise FormatError(f"{len(rows)} lines are more than the {MAX_FRAMES} frames of a recording", where)
    return np.stack(rows)


def parse_pku(data: bytes, where: str) -> Recording:
    """Parse a recording of PKU-MMD (Liu et al., 2017).

    Args:
        data: Lines of 150 numbers: x, y, z of the 25 joints of one person, then of another; zeros for an absent person.
            Metres, x left in the image, y up, z away.
        where: The source, for the error message.

    Returns:
        The recording, 30 frames per second; each body keeps its place.

    Raises:
        FormatError: If a line is damaged.
    """
    lines = parse_number_lines(data, _PKU_WIDTH, where)
    bodies = lines.reshape(len(lines), 2, NTU25.num_joints, 3).swapaxes(0, 1)
    return replace(from_dense(bodies, keep_places=True), fps=30.0)


def parse_hand(data: bytes, where: str) -> Recording:
    """Parse a hand of DHG-14/28 or SHREC'17 (De Smedt et al., 2016 and 2017).

    Args:
        data: Lines of 66 numbers: x, y, z of 22 joints in metres, in the axes of the depth camera.
        where: The source, for the error message.

    Returns:
        The recording, 30 frames per second.

    Raises:
        FormatError: If a line is damaged.
    """
    lines = parse_number_lines(data, _HAND_WIDTH, where)
    return replace(from_dense(lines.reshape(1, len(lines), HAND22.num_joints, 3)), fps=30.0)


def parse_sbu(data: bytes, where: str) -> Recording:
    """Parse a recording of SBU Kinect Interaction (Yun et al., 2012).

    Convention: as published, x = 1280 - 2560 x', y = 960 - 1920 y', z = 10000 z' / 7.8125 millimetres undo the
    normalisation. The result is metres, x left in the image, y up, z away. A joint whose three numbers are 0 is absent.

    Args:
        data: Lines of 91 numbers between commas: the frame, then x', y', z' of 15 joints of one person and of another.
        where: The source, for the error message.

    Returns:
        The recording, 15 frames per second; each body keeps its place. The lowest frame number is frame 0.

    Raises:
        FormatError: If a line is damaged, or a frame comes twice.
    """
    lines = parse_number_lines(data, _SBU_WIDTH, where, ",")
    numbers = lines[:, 0]
    if not (numbers == np.floor(numbers)).all() or len(np.unique(numbers)) != len(numbers):
        raise FormatError("the first numbers of its lines are not the numbers of different frames", where)
    frames = numbers.astype(np.int64) - int(numbers.min())
    count = int(frames.max()) + 1
    check_frames(int(numbers.min()), count, len(frames), where)
    given = np.zeros((count, 2, KINECT15.num_joints, 3))
    given[frames] = lines[:, 1:].reshape(len(lines), 2, KINECT15.num_joints, 3)
    present: NDArray[np.bool_] = np.any(given, axis=3, keepdims=True)
    millimetres = given * [-2560, -1920, 10000 / 7.8125] + [1280, 960, 0]
    joints = (millimetres / 1000 * present).swapaxes(0, 1)
    return replace(from_dense(joints, keep_places=True), fps=15.0)


def parse_utkinect(data: bytes, where: str) -> Recording:
    """Parse a recording of UTKinect-Action (Xia et al., CVPR Workshops 2012).

    Convention: the numbers of frames are kept, since the intervals of the actions count by them: frame 0 is number 0,
    a number that is missing is a frame without a person, and of one that comes twice the first counts.

    Args:
        data: Lines of 61 numbers between blanks: the frame, then x, y, z of 20 joints in metres, x left in the image,
            y up, z away.
        where: The source, for the error message.

    Returns:
        The recording, 15 frames per second.

    Raises:
        FormatError: If a line is damaged.
    """
    lines = parse_number_lines(data, _UTKINECT_WIDTH, where)
    numbers = lines[:, 0]
    if not (numbers == np.floor(numbers)).all() or numbers.min() < 0:
        raise FormatError("the first numbers of its lines are not the numbers of frames", where)
    frames, rows = np.unique(numbers.astype(np.int64), return_index=True)
    count = int(frames.max()) + 1
    check_frames(0, count, len(frames), where)
    joints = np.zeros((1, count, KINECT20.num_joints, 3))
    joints[0, frames] = lines[rows, 1:].reshape(len(rows), KINECT20.num_joints, 3)
    return replace(from_dense(joints), fps=15.0)


def _has_lines(file: RawFile, width: int) -> bool:
    """Return whether the first lines are all of so many numbers."""
    try:
        return bool(file.rows) and all(len([float(cell) for cell in row if cell]) == width for row in file.rows)
    except ValueError:
        return False


def _recognise_lines(width: int, what: str) -> Callable[[RawFile], Evidence | None]:
    def recognise(file: RawFile) -> Evidence | None:
        return Evidence(f"lines of {width} numbers: {what}", LIKELY) if _has_lines(file, width) else None

    return recognise


def _in_metres(parse: Callable[[bytes, str], Recording], skeleton: Skeleton, max_bodies: int = 2) -> Parse:
    return from_bytes(lambda data, where: RawClip(parse(data, where), skeleton, max_bodies=max_bodies, unit="m"))


def _recognise_intervals(file: RawFile) -> Evidence | None:
    return Evidence("lines of an interval and its class", LIKELY) if is_label_file(file.start) else None


def _recognise_utkinect(file: RawFile) -> Evidence | None:
    if not _has_lines(file, _UTKINECT_WIDTH):
        return None
    frames = [float(row[0]) for row in file.rows]
    if not all(frame.is_integer() and frame >= 0 for frame in frames) or sorted(frames) != frames:
        return None
    return Evidence("lines of 61 numbers: a frame number and a body of 20 joints", LIKELY)


PKU_MMD = FileFormat(
    name="pku_mmd",
    title="PKU-MMD skeletons",
    suffixes=(".txt",),
    recognise=_recognise_lines(_PKU_WIDTH, "two bodies of 25 joints"),
    parse=_in_metres(parse_pku, NTU25),
    fixed_skeleton=True,
    row="`ntu25` | metres, Kinect axes | 30 | places in the file",
)

INTERVALS = FileFormat(
    name="intervals",
    title="a list of intervals, not a skeleton",
    suffixes=(".txt",),
    recognise=_recognise_intervals,
    instead="pass the recording that it belongs to; `dualhead prepare custom` takes the two together",
)

HAND_LINES = FileFormat(
    name="hand",
    title="hand of DHG-14/28 or SHREC'17",
    suffixes=(".txt",),
    recognise=_recognise_lines(_HAND_WIDTH, "22 joints of a hand in space"),
    parse=_in_metres(parse_hand, HAND22, max_bodies=1),
    fixed_skeleton=True,
    row="`hand22` | metres, in the axes of the depth camera | 30 | one hand",
)

HAND_IMAGE_LINES = FileFormat(
    name="hand_image",
    title="a hand of DHG-14/28 or SHREC'17 in the image, not in space",
    suffixes=(".txt",),
    recognise=_recognise_lines(_HAND_IMAGE_WIDTH, "22 joints of a hand in the image"),
    instead="pass the file of the 3D positions beside it, such as skeleton_world.txt",
)

SBU_LINES = FileFormat(
    name="sbu",
    title="SBU Kinect Interaction skeletons",
    suffixes=(".txt", ".csv"),
    recognise=_recognise_lines(_SBU_WIDTH, "a frame number and two bodies of 15 joints"),
    parse=_in_metres(parse_sbu, KINECT15),
    fixed_skeleton=True,
    row="`kinect15` | normalisation undone: metres, Kinect axes | 15 | places in the file",
)

UTKINECT_LINES = FileFormat(
    name="utkinect",
    title="UTKinect-Action skeletons",
    suffixes=(".txt",),
    recognise=_recognise_utkinect,
    parse=_in_metres(parse_utkinect, KINECT20, max_bodies=1),
    fixed_skeleton=True,
    row="`kinect20` | metres, Kinect axes | 15 | one body",
)
