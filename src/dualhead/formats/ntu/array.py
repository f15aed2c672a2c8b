"""NTU RGB+D as `.skeleton.npy`: a record of arrays for each recording, as a widespread script writes it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from dualhead.formats.file_format import Evidence, FileFormat, RawClip, RawFile, ReadingOptions
from dualhead.formats.files.object_array import parse_object_npy
from dualhead.formats.ntu.sources import named_clip
from dualhead.formats.observations import MAX_FRAMES, number_array
from dualhead.formats.recording import Recording, from_dense
from dualhead.runtime.errors import FormatError
from dualhead.skeleton import NTU25

FRAME_RATE = 30.0
_MAX_BODIES = 10
_KEY = "skel_body"


def parse_ntu_array(content: Any, where: str) -> Recording:
    """Parse the record of a `.skeleton.npy`.

    Args:
        content: A record with `skel_body0`, `skel_body1` and so on, `(T, 25, 3)` in metres, zeros where a body is
            absent. Positions in the colour and depth images are passed over.
        where: The source, for the error message.

    Returns:
        The recording; the bodies of a frame are in the order of the record.

    Raises:
        FormatError: If an array is missing or has another shape.
    """
    held = content if isinstance(content, Mapping) else {}
    names = [f"{_KEY}{number}" for number in range(_MAX_BODIES) if f"{_KEY}{number}" in held]
    if not names:
        raise FormatError(f"expected a record with the array '{_KEY}0'", where)
    bodies = [number_array(held[name], where, f"{name!r}") for name in names]
    for name, body in zip(names, bodies, strict=True):
        if (
            body.shape != (len(bodies[0]) if bodies[0].ndim else 0, NTU25.num_joints, 3)
            or not 0 < len(body) <= MAX_FRAMES
        ):
            raise FormatError(f"{name!r} has shape {body.shape} instead of (frames, 25, 3)", where)
    joints = np.nan_to_num(np.stack(bodies))
    recording = from_dense(joints)
    return Recording(recording.joints, recording.frames, recording.slots, recording.num_frames, fps=FRAME_RATE)


def _recognise(file: RawFile) -> Evidence | None:
    if file.name.lower().endswith(".skeleton.npy"):
        return Evidence("its name ends in .skeleton.npy")
    if file.arrays.get("") is not None:  # numbers, which may be many
        return None
    return Evidence(f"a record with '{_KEY}0'") if f"{_KEY}0".encode() in file.start else None


def _parse(file: RawFile, options: ReadingOptions) -> Iterator[RawClip]:
    name = PurePosixPath(file.stem).stem  # without .skeleton
    yield replace(named_clip(parse_ntu_array(parse_object_npy(file.data, file.where), file.where), name), name=name)


NTU_ARRAY = FileFormat(
    name="ntu_array",
    title="NTU RGB+D array",
    suffixes=(".npy",),
    recognise=_recognise,
    parse=_parse,
    fixed_skeleton=True,
    row="`ntu25` | metres, Kinect axes | 30 | places in the file",
)
