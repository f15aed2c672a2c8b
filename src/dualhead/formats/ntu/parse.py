"""The `.skeleton` text syntax of NTU RGB+D (Shahroudy et al., CVPR 2016; Liu et al., TPAMI 2019): read and write.

A file is: the frame count; then per frame the body count; then per body one line of 10 fields (body ID, clipped edges,
left-hand confidence and state, right-hand confidence and state, restricted, lean x, lean y, tracking state), the joint
count 25, and 25 lines of 12 fields (x y z in metres in camera space, depth x y, colour x y, orientation w x y z,
tracking state).
"""

from __future__ import annotations

import codecs
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dualhead.formats.ntu.fast import MAX_COORDINATE, MAX_FRAMES, parse_regular
from dualhead.formats.recording import Recording
from dualhead.runtime.errors import ConfigError, FormatError
from dualhead.runtime.files import replacing
from dualhead.skeleton import NTU25

_BODY_FIELDS = 10
_JOINT_FIELDS = 12
_MAX_LINES = 8_000_000
_V = NTU25.num_joints
_BLANKS = b"\r\n\t \0"


def parse_skeleton(data: bytes, path: str | Path | None = None) -> Recording:
    """Parse the content of one `.skeleton` file.

    Line ends may be LF or CRLF, numbers may have exponents, body IDs are kept as text. Every frame and every body is
    kept. Of the fields that are not used, only their number is checked.

    Args:
        data: The file's bytes.
        path: The file, for the error message.

    Returns:
        The recording, joints `(B, 25, 3)` in metres, with body IDs and each body's tracking state.

    Raises:
        FormatError: If the content is not a whole, undamaged recording; it names the 1-based line.
    """
    if len(data) > _MAX_LINES and data.count(b"\n") > _MAX_LINES:
        raise FormatError(f"more than {_MAX_LINES} lines are not recording: cut it into shorter ones", path)
    recording = parse_regular(data)
    if recording is not None:
        return recording
    if data.startswith(codecs.BOM_UTF8):
        return parse_skeleton(data[len(codecs.BOM_UTF8) :], path)
    if not data.isascii():
        place = next(index for index, byte in enumerate(data) if byte > 127)
        line = data.count(b"\n", 0, place) + 1
        raise FormatError(f"byte 0x{data[place]:02x} is not text: the file is damaged", path, line)
    if not data.strip(_BLANKS):
        state = "holds only blanks" if data else "is empty"
        raise FormatError(f"the file {state}: copy or unzip it again", path)
    return _parse_careful(data.decode("ascii").replace("\r\n", "\n"), path)


class _Reader:
    """Walks over lines of fields and knows the line number for an error."""

    def __init__(self, text: str, path: str | Path | None):
        self.lines = text.rstrip().split("\n")
        self.path = path
        self.number = 0

    def fields(self, what: str, count: int) -> list[str]:
        """Return the next line, which must have `count` fields."""
        if self.number == len(self.lines):
            raise self.error(f"the file ends before {what}: it is truncated, copy or unzip it again")
        fields = self.lines[self.number].split()
        self.number += 1
        if len(fields) != count:
            if self.number == len(self.lines):
                raise self.error(f"the file ends inside {what}: it is truncated, copy or unzip it again")
            raise self.error(f"{what} has {len(fields)} fields instead of {count}: the file is damaged")
        return fields

    def integer(self, what: str, field: str, most: int) -> int:
        """Read an integer from 0 to `most`."""
        if not (field.isdigit() and len(field) < 20 and int(field) <= most):
            raise self.error(f"{what} is {field[:40]!r} instead of an integer from 0 to {most}")
        return int(field)

    def coordinate(self, what: str, field: str) -> float:
        """Read a finite number of metres."""
        try:
            value = float(field) if "_" not in field else float("nan")
        except ValueError:
            value = float("nan")
        if not abs(value) <= MAX_COORDINATE:
            raise self.error(f"{what} has the coordinate {field[:40]!r} instead of a number of metres")
        return value

    def error(self, reason: str) -> FormatError:
        return FormatError(reason, self.path, self.number)


