"""The 22 joints of SMPL: HumanML3D's `new_joints`, and what motion generators write."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualhead.formats.dense import dense_recording
from dualhead.formats.file_format import LIKELY, Evidence, FileFormat, RawClip, RawFile, ReadingOptions
from dualhead.formats.files.arrays import parse_npy
from dualhead.formats.files.object_array import parse_object_npy
from dualhead.formats.lifters import require_convertible
from dualhead.formats.observations import number_array
from dualhead.runtime.errors import FormatError
from dualhead.skeleton import SMPL22

FRAME_RATE = 20.0
"""Frames a second of HumanML3D and of what is trained on it."""

_HEAD, _FEET = SMPL22.joints.index("head"), [SMPL22.joints.index(f"{side}_foot") for side in ("left", "right")]
_MOTION = "motion"


def parse_smpl_joints(joints: NDArray[Any], where: str) -> RawClip:
    """Check an array of the 22 joints of SMPL.

    Args:
        joints: `(T, 22, 3)` in metres, y up; of 52 joints with hands the first 22.
        where: The source, for the error message.

    Returns:
        The recording, 20 frames per second.

    Raises:
        FormatError: If the shape is another, or a number is not a coordinate.
    """
    if joints.ndim == 3 and joints.shape[1] == 52:
        joints = joints[:, :22]
    recording = dense_recording(joints, None, SMPL22, where, False)
    return RawClip(replace(recording, fps=FRAME_RATE), SMPL22, max_bodies=1, unit="m")


def parse_generated_motion(content: Any, where: str) -> Iterator[RawClip]:
    """Parse the record of a motion generator.

    Args:
        content: A record with `motion` `(N, 22, 3, T)` and perhaps `lengths` (N).
        where: The source, for the error message.

    Yields:
        N recordings.

    Raises:
        FormatError: If it is not such a record.
    """
    if not isinstance(content, Mapping) or _MOTION not in content:
        raise FormatError(f"expected a record with the array {_MOTION!r}", where)
    motion = number_array(content[_MOTION], where, f"{_MOTION!r}")
    if motion.ndim != 4 or motion.shape[1:3] != (SMPL22.num_joints, 3):
        raise FormatError(f"{_MOTION!r} has shape {motion.shape} instead of (N, 22, 3, frames)", where)
    lengths = number_array(content.get("lengths", [motion.shape[3]] * len(motion)), where, "'lengths'").reshape(-1)
    if len(lengths) != len(motion) or not ((lengths >= 1) & (lengths <= motion.shape[3])).all():
        raise FormatError(f"'lengths' are not the {len(motion)} lengths of {_MOTION!r}", where)
    for number, (joints, length) in enumerate(zip(motion, lengths.astype(int).tolist(), strict=True)):
        place = where if len(motion) == 1 else f"{where}, motion {number}"
        clip = parse_smpl_joints(joints[..., :length].transpose(2, 0, 1), place)
        yield clip if len(motion) == 1 else replace(clip, name=f"motion {number}", where=place)


def _recognise(file: RawFile) -> Evidence | None:
    shape = file.arrays.get("")
    if shape is None:
        return Evidence("a record with 'motion'") if b"motion" in file.start else None
    if len(shape) != 3 or shape[0] == 0 or shape[1:] not in ((22, 3), (52, 3)):
        return None
    try:
        joints = parse_npy(file.data, file.where)
    except FormatError:
        return None
    with np.errstate(all="ignore"):  # damaged bytes can be any number
        heights = joints[:, [_HEAD, *_FEET], 1].astype(np.float64)
        height = float(np.median(heights[:, 0] - heights[:, 1:].mean(axis=1)))
    if not 0.5 <= height <= 2.5:
        return None
    return Evidence(f"an array of shape {shape} whose 16th joint is {height:.2f} m above the 11th and 12th", LIKELY)


def _parse(file: RawFile, options: ReadingOptions) -> Iterator[RawClip]:
    shape = file.arrays.get("")
    if shape is not None:
        wanted = options.skeleton or options.usual
        if wanted is not None and wanted != SMPL22 and (wanted.num_joints, wanted.dimensions) == shape[1:]:
            yield RawClip(dense_recording(parse_npy(file.data, file.where), None, wanted, file.where, None), wanted)
            return
        require_convertible(options, SMPL22, f"an array of shape {shape}", file.where)
        yield parse_smpl_joints(parse_npy(file.data, file.where), file.where)
        return
    content = parse_object_npy(file.data, file.where)
    keys = ", ".join(repr(str(key)[:40]) for key in content) if isinstance(content, Mapping) else "one object"
    require_convertible(options, SMPL22, f"a record of {keys}", file.where)
    yield from parse_generated_motion(content, file.where)


SMPL_JOINTS = FileFormat(
    name="smpl",
    title="joints of SMPL",
    suffixes=(".npy",),
    recognise=_recognise,
    parse=_parse,
    holds_many=True,
    row="`smpl22`, or the body of 52 joints | metres, y up | 20 | one person",
)
