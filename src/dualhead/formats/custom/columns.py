"""A table of numbers with whatever people put around them: headers, row numbers, times, a class."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualhead.formats.files.text_lines import check_lines
from dualhead.runtime.errors import FormatError
from dualhead.skeleton import Skeleton

_AXES = "xyz"
_ABSENT = ("", "nan", "na", "null", "none")
_SCORE = ("score", "confidence", "visibility", "conf", "c")
_ROW = ("", "index", "idx", "row", "unnamed: 0")
_FRAME = ("frame", "frame_id", "frameid", "frame_number", "frame_index", "framenumber", "frameindex", "frame_no")
_MOST_GAPS = 10_000  # frames between those that a table has
_TIME = ("time", "timestamp", "time_s", "timestamp_s", "seconds", "t", "timestamp_ms")
_CLASS = ("class", "label", "action", "activity", "pose", "asana", "category", "target")
_QUOTED = 60
_MOST_CELLS = 100_000  # of a line; a list of each column is made
_LOOKED_AT = 1000
_SHORT = 3  # characters, of which there are less than a million texts
_FEWEST_NUMBERED = 10  # of fewer columns 1, 2, 3, ... may be data
_JOINT_COLUMN = re.compile(r"(?P<joint>.+?)[ ._-]?(?P<axis>[xyz]|score|confidence|visibility|conf)", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class NumberTable:
    """The numbers of a table, and what stood around them.

    Attributes:
        values: `(T, n)`, or `(T, V, C)` where named columns identify the numbers; NaN where a cell is empty.
        first_line: The 1-based line of the first row.
        class_name: The class that a column names, or "".
        fps: Frames a second by a column of times, or None.
        notes: Decisions by evidence, a sentence each.
        first_frame: The number that the table gives its first frame, 0 where it numbers none.
    """

    values: NDArray[np.float64]
    first_line: int | None
    class_name: str = ""
    fps: float | None = None
    notes: tuple[str, ...] = ()
    first_frame: int = 0


def read_table(data: bytes, path: str | Path) -> list[tuple[int, list[str]]]:
    """Split a CSV file into cells, or a `.txt` file at blanks.

    Args:
        data: The file's bytes, UTF-8.
        path: The file, for the error message.

    Returns:
        The 1-based number and the cells of each line that is not blank, without blanks around them. A line of
        separators alone is one of empty cells.

    Raises:
        FormatError: If it is empty, no text or no CSV, has too many lines or cells in a line, or another mark than the
            comma separates its cells.
    """
    check_lines(data, path)
    shared: dict[str, str] = {}
    lines: list[tuple[int, list[str]]] = []
    try:
        for number, row in _split_lines(data, path):
            if len(row) > _MOST_CELLS:
                raise FormatError(f"{len(row)} cells are more than the {_MOST_CELLS} of a frame", path, number)
            cells = [cell.strip() for cell in row]
            if len(cells) > 1 or any(cells):
                lines.append((number, [_share(cell, shared) for cell in cells]))
    except csv.Error as error:
        raise FormatError(f"not CSV ({str(error)[:_QUOTED]})", path) from None
    if not lines:
        raise FormatError("it is empty", path)
    first, cells = lines[0]
    for mark, name in ((";", "';'"), ("\t", "tabs")):
        if any(mark in cell for cell in cells):
            reason = f"its cells are separated by {name} instead of ',': save it with commas, and points in numbers"
            raise FormatError(reason, path, first)
    return lines


def _split_lines(data: bytes, path: str | Path) -> Iterator[tuple[int, list[str]]]:
    """Split lines into cells one by one, so that neither the text nor its lines are held beside the cells."""
    try:
        start = data.decode("utf-8-sig")[:_LOOKED_AT]
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise FormatError("not UTF-8 text: save it as CSV in UTF-8", path, line) from None
    if str(path).lower().endswith(".txt") and "," not in start:
        text = io.TextIOWrapper(io.BytesIO(data), "utf-8-sig")
        lines = chain.from_iterable(line.splitlines() for line in text)  # at form feeds too
        return ((number, line.split()) for number, line in enumerate(lines, start=1))
    reader = csv.reader(io.TextIOWrapper(io.BytesIO(data), "utf-8-sig", newline=""))
    return ((reader.line_num, row) for row in reader)


def _share(cell: str, shared: dict[str, str]) -> str:
    """Return one object for all equal cells that are short: it takes 20 times as much as two digits in the file."""
    return shared.setdefault(cell, cell) if len(cell) <= _SHORT and cell.isascii() else cell


def read_numbers(data: bytes, path: str | Path, skeleton: Skeleton) -> NumberTable:
    """Read a table with a line for each frame.

    Convention: numbers, or under a first line of names `JOINT_x` and so on, in any order. A first line that counts the
    columns (0, 1, 2, ... as pandas writes it) is not data; a first column that counts the rows, a column of times
    and a last column with one and the same word, the class, are not coordinates.

    Args:
        data: The file's bytes.
        path: The file, for the error message.
        skeleton: The layout of the joints.

    Raises:
        FormatError: If the content is not such a table; names the column or quotes the cell.
    """
    lines = read_table(data, path)
    notes: list[str] = []
    names: list[str] | None = None
    header = lines[0][1]
    if _counts_columns(header) and len(lines) > 1:
        line = lines.pop(0)[0]
        names = header if not all(cell.isdigit() for cell in header) else None
        notes.append(f"line {line} numbers the columns and is left out")
    elif _is_names(header):
        names = lines.pop(0)[1]
    width = len(names or (lines[0][1] if lines else ()))
    for line, cells in lines:
        if len(cells) != width:
            raise FormatError(f"{len(cells)} numbers instead of {width} as in the first line", path, line)
    kept = list(range(width))
    class_name, fps = "", None
    frame_numbers: list[str] | None = None
    for column in list(kept):
        name = None if names is None else names[column].lower()
        if name in _FRAME and not _is_coordinate(name, skeleton):
            kept.remove(column)
            frame_numbers = _column(lines, column)
        elif name in _ROW and not _is_coordinate(name, skeleton):
            kept.remove(column)
            notes.append(f"column {name!r} numbers the rows and is left out")
        elif name in _TIME:
            kept.remove(column)
            fps = _frame_rate(_column(lines, column))
            told = "" if fps is None else f": {fps:.4g} frames per second"
            notes.append(f"column {name!r} is the time{told}")
        elif lines and _is_word(cells[column] for _, cells in lines):
            said = f"column {names[column]!r}" if names else f"column {column + 1}"
            different = list(dict.fromkeys(_column(lines, column)))
            if len(different) > 1:
                words = " and ".join(repr(word[:20]) for word in different[:2])
                raise FormatError(
                    f"{said} holds words, {words}, and not one class: omit it, or cut the recording at them", path
                )
            kept.remove(column)
            class_name = different[0]
            notes.append(f"{said} is the class, {class_name[:_QUOTED]!r}")
        elif name in _CLASS and not _is_coordinate(name, skeleton):
            kept.remove(column)
            notes.append(f"column {name!r} is a label and is left out")
    values = _numbers(lines, kept, path)
    first, first_frame = lines[0][0] if lines else None, 0
    del lines
    if frame_numbers is not None:
        numbers = [_number(cell) for cell in frame_numbers]
        values, first_frame, said = _by_frame(values, [np.nan if one is None else one for one in numbers], path)
        notes.append(said)
    if names is not None and not _counts_columns(names) and kept:
        named = _by_name(values, [names[column] for column in kept], path, skeleton)
        return NumberTable(named, first, class_name, fps, tuple(notes), first_frame)
    sizes = [skeleton.num_joints * count for count in (skeleton.dimensions, skeleton.dimensions + 1)]
    wide = values.shape[1]
    one_more = wide > 1 and all(wide % size for size in sizes) and any((wide - 1) % size == 0 for size in sizes)
    if one_more and len(values) > 1 and _counts_rows(values[:, 0]):
        values = values[:, 1:]
        notes.append("the first column numbers the rows and is left out")
    elif one_more and len(values) > 1 and _counts_frames(values[:, 0]):
        values, first_frame, said = _by_frame(values[:, 1:], values[:, 0].tolist(), path)
        notes.append(said)
    return NumberTable(values, first, class_name, fps, tuple(notes), first_frame)


def _numbers(lines: Sequence[tuple[int, Sequence[str]]], kept: Sequence[int], path: str | Path) -> NDArray[np.float64]:
    values = np.empty((len(lines), len(kept)))
    for index, (line, cells) in enumerate(lines):
        row = [cells[column] for column in kept]
        try:
            if "_" not in "".join(row):
                values[index] = list(map(float, row))
                continue
        except ValueError:
            pass  # an empty cell, or something wrong
        for place, column in enumerate(kept):
            number = _number(cells[column])
            if number is None:
                raise FormatError(f"{cells[column][:40]!r} is {_why_no_number(cells[column])}", path, line)
            values[index, place] = number
    return values


def _column(lines: Sequence[tuple[int, Sequence[str]]], column: int) -> list[str]:
    return [cells[column] for _, cells in lines]


def _number(cell: str) -> float | None:
    if cell.lower() in _ABSENT:
        return float("nan")
    try:
        return float(cell) if "_" not in cell else None
    except ValueError:
        return None


def _is_names(cells: Sequence[str]) -> bool:
    """Check whether a line holds column names rather than numbers, of which some cells may be invalid."""
    numbers = [_number(cell.replace(",", ".")) for cell in cells]
    return None in numbers and all(number is None or math.isnan(number) for number in numbers)


def _counts_columns(cells: Sequence[str]) -> bool:
    """Check whether a line numbers its columns, from 0 or 1, with or without another column's name at either end."""
    numbers = [int(cell) for cell in cells if cell.isdigit() and len(cell) < 7]
    if len(numbers) < max(len(cells) - 2, _FEWEST_NUMBERED) or numbers[0] not in (0, 1):
        return False
    others = [place for place, cell in enumerate(cells) if not cell.isdigit()]
    at_the_ends = all(place in (0, len(cells) - 1) for place in others)
    return at_the_ends and numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def _counts_rows(column: NDArray[np.float64]) -> bool:
    return bool(column[0] in (0, 1) and np.array_equal(column, column[0] + np.arange(len(column))))