def _parse_careful(text: str, path: str | Path | None) -> Recording:
    """Parse with any white space between the fields, and with the exact line of any damage."""
    reader = _Reader(text, path)
    num_frames = reader.integer("the frame count", reader.fields("the frame count", 1)[0], MAX_FRAMES)
    frames: list[int] = []
    slots: list[int] = []
    ids: list[str] = []
    tracking: list[int] = []
    joints: list[list[float]] = []
    for frame in range(num_frames):
        where = f"frame {frame + 1} of {num_frames}"
        what = f"the body count of {where}"
        for slot in range(reader.integer(what, reader.fields(what, 1)[0], len(reader.lines))):
            body = f"body {slot + 1} in {where}"
            info = reader.fields(body, _BODY_FIELDS)
            tracking.append(reader.integer(f"the tracking state of {body}", info[9], 9))
            what = f"the joint count of {body}"
            count = reader.integer(what, reader.fields(what, 1)[0], 999)
            if count != _V:
                raise reader.error(f"{body} has {count} joints instead of {_V}")
            for joint in range(_V):
                what = f"joint {joint + 1} of {body}"
                joints.append([reader.coordinate(what, field) for field in reader.fields(what, _JOINT_FIELDS)[:3]])
            frames.append(frame)
            slots.append(slot)
            ids.append(info[0])
    if reader.number != len(reader.lines):
        reader.number += 1
        raise reader.error(
            f"there is more after the last of {num_frames} frames: the frame count or the file is damaged"
        )
    return Recording(
        joints=np.array(joints, np.float64).reshape(len(frames), _V, 3),
        frames=np.array(frames, np.int64),
        slots=np.array(slots, np.int64),
        num_frames=num_frames,
        body_ids=tuple(ids),
        tracking=np.array(tracking, np.int64),
    )


_JOINT_LINES = "%.9g %.9g %.9g %.7g %.7g %.7g %.7g 1 0 0 0 2\n" * _V


def format_skeleton(recording: Recording) -> bytes:
    """Write a recording in `.skeleton` syntax; `parse_skeleton` reads float32 coordinates back exactly.

    The pixel fields are the joint seen by a pinhole camera with about the focal lengths of a Kinect v2 (depth 512 x
    424, colour 1920 x 1080); orientations are the identity. Hand states, edges and leans, which a `Recording` does not
    hold, are 0.

    Args:
        recording: Joints `(B, 25, 3)` in metres. Without body IDs, the slot's number plus 1 represents one; without
            tracking states, 2 (tracked).

    Returns:
        The file's bytes, with LF line ends.

    Raises:
        ConfigError: If the recording does not have 25 joints of 3 coordinates, or a coordinate is not finite.
    """
    joints = recording.joints
    if joints.shape[1:] != (_V, 3) or not np.isfinite(joints).all():
        raise ConfigError(f"joints of shape {joints.shape} cannot be written: .skeleton holds finite (B, {_V}, 3)")
    values = np.concatenate([joints, _pixels(joints)], axis=2).reshape(len(joints), _V * 7)  # (B, 25 * (3 + 4))
    blocks: list[list[str]] = [[] for _ in range(recording.num_frames)]
    for index, (frame, slot) in enumerate(zip(recording.frames.tolist(), recording.slots.tolist(), strict=True)):
        name = recording.body_ids[index] if recording.body_ids else slot + 1
        state = 2 if recording.tracking is None else int(recording.tracking[index])
        blocks[frame].append(f"{name} 0 0 0 0 0 0 0 0 {state}\n{_V}\n{_JOINT_LINES}" % tuple(values[index].tolist()))
    content = "".join(f"{len(bodies)}\n{''.join(bodies)}" for bodies in blocks)
    return f"{recording.num_frames}\n{content}".encode("ascii")


def _pixels(joints: NDArray[np.float64]) -> NDArray[np.float64]:
    """Project joints `(B, V, 3)` to depth x y and colour x y `(B, V, 4)`."""
    distance = np.where(np.abs(joints[..., 2:]) < 0.1, 1.0, joints[..., 2:])
    plane = joints[..., :2] / distance * [1, -1]
    return np.concatenate([plane * 365 + [256, 212], plane * 1060 + [960, 540]], axis=-1)


def write_skeleton(path: str | Path, recording: Recording) -> None:
    """Write a recording to a `.skeleton` file in one step; see `format_skeleton`.

    Args:
        path: The file to create or replace.
        recording: The recording to write.
    """
    with replacing(path) as temporary:
        temporary.write_bytes(format_skeleton(recording))
