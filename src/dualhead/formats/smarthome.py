"""Toyota Smarthome's skeletons (Das et al., ICCV 2019): JSON with 13 joints of LCR-Net, coordinate after coordinate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from dualhead.formats.axes import stand_up
from dualhead.formats.file_format import Evidence, FileFormat, RawClip, RawFile, from_json
from dualhead.formats.observations import MAX_PEOPLE, Observations, number_array
from dualhead.runtime.errors import FormatError
from dualhead.skeleton import SMARTHOME13

_WIDTH = 3 * SMARTHOME13.num_joints


def parse_smarthome(content: Any, where: str) -> RawClip:
    """Parse a recording of Toyota Smarthome.

    Args:
        content: A record with `njts` (13) and `frames`, each a list of people with `pose3d`: x of all joints, then y,
            then z, in metres.
        where: The source, for the error message.

    Returns:
        The recording, joints `(B, 13, 3)`, y up where the poses show the upward direction; people are to be tracked.

    Raises:
        FormatError: If something is missing or of another layout.
    """
    frames = content.get("frames") if isinstance(content, Mapping) else None
    if not isinstance(frames, list):
        raise FormatError("expected a record with 'njts' and the list 'frames'", where)
    if content.get("njts", SMARTHOME13.num_joints) != SMARTHOME13.num_joints:
        raise FormatError(f"'njts' is {str(content['njts'])[:40]!r} instead of 13", where)
    people = Observations(SMARTHOME13)
    for number, frame in enumerate(frames):
        held = frame if frame is not None else []
        if not isinstance(held, list) or not all(isinstance(person, Mapping) for person in held):
            raise FormatError(f"frame {number} is not a list of people", where)
        if len(held) > MAX_PEOPLE:
            raise FormatError(f"{len(held)} people are more than the {MAX_PEOPLE} that one frame may hold", where)
        for person in held:
            if "pose3d" not in person:
                raise FormatError(f"a person of frame {number} has no 'pose3d'", where)
            values = number_array(person["pose3d"], where, "'pose3d'")
            if values.shape not in ((_WIDTH,), (3, SMARTHOME13.num_joints)):
                raise FormatError(f"'pose3d' has shape {values.shape} instead of 39 numbers", where)
            people.add(number, values.reshape(3, SMARTHOME13.num_joints).T)
    recording = people.recording(0, len(frames), where=where)
    joints, note = stand_up(recording.joints, SMARTHOME13, ("head",), ("left_ankle", "right_ankle"))
    present = recording.joints.any(axis=2, keepdims=True)
    return RawClip(
        replace(recording, joints=joints * present),
        SMARTHOME13,
        body_selection="tracked",
        unit="m",
        notes=(note,) if note else (),
    )


def _recognise(file: RawFile) -> Evidence | None:
    return Evidence("a record with 'njts' and 'frames'") if {"njts", "frames"} <= file.keys else None


SMARTHOME = FileFormat(
    name="smarthome",
    title="Toyota Smarthome skeletons",
    suffixes=(".json",),
    recognise=_recognise,
    parse=from_json(parse_smarthome),
    fixed_skeleton=True,
    row="`smarthome13` | metres, turned so that y points up | not stated | people are followed",
)
