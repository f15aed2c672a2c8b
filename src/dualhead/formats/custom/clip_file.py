"""One clip in one file of a user's own: `.npy`, `.npz`, `.csv` or `.json`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualhead.formats.custom.array_layout import order_axes
from dualhead.formats.custom.columns import read_numbers
from dualhead.formats.dense import dense_recording
from dualhead.formats.file_format import (
    LIKELY,
    POSSIBLE,
    Evidence,
    FileFormat,
    RawClip,
    RawFile,
    ReadingOptions,
    dump_keys,
)
from dualhead.formats.files.arrays import npz_shapes, parse_npy, parse_npz
from dualhead.formats.files.json_file import JsonFile, nested_numbers, odd_place, parse_json
from dualhead.formats.recording import Recording
from dualhead.runtime.errors import FormatError
from dualhead.skeleton import Skeleton

CLIP_SUFFIXES = (".npy", ".npz", ".csv", ".txt", ".json")
"""Endings of the files that `parse_clip` reads."""

_MOST_NAMES = 8
_FEWEST_NUMBERS = 10
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?|nan", re.ASCII | re.IGNORECASE)


def parse_clip(
    data: bytes,
    path: str | Path,
    skeleton: Skeleton,
    has_confidence: bool | None = None,
    *,
    axes: str | None = None,
    content: Any = None,
) -> Recording:
    """Parse a clip of a user's own.

    Convention: joints `(T, V, C)` for one body or `(M, T, V, C)` for several, in the skeleton's order of joints; one
    channel more than it has dimensions is the confidence. NaN (null, an empty cell) in any coordinate of a joint: the
    joint is missing there and becomes all zeros. Other orders and other marks for what is missing: `array_layout` and
    `dense`.

    - `.npy`: the array; also `(T, n)`, a table like that of a CSV file.
    - `.npz`: `joints` and, if there is one, `confidence` `(T, V)` or `(M, T, V)`.
    - `.json`: the nested lists, or a record with `joints` and `confidence`.
    - `.csv`: a line for each frame, V * C numbers in a line: joint after joint, its x, y (and z) side by side; several
      bodies one after the other. If the first line holds names, they are `JOINT_x` and so on, in any order.

    Args:
        data: The file's bytes.
        path: The file; its suffix determines the format.
        skeleton: The layout of the joints.
        has_confidence: Whether the data set has a confidence for each joint; None: as the clip has.
        axes: The order of the axes, such as "TMVC"; None: as the numbers say.
        content: The bytes parsed as JSON, where that is done already.

    Returns:
        The recording, with a note for each thing that was decided by evidence.

    Raises:
        FormatError: If the content is not a clip of this skeleton, or could be read in two ways.
    """
    return _parse_table(data, path, skeleton, has_confidence, axes, content)[0]


def _parse_table(
    data: bytes, path: str | Path, skeleton: Skeleton, has_confidence: bool | None, axes: str | None, content: Any
) -> tuple[Recording, str]:
    """Parse a clip, and the class that a column of a table names; "" without such a column."""
    suffix = Path(str(path)).suffix.lower()
    confidence: NDArray[Any] | None = None
    class_name, fps, notes, first_frame = "", None, [], 0
    if suffix == ".npy":
        joints = parse_npy(data, path)
    elif suffix == ".npz":
        arrays = parse_npz(data, ("joints", "confidence"), path)
        shapes = {} if "joints" in arrays else npz_shapes(data, path)
        if len(shapes) == 1 and len(next(iter(shapes.values())) or ()) in (3, 4):  # as numpy.savez(file, joints) has it
            (only,) = shapes
            arrays = {"joints": parse_npz(data, (only,), path)[only]}
            notes.append(f"its only array, {only[:40]!r}, is interpreted as the joints")
        if "joints" not in arrays:
            raise FormatError(_no_joints(shapes), path)
        joints, confidence = arrays["joints"], arrays.get("confidence")
    elif suffix in (".csv", ".txt"):
        table = read_numbers(data, path, skeleton)
        joints, class_name, fps, notes = table.values, table.class_name, table.fps, list(table.notes)
        first_frame = table.first_frame
        width = skeleton.num_joints * skeleton.dimensions
        if (
            joints.ndim == 2
            and joints.size
            and joints.shape[1] % width
            and joints.shape[1] % (width + width // skeleton.dimensions)
        ):
            raise FormatError(
                f"{joints.shape[1]} numbers in a line, but skeleton {skeleton.name!r} has {skeleton.num_joints} joints "
                f"of {skeleton.dimensions} coordinates: {width}, or that for each of several bodies",
                path,
                table.first_line,
            )
    elif suffix == ".json":
        content = parse_json(data, path) if content is None else content
        if isinstance(content, dict):
            if "joints" not in content:
                raise FormatError(f"it needs the key 'joints', and has {dump_keys(content)}", path)
            scores = content.get("confidence")
            confidence = None if scores is None else _numbers(scores, JsonFile(path), "confidence")
            joints = _numbers(content["joints"], JsonFile(path), "joints")
        else:
            joints = _numbers(content, JsonFile(path))
        del content
    else:
        raise FormatError(f"unknown kind of clip: pass one that ends in {', '.join(CLIP_SUFFIXES)}", path)
    if joints.size == 0:
        raise FormatError(f"an array of shape {joints.shape} contains no frame", path)
    ordered, said = order_axes(joints, skeleton, str(path), axes)
    if (
        confidence is not None
        and confidence.ndim == 3
        and confidence.swapaxes(0, 1).shape == ordered.shape[:3]
        and said
    ):
        confidence = confidence.swapaxes(0, 1)
    recording = dense_recording(ordered, confidence, skeleton, str(path), has_confidence, given=joints.shape)
    notes = [*notes, *said, *recording.notes]
    return replace(recording, fps=fps, notes=tuple(notes), first_frame=first_frame), class_name


def _no_joints(shapes: Mapping[str, tuple[int, ...] | None]) -> str:
    """Describe the arrays of a .npz without `joints`, and which of them may be the joints."""
    held = [f"{name[:40]} {'of objects' if shape is None else shape}" for name, shape in shapes.items()]
    listed = ", ".join(held[:_MOST_NAMES]) + (", ..." if len(held) > _MOST_NAMES else "")
    fitting = [
        name for name, shape in shapes.items() if shape is not None and len(shape) in (3, 4) and shape[-1] in (2, 3)
    ]
    if fitting:
        return (
            f"it has no array 'joints', but {listed}: if {fitting[0][:40]!r} are the joint positions, save it as "
            "'joints', and pass its skeleton"
        )
    if any(shape is None for shape in shapes.values()):
        return (
            f"it has no array 'joints', but {listed}: an array of objects holds a record of its own, save the joint "
            "positions of one recording as 'joints'"
        )
    return f"it has no array 'joints', but {listed or 'none at all'}"


def _numbers(value: Any, text: JsonFile, *place: str) -> NDArray[np.float64]:
    """Convert nested lists to an array; null becomes NaN."""
    try:
        return nested_numbers(value, nulls=True)
    except (ValueError, TypeError, OverflowError):
        reason = "its lists do not form one array of numbers"
        raise text.fault(reason, *place, *odd_place(value)) from None


def _is_numbers(rows: list[list[str]]) -> bool:
    """Check whether lines have the same count of numbers each; too few numbers prove nothing."""
    if not rows or len({len(row) for row in rows[:-1] or rows}) != 1 or len(rows[0]) < _FEWEST_NUMBERS:
        return False
    return all(_NUMBER.fullmatch(cell) for row in rows[:2] for cell in row)


def _recognise(file: RawFile) -> Evidence | None:
    if file.suffix == ".txt" and not _is_numbers(file.rows):
        return None
    if file.suffix != ".json":
        return Evidence(f"an array or table of numbers ({file.suffix})", POSSIBLE)
    if "joints" in file.keys:
        return Evidence("a JSON record with 'joints'", LIKELY)
    first = file.items[0] if file.items else None
    return Evidence("nested JSON lists of numbers", LIKELY) if isinstance(first, list) else None


def _parse(file: RawFile, options: ReadingOptions) -> Iterator[RawClip]:
    """Parse a clip whose skeleton the user says, or that is interpreted as the checkpoint's."""
    skeleton = options.skeleton or options.usual
    if skeleton is None:
        reason = f"unknown kind of skeleton in a {file.suffix}: pass --skeleton, a name or a YAML file"
        raise FormatError(reason, file.where)
    try:
        recording, class_name = _parse_table(
            file.data, file.where, skeleton, options.has_confidence, options.axes,
            file.take_json() if file.suffix == ".json" else None,
        )  # fmt: skip
    except FormatError as error:
        if options.skeleton is not None or "skeleton" not in error.reason:
            raise
        told = f"interpreted as {skeleton.name!r}by default: pass its skeleton if it is another"
        raise FormatError(f"{error.reason} ({told})", error.path, error.line) from None
    yield RawClip(recording, skeleton, class_name=class_name or None)


ARRAY_CLIP = FileFormat(
    name="array",
    title="a clip of your own",
    suffixes=CLIP_SUFFIXES,
    recognise=_recognise,
    parse=_parse,
    brings_skeleton=False,
    row="`--skeleton`, else the checkpoint's | 3D: metres unless `--unit`; 2D: pixels or fractions | `--fps` | places",
)
