"""BVH: a hierarchy of joints and their rotations, turned into positions by forward kinematics."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dualhead.formats.axes import off_zero
from dualhead.formats.bvh_joints import own_skeleton, pose_of
from dualhead.formats.dense import MAX_COORDINATE
from dualhead.formats.file_format import Evidence, FileFormat, RawClip, RawFile, ReadingOptions
from dualhead.formats.files.text_lines import check_lines
from dualhead.formats.observations import MAX_FRAMES
from dualhead.formats.recording import from_dense
from dualhead.runtime.errors import FormatError

_MAX_JOINTS = 500
_MAX_DEPTH = 100
_CHANNELS = tuple(f"{axis}{kind}" for axis in "XYZ" for kind in ("position", "rotation"))


@dataclass
class _Joint:
    """A joint of the hierarchy, or the end of a bone."""

    name: str
    parent: int
    offset: tuple[float, float, float] = (0.0, 0.0, 0.0)
    channels: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Bvh:
    """The content of a BVH file.

    Attributes:
        names: Joint names as the file has them; the end of a bone is called after its joint, with "_end".
        parents: The parent of each joint; the root is its own.
        positions: float64 `(T, V, 3)`, in the unit of the file, y up in most.
        fps: Frames a second, or None where the file has no frame time.
    """

    names: tuple[str, ...]
    parents: tuple[int, ...]
    positions: NDArray[np.float64]
    fps: float | None


def parse_bvh(data: bytes, where: str) -> Bvh:
    """Parse a BVH file and compute the positions of its joints.

    Convention: a joint is moved by its offset, or by its translation channels in the place of it, then turned in the
    order of its rotation channels, each about the axis turned by those before (R = R1 R2 R3 for column vectors); its
    children move with it. Angles are degrees.

    Args:
        data: The file's bytes.
        where: The source, for the error message.

    Returns:
        Names, parents and positions of all joints and bone ends.

    Raises:
        FormatError: If it is damaged; it names the line.
    """
    check_lines(data, where)
    lines = [(number, line.split()) for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1)]
    lines = [(number, words) for number, words in lines if words]
    joints, rest = _hierarchy(lines, where)
    values, step = _motion(rest, sum(len(joint.channels) for joint in joints), where)
    positions = _forward(joints, values)
    if not np.abs(positions).max(initial=0) <= MAX_COORDINATE:
        raise FormatError(f"a joint lies beyond {MAX_COORDINATE:.0f}: the file is damaged", where)
    fps = round(1 / step, 2) if 1e-4 <= step <= 10 else None
    parents = tuple(max(joint.parent, 0) for joint in joints)
    return Bvh(tuple(joint.name for joint in joints), parents, positions, fps)


def _hierarchy(lines: Sequence[tuple[int, list[str]]], where: str) -> tuple[list[_Joint], list[tuple[int, list[str]]]]:
    """Parse the joints; return them and the lines behind them."""
    joints: list[_Joint] = []
    open_joints: list[int] = []
    pending = -1
    for place, (number, words) in enumerate(lines):
        key = words[0].upper()
        if place == 0:
            if key != "HIERARCHY":
                raise FormatError("expected BVH, which begins with HIERARCHY", where, number)
        elif key == "MOTION":
            if open_joints or not joints:
                raise FormatError("its hierarchy is not whole: copy it again", where, number)
            return joints, list(lines[place + 1 :])
        elif key in ("ROOT", "JOINT", "END"):
            if (key == "ROOT") != (not joints) or (key != "ROOT" and not open_joints):
                raise FormatError(f"{words[0][:40]!r} is unexpected here: expected one root with joints", where, number)
            if len(joints) >= _MAX_JOINTS or len(open_joints) >= _MAX_DEPTH:
                raise FormatError(f"more than {_MAX_JOINTS} joints or {_MAX_DEPTH} levels", where, number)
            parent = open_joints[-1] if open_joints else -1
            name = f"{joints[parent].name}_end" if key == "END" else " ".join(words[1:])[:80]
            joints.append(_Joint(name or f"joint{len(joints)}", parent))
            pending = len(joints) - 1
        elif key == "{" and pending >= 0:
            open_joints.append(pending)
            pending = -1
        elif key == "}" and open_joints:
            open_joints.pop()
        elif key == "OFFSET" and open_joints:
            x, y, z = _numbers(words[1:], 3, where, number)
            joints[open_joints[-1]].offset = (x, y, z)
        elif key == "CHANNELS" and open_joints:
            channels = tuple(word[:1].upper() + word[1:].lower() for word in words[2:])
            if words[1:2] != [str(len(channels))] or len(channels) > 6 or not {*channels} <= {*_CHANNELS}:
                raise FormatError("its channels are not up to 6 positions and rotations", where, number)
            joints[open_joints[-1]].channels = channels
        else:
            raise FormatError(f"{words[0][:40]!r} is not a part of a hierarchy", where, number)
    raise FormatError("it has no MOTION: copy it again", where)


def _motion(lines: Sequence[tuple[int, list[str]]], width: int, where: str) -> tuple[NDArray[np.float64], float]:
    """Parse the values of the channels `(T, width)` and the time of a frame in seconds."""
    if len(lines) < 2 or lines[0][1][0].rstrip(":").upper() != "FRAMES" or lines[1][1][0].upper() != "FRAME":
        raise FormatError("expected 'Frames:' and 'Frame Time:' behind MOTION", where)
    (count,) = _numbers(lines[0][1][1:2], 1, where, lines[0][0])
    (step,) = _numbers(lines[1][1][-1:], 1, where, lines[1][0])
    if not 1 <= count <= MAX_FRAMES or count != int(count) or width == 0:
        raise FormatError(f"{count:g} frames of {width} channels are not a motion", where, lines[0][0])
    if len(lines) - 2 != count:
        raise FormatError(f"{len(lines) - 2} lines of motion, but {count:g} frames are announced", where)
    values = np.empty((int(count), width))
    for place, (number, words) in enumerate(lines[2:]):
        values[place] = _numbers(words, width, where, number)
    return values, step


def _numbers(words: Sequence[str], count: int, where: str, line: int) -> list[float]:
    try:
        values = [float(word) for word in words]
    except ValueError:
        raise FormatError("a number is expected, but something else is written", where, line) from None
    if len(values) != count:
        raise FormatError(f"{len(values)} numbers instead of {count}", where, line)
    if not all(math.isfinite(value) and abs(value) <= 1e9 for value in values):
        raise FormatError("a number is infinite or far too large", where, line)
    return values


def _forward(joints: Sequence[_Joint], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute positions `(T, V, 3)` from the values of all channels."""
    positions = np.empty((len(values), len(joints), 3))
    turned: list[NDArray[np.float64]] = []  # the orientation of each joint, (T, 3, 3)
    first = 0
    for number, joint in enumerate(joints):
        moved = np.tile(np.array(joint.offset), (len(values), 1))
        own = np.tile(np.eye(3), (len(values), 1, 1))
        for place, channel in enumerate(joint.channels, first):
            axis = "XYZ".index(channel[0])
            if channel.endswith("position"):
                moved[:, axis] = values[:, place]
            else:
                own = own @ _rotation(axis, np.deg2rad(values[:, place]))
        first += len(joint.channels)
        if joint.parent < 0:
            positions[:, number] = moved
            turned.append(own)
            continue
        above = turned[joint.parent]
        positions[:, number] = positions[:, joint.parent] + (above @ moved[:, :, None])[..., 0]
        turned.append(above @ own)
    return positions


