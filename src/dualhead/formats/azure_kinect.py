"""Azure Kinect body tracking as JSON: frames of bodies with 32 joints in millimetres."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dualhead.formats.file_format import Evidence, FileFormat, RawClip, RawFile, from_json
from dualhead.formats.landmark_table import joint_aliases, squash
from dualhead.formats.observations import MAX_PEOPLE, Observations, identity, number_array, steady_rate, time_of
from dualhead.runtime.errors import FormatError
from dualhead.skeleton import AZURE32

_ABSENT = 0
"""The confidence level of a joint that is out of reach."""


def parse_azure_kinect(content: Any, where: str) -> RawClip:
    """Parse a session of Azure Kinect body tracking.

    Convention: positions are millimetres, x right in the image, y down, z away; they are converted to metres, x left in
    the image, y up, z away, as Kinect v2 has them. A joint whose confidence level is 0 is absent.

    Args:
        content: A record with `frames`, each with `bodies` of `joint_positions`, and perhaps `joint_names`.
        where: The source, for the error message.

    Returns:
        The recording, joints `(B, 32, 3)`, with the identities of the bodies and the frame rate where there are times.

    Raises:
        FormatError: If a frame or body is of another layout.
    """
    frames = content.get("frames") if isinstance(content, Mapping) else None
    if not isinstance(frames, list):
        raise FormatError("expected a record with the list 'frames'", where)
    order = _order(content.get("joint_names"), where)
    people = Observations(AZURE32)
    numbers, times = [], []
    for place, frame in enumerate(frames):
        bodies = frame.get("bodies", []) if isinstance(frame, Mapping) else None
        if not isinstance(bodies, list) or len(bodies) > MAX_PEOPLE:
            raise FormatError(f"frame {place} has no list of up to {MAX_PEOPLE} 'bodies'", where)
        number = frame.get("frame_id", place)
        if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < 10**15:
            raise FormatError(f"'frame_id' is {str(number)[:40]!r} instead of an integer", where)
        numbers.append(number)
        times.append(time_of(frame.get("timestamp_usec")))
        for body in bodies:
            if not isinstance(body, Mapping) or "joint_positions" not in body:
                raise FormatError(f"a body of frame {place} has no 'joint_positions'", where)
            joints = number_array(body["joint_positions"], where, "'joint_positions'")
            if joints.shape != (AZURE32.num_joints, 3):
                raise FormatError(f"'joint_positions' has shape {joints.shape} instead of (32, 3)", where)
            joints = joints[order] * [-0.001, -0.001, 0.001]
            levels = body.get("confidence_levels", body.get("joint_confidence_levels"))
            if levels is not None:
                found = number_array(levels, where, "the confidence levels").reshape(-1)
                if len(found) != AZURE32.num_joints:
                    raise FormatError(f"{len(found)} confidence levels for 32 joints", where)
                joints[found[order] == _ABSENT] = 0
            people.add(number, joints, body_id=identity(body.get("body_id")))
    first = min(numbers, default=0)
    recording = people.recording(first, max(numbers, default=-1) - first + 1, steady_rate(times, numbers), where)
    return RawClip(recording, AZURE32, body_selection="tracked", unit="m")


def _order(names: Any, where: str) -> list[int]:
    """Return where each joint stands, by the names that the file gives; without names in the order of the SDK."""
    if names is None:
        return [*range(AZURE32.num_joints)]
    if not isinstance(names, list) or len(names) != AZURE32.num_joints:
        raise FormatError("'joint_names' is not a list of 32 names", where)
    aliases = joint_aliases(AZURE32)
    places = {aliases.get(squash(str(name)[:40]), -1): place for place, name in enumerate(names)}
    missing = [joint for number, joint in enumerate(AZURE32.joints) if number not in places]
    if missing:
        raise FormatError(f"'joint_names' has no {missing[0]!r}", where)
    return [places[number] for number in range(AZURE32.num_joints)]


def _recognise(file: RawFile) -> Evidence | None:
    if "frames" not in file.keys or not isinstance(file.json["frames"], list):
        return None
    bodies = (
        body
        for frame in file.json["frames"][:1000]
        if isinstance(frame, dict) and isinstance(frame.get("bodies"), list)
        for body in frame["bodies"]
    )
    body = next(bodies, None)
    if isinstance(body, dict) and "joint_positions" in body:
        return Evidence("'frames' with 'bodies' and their 'joint_positions'")
    names = file.json.get("joint_names")
    return Evidence("'frames' and 'joint_names' of 32 joints") if isinstance(names, list) and len(names) == 32 else None


AZURE_KINECT = FileFormat(
    name="azure_kinect",
    title="Azure Kinect body tracking",
    suffixes=(".json",),
    recognise=_recognise,
    parse=from_json(parse_azure_kinect),
    fixed_skeleton=True,
    row="`azure32` | millimetres, turned to metres and Kinect axes | from `timestamp_usec` | "
    "`body_id`, followed where it changes",
)
