"""Arrays of 17 joints in the order of Human3.6M, as VideoPose3D and the lifters after it write and read them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from dualhead.formats.axes import off_zero, stand_up
from dualhead.formats.dense import dense_recording
from dualhead.formats.file_format import Evidence, FileFormat, RawClip, RawFile, ReadingOptions
from dualhead.formats.files.arrays import parse_npz
from dualhead.formats.files.object_array import parse_object_npz
from dualhead.formats.observations import number_array
from dualhead.runtime.errors import DualheadError, FormatError, MismatchError
from dualhead.skeleton import H36M17, Skeleton
from dualhead.skeleton_maps import joint_sources

_OF_32 = [0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27]
"""The joints of `h36m17` among the 32 of Human3.6M."""

_RESULT = "reconstruction"
_DATA = "positions_3d"


def parse_h36m(joints: NDArray[Any], where: str) -> RawClip:
    """Check poses in the order of Human3.6M.

    Args:
        joints: `(T, 17 or 32, 3)` or `(M, T, 17 or 32, 3)`, metres, with any axis up.
        where: The source, for the error message.

    Returns:
        The recording, joints `(B, 17, 3)`, y up where the poses show the upward direction.

    Raises:
        FormatError: If the shape is another, or a number is not a coordinate.
    """
    if joints.ndim in (3, 4) and joints.shape[-2] == 32:
        joints = joints[..., _OF_32, :]
    recording = dense_recording(joints, None, H36M17, where, False)
    turned, note = stand_up(recording.joints, H36M17, ("head", "neck_nose"), ("left_ankle", "right_ankle"))
    present = recording.joints.any(axis=2, keepdims=True)
    placed, moved = off_zero(turned * present)
    notes = tuple(told for told in (note, moved) if told)
    return RawClip(replace(recording, joints=placed), H36M17, unit="m", notes=notes)


def parse_positions_3d(content: Any, where: str) -> Iterator[RawClip | FormatError]:
    """Parse the poses of VideoPose3D's `data_3d_*.npz`.

    Args:
        content: A record by subject of records by action of arrays `(T, 17 or 32, 3)`.
        where: The source, for the error message.

    Yields:
        A recording for each action of each subject, called "SUBJECT ACTION", or why it is left out.

    Raises:
        FormatError: If it is not such a record.
    """
    if not isinstance(content, Mapping) or not all(isinstance(held, Mapping) for held in content.values()):
        raise FormatError(f"{_DATA!r} is not a record by subject and action", where)
    for subject, actions in content.items():
        for action, joints in actions.items():
            name = f"{str(subject)[:40]} {str(action)[:80]}"
            try:
                clip = parse_h36m(number_array(joints, where, f"{name!r}"), f"{where}, {name}")
            except FormatError as error:
                yield error
                continue
            yield replace(clip, name=name, where=f"{where}, {name}")


def require_convertible(options: ReadingOptions, skeleton: Skeleton, held: str, where: str) -> None:
    """Check that recordings of a skeleton can be used where the user wants them.

    Args:
        options: The options of the user.
        skeleton: The skeleton of the file.
        held: The content of the file, such as "arrays 'motion' and 'text'".
        where: The file, for the error message.

    Raises:
        FormatError: If they cannot be converted to the skeleton that is wanted; it names what the file holds.
    """
    wanted = options.skeleton or options.usual
    if wanted is None or wanted == skeleton:
        return
    try:
        joint_sources(skeleton, wanted)
    except MismatchError:
        raise FormatError(
            f"it holds {held}: joints of {skeleton.name!r}, which cannot be converted to {wanted.name!r}", where
        ) from None


def _recognise(file: RawFile) -> Evidence | None:
    shape = file.arrays.get(_RESULT)
    if shape is not None and len(shape) in (3, 4) and shape[-2:] == (17, 3):
        return Evidence(f"an array {_RESULT!r} of shape {shape}, as lifters of 2D poses write it")
    return Evidence(f"an array {_DATA!r} of VideoPose3D") if _DATA in file.arrays else None


def _parse(file: RawFile, options: ReadingOptions) -> Iterator[RawClip | DualheadError]:
    names = ", ".join(f"{name[:40]!r} {shape or ''}".strip() for name, shape in file.arrays.items())
    require_convertible(options, H36M17, f"the arrays {names}", file.where)
    if _RESULT in file.arrays:
        yield parse_h36m(parse_npz(file.data, (_RESULT,), file.where)[_RESULT], file.where)
    else:
        yield from parse_positions_3d(parse_object_npz(file.data, _DATA, file.where), file.where)


LIFTED = FileFormat(
    name="lifted",
    title="Human3.6M poses of a lifter",
    suffixes=(".npz",),
    recognise=_recognise,
    parse=_parse,
    holds_many=True,
    row="`h36m17` | metres, turned so that y points up | not stated | places in the file",
)