def _rotation(axis: int, angle: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the rotations about a coordinate axis by angles `(T,)` in radians, `(T, 3, 3)`."""
    matrix = np.tile(np.eye(3), (len(angle), 1, 1))
    one, other = (axis + 1) % 3, (axis + 2) % 3
    matrix[:, one, one] = matrix[:, other, other] = np.cos(angle)
    matrix[:, other, one] = np.sin(angle)
    matrix[:, one, other] = -np.sin(angle)
    return matrix


def _recognise(file: RawFile) -> Evidence | None:
    return Evidence("its name ends in .bvh")


def _parse(file: RawFile, options: ReadingOptions) -> Iterator[RawClip]:
    motion = parse_bvh(file.data, file.where)
    wanted = options.skeleton or options.usual
    skeleton, positions = own_skeleton(motion.names, motion.parents), motion.positions
    notes: list[str] = []
    if wanted is not None:
        skeleton = wanted
        positions, notes = pose_of(motion.names, motion.parents, motion.positions, wanted, file.where)
    recording = from_dense(positions[None], np.ones((1, len(positions)), np.bool_))
    joints, moved = off_zero(recording.joints)
    if moved:
        notes.append(moved)
    recording = replace(recording, joints=joints, fps=motion.fps)
    yield RawClip(recording, skeleton, max_bodies=1, notes=tuple(notes))


BVH = FileFormat(
    name="bvh",
    title="BVH motion",
    suffixes=(".bvh",),
    recognise=_recognise,
    parse=_parse,
    row="the checkpoint's or `--skeleton` by the usual names of joints, else its own | not stated: `--unit`; y up | "
    "`Frame Time` | one body",
)