def _counts_frames(column: NDArray[np.float64]) -> bool:
    """Check for integers that never decrease, as frame numbers with gaps or repetitions are."""
    steps = np.diff(column)
    return bool(np.isfinite(column).all() and (column == np.rint(column)).all() and (steps >= 0).all() and steps.any())


def _by_frame(
    values: NDArray[np.float64], numbers: Sequence[float], path: str | Path
) -> tuple[NDArray[np.float64], int, str]:
    """Place rows at the frames of a column of frame numbers; of a repeated frame the last row counts.

    Raises:
        FormatError: If they are not frame numbers of one recording.
    """
    column = np.array(numbers, np.float64)
    if not len(column):
        return values, 0, "a column numbers the frames"
    if not (np.isfinite(column).all() and (column == np.rint(column)).all() and (np.diff(column) >= 0).all()):
        raise FormatError("the column of frame numbers holds something other than ascending integers", path)
    first, last = int(column[0]), int(column[-1])
    count = last - first + 1
    if first < 0 or count > len(column) + _MOST_GAPS + 10 * len(column):
        raise FormatError(f"its frames are numbered {first} to {last}, but there are only {len(column)}", path)
    said = f"a column numbers the frames {first} to {last}"
    if count == len(column) == len(np.unique(column)):
        return values, first, said
    spread = np.full((count, values.shape[1]), np.nan)
    spread[(column - first).astype(np.int64)] = values
    missing, again = count - len(np.unique(column)), len(column) - len(np.unique(column))
    return spread, first, f"{said}: {missing} are missing and stay empty, {again} come again and replace the former"


