"""One clip in one file of a user's own: `.npy`, `.npz`, `.csv` or `.json`."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualhead.formats.dense import dense_recording
from dualhead.formats.file_format import LIKELY, POSSIBLE, Evidence, FileFormat, RawClip, RawFile, ReadingOptions
from dualhead.formats.files.arrays import parse_npy, parse_npz
from dualhead.formats.files.json_file import JsonText, odd_place, parse_json
from dualhead.formats.recording import Recording
from dualhead.runtime.errors import FormatError
from dualhead.skeleton import Skeleton

CLIP_SUFFIXES = (".npy", ".npz", ".csv", ".json")
"""Endings of the files that `parse_clip` reads."""

_AXES = "xyz"
_ABSENT = ("", "nan", "na", "null", "none")


def parse_clip(data: bytes, path: str | Path, skeleton: Skeleton, has_confidence: bool | None = None) -> Recording:
    """Parse a clip of a user's own.

    Convention: joints `(T, V, C)` for one body or `(M, T, V, C)` for several, in the skeleton's order of joints; one
    channel more than it has dimensions is the confidence. NaN (null, an empty cell) in any coordinate of a joint: the
    joint is missing there and becomes all zeros.

    - `.npy`: the array.
    - `.npz`: `joints` and, if there is one, `confidence` `(T, V)` or `(M, T, V)`.
    - `.json`: the nested lists, or a record with `joints` and `confidence`.
    - `.csv`: a line for each frame, V * C numbers in a line: joint after joint, its x, y (and z) side by side; several
      bodies one after the other. If the first line holds names, they are `JOINT_x` and so on, in any order.

    Args:
        data: The file's bytes.
        path: Where they came from; its ending says which kind it is.
        skeleton: The layout of the joints.
        has_confidence: Whether the data set has a confidence for each joint; None: as the clip has.

    Returns:
        The recording.

    Raises:
        FormatError: If the content is no clip of this skeleton.
    """
    suffix = Path(str(path)).suffix.lower()
    confidence: NDArray[Any] | None = None
    if suffix == ".npy":
        joints = parse_npy(data, path)
    elif suffix == ".npz":
        arrays = parse_npz(data, ("joints", "confidence"), path)
        if "joints" not in arrays:
            raise FormatError("it has no array 'joints'", path)
        joints, confidence = arrays["joints"], arrays.get("confidence")
    elif suffix == ".csv":
        joints = _parse_csv(data, path, skeleton)
    elif suffix == ".json":
        content = parse_json(data, path)
        if isinstance(content, dict):
            if "joints" not in content:
                raise FormatError("it needs the key 'joints'", path)
            scores = content.get("confidence")
            confidence = None if scores is None else _numbers(scores, JsonText(data, path), "confidence")
            joints = _numbers(content["joints"], JsonText(data, path), "joints")
        else:
            joints = _numbers(content, JsonText(data, path))
    else:
        raise FormatError(f"unknown kind of clip: give one that ends in {', '.join(CLIP_SUFFIXES)}", path)
    if joints.size == 0:
        raise FormatError(f"an array of shape {joints.shape} holds no frame", path)
    return dense_recording(joints, confidence, skeleton, str(path), has_confidence)


def _numbers(value: Any, text: JsonText, *place: str) -> NDArray[np.float64]:
    """Turn nested lists into an array; null becomes NaN."""
    try:
        return np.array(value, np.float64)
    except (ValueError, TypeError, OverflowError):
        reason = "its lists are no array of numbers of one shape"
        raise text.fault(reason, *place, *odd_place(value)) from None


def read_table(data: bytes, path: str | Path) -> list[tuple[int, list[str]]]:
    """Split a CSV file into cells.

    Args:
        data: The file's bytes, UTF-8.
        path: Where they came from, for the error message.

    Returns:
        The 1-based number and the cells of each line that is not blank, without blanks around them. A line of
        separators alone is one of empty cells.

    Raises:
        FormatError: If it is empty, no text or no CSV, or another mark than the comma separates its cells.
    """
    try:
        reader = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""))
        lines = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise FormatError("not UTF-8 text: save it as CSV in UTF-8", path, line) from None
    except csv.Error as error:
        raise FormatError(f"not CSV ({error})", path) from None
    lines = [(line, cells) for line, cells in lines if len(cells) > 1 or any(cells)]
    if not lines:
        raise FormatError("it is empty", path)
    first, cells = lines[0]
    for mark, name in ((";", "';'"), ("\t", "tabs")):
        if any(mark in cell for cell in cells):
            reason = f"its cells are separated by {name} instead of ',': save it with commas, and points in numbers"
            raise FormatError(reason, path, first)
    return lines


def _parse_csv(data: bytes, path: str | Path, skeleton: Skeleton) -> NDArray[np.float64]:
    """Read frames `(M, T, V, C)`."""
    rows = read_table(data, path)
    channels, num_joints = skeleton.dimensions, skeleton.num_joints
    width = num_joints * channels
    columns: Sequence[int] | None = None
    if _is_names(rows[0][1]):
        columns = _columns(rows.pop(0)[1], path, skeleton)
    values = np.empty((len(rows), len(columns or (rows[0][1] if rows else ()))))
    for index, (line, cells) in enumerate(rows):
        if len(cells) != values.shape[1]:
            raise FormatError(f"{len(cells)} numbers instead of {values.shape[1]} as in the first line", path, line)
        for column, cell in enumerate(cells):
            number = _number(cell)
            if number is None:
                raise FormatError(f"{cell[:40]!r} is {_why_no_number(cell)}", path, line)
            values[index, column] = number
    if columns is not None:
        values = values[:, columns]
    if not values.shape[1] or values.shape[1] % width:
        raise FormatError(
            f"{values.shape[1]} numbers in a line, but skeleton {skeleton.name!r} has {num_joints} joints of "
            f"{channels} coordinates: {width}, or that for each of several bodies",
            path,
            rows[0][0] if rows else None,
        )
    return values.reshape(len(rows), values.shape[1] // width, num_joints, channels).swapaxes(0, 1)


def _number(cell: str) -> float | None:
    if cell.lower() in _ABSENT:
        return float("nan")
    try:
        return float(cell) if "_" not in cell else None
    except ValueError:
        return None


def _is_names(cells: Sequence[str]) -> bool:
    """Tell a line of column names from one of numbers, in which some cells may be something else."""
    numbers = [_number(cell.replace(",", ".")) for cell in cells]
    return None in numbers and all(number is None or math.isnan(number) for number in numbers)


def _why_no_number(cell: str) -> str:
    if _number(cell.replace(",", ".")) is not None:
        return "a number with a decimal comma: write it with a point"
    return "no number: where a joint is missing leave it empty"


def _columns(names: Sequence[str], path: str | Path, skeleton: Skeleton) -> list[int]:
    """Find the column of each coordinate of each joint."""
    wanted = [f"{joint}_{axis}" for joint in skeleton.joints for axis in _AXES[: skeleton.dimensions]]
    if sorted(names) != sorted(wanted):
        odd = next((name for name in names if name not in wanted), None)
        lacking = next((name for name in wanted if name not in names), None)
        if odd is not None:
            what = f"holds {odd!r}, which is no coordinate of a joint"
        elif lacking is not None:
            what = f"has no {lacking!r}"
        else:
            what = f"has {next(name for name in names if names.count(name) > 1)!r} twice"
        raise FormatError(f"its first line {what}: name the columns {wanted[0]}, {wanted[1]} and so on", path, 1)
    places = {name: place for place, name in enumerate(names)}
    return [places[name] for name in wanted]


def _recognise(file: RawFile) -> Evidence | None:
    if file.suffix != ".json":
        return Evidence(f"an array or table of numbers ({file.suffix})", POSSIBLE)
    if "joints" in file.keys:
        return Evidence("a JSON record with 'joints'", LIKELY)
    first = file.items[0] if file.items else None
    return Evidence("nested JSON lists of numbers", LIKELY) if isinstance(first, list) else None


def _parse(file: RawFile, options: ReadingOptions) -> Iterator[RawClip]:
    """Parse a clip whose skeleton the user says, or that is taken for the checkpoint's."""
    skeleton = options.skeleton or options.usual
    if skeleton is None:
        reason = f"unknown kind of skeleton in a {file.suffix}: say it with --skeleton, a name or a YAML file"
        raise FormatError(reason, file.where)
    try:
        recording = parse_clip(file.data, file.where, skeleton, options.has_confidence)
    except FormatError as error:
        if options.skeleton is not None:
            raise
        told = f"taken for {skeleton.name!r}, as nothing says otherwise: say its skeleton if it is another"
        raise FormatError(f"{error.reason} ({told})", error.path, error.line) from None
    yield RawClip(recording, skeleton)


ARRAY_CLIP = FileFormat(
    name="array",
    title="a clip of your own",
    suffixes=CLIP_SUFFIXES,
    recognise=_recognise,
    parse=_parse,
    brings_skeleton=False,
    row="`--skeleton`, else the checkpoint's | 3D: metres unless `--unit`; 2D: pixels or fractions | `--fps` | places",
)