def _is_word(cells: Iterable[str]) -> bool:
    return all(_number(cell.replace(",", ".")) is None for cell in cells)


def _is_coordinate(name: str, skeleton: Skeleton) -> bool:
    match = _JOINT_COLUMN.fullmatch(name)
    return match is not None and match["joint"] in skeleton.joints


def _frame_rate(cells: Sequence[str]) -> float | None:
    """Find the frame rate of times in seconds, milliseconds or microseconds."""
    numbers = np.array([number for cell in cells if (number := _number(cell)) is not None])
    steps = np.diff(numbers[np.isfinite(numbers)])
    step = float(np.median(steps)) if len(steps) else 0.0
    if not step > 0:
        return None
    unit = 1.0 if step < 1 else 1e3 if step < 1e3 else 1e6
    rate = unit / step
    return round(rate, 2) if 0.5 <= rate <= 1000 else None


def _why_no_number(cell: str) -> str:
    if _number(cell.replace(",", ".")) is not None:
        return "a number with a decimal comma: write it with a point"
    return "not a number: leave the cell empty where a joint is missing"


def _by_name(values: NDArray[np.float64], names: Sequence[str], path: str | Path, skeleton: Skeleton) -> NDArray[Any]:
    """Arrange named columns as `(T, V, C)`, with a confidence behind the coordinates where each joint has one."""
    axes = list(_AXES[: skeleton.dimensions])
    wanted = [f"{joint}_{axis}" for joint in skeleton.joints for axis in axes]
    score = next((mark for mark in _SCORE if f"{skeleton.joints[0]}_{mark}" in names), None)
    if score is not None:
        axes.append(score)
        wanted = [f"{joint}_{axis}" for joint in skeleton.joints for axis in axes]
    if sorted(names) != sorted(wanted):
        odd = next((name for name in names if name not in wanted), None)
        lacking = next((name for name in wanted if name not in names), None)
        if odd is not None:
            what = f"holds {odd[:40]!r}, which is not a coordinate of a joint"
        elif lacking is not None:
            what = f"has no {lacking!r}"
        else:
            what = f"has {next(name for name in names if names.count(name) > 1)!r} twice"
        raise FormatError(f"its first line {what}: name the columns {wanted[0]}, {wanted[1]} and so on", path, 1)
    places = {name: place for place, name in enumerate(names)}
    order = [places[name] for name in wanted]
    return values[:, order].reshape(len(values), skeleton.num_joints, len(axes))
