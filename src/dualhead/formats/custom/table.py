"""The table of a user's own data: one line for each clip with its name, its label and any grouping columns."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from dualhead.formats.custom.clip_file import CLIP_SUFFIXES
from dualhead.formats.custom.columns import read_table
from dualhead.formats.files.member import Member
from dualhead.formats.intervals import Interval, fill_background, make_interval, parse_number
from dualhead.formats.source import Rejected, Sample
from dualhead.runtime.errors import FormatError, unknown

_NEEDED = ("name", "label")
_INTERVAL = ("start", "stop")
_TAKEN = ("offset", "frames", "bodies", "fps")
_LEAST_BACKGROUND = 10  # frames
_COLUMN = re.compile(r"[A-Za-z]\w*", re.ASCII)
_WHOLE = re.compile(r"(-?\d{1,18})(?:\.0*)?", re.ASCII)


@dataclass(frozen=True)
class CustomTable:
    """The content of a table of clips.

    Attributes:
        where: The file.
        samples: The samples by name; their fields are the grouping columns.
        columns: The grouping columns in the order of the table.
        codes: The words of each column that holds words; their places represent them in the fields.
        seen: The values of each grouping column in any line, rejected ones too; integers without leading zeros.
        classes: Class names by label.
        rejected: Lines that cannot be used, each with its reason.
        files: The name of the file of each sample that is an interval of a longer recording.
        intervals: The interval of each of those.
    """

    where: str
    samples: Mapping[str, Sample]
    columns: tuple[str, ...]
    codes: Mapping[str, Sequence[str]]
    seen: Mapping[str, frozenset[str]]
    classes: tuple[str, ...]
    rejected: tuple[Rejected, ...]
    files: Mapping[str, str] = field(default_factory=dict)
    intervals: Mapping[str, Interval] = field(default_factory=dict)


@dataclass(frozen=True)
class _Row:
    line: int
    name: str
    label: str
    cells: Mapping[str, str]
    interval: Interval | None = None

    @property
    def sample(self) -> str:
        """The name of its sample."""
        return self.name if self.interval is None else f"{self.name}_{self.interval.text}"


def read_custom_table(
    member: Member,
    classes: tuple[str, ...] | None,
    *,
    in_seconds: bool | None = None,
    suffixes: tuple[str, ...] = CLIP_SUFFIXES,
) -> CustomTable:
    """Read a table in CSV.

    Its first line needs the columns `name` and `label`; `start` and `stop`, where it has them, make each line an
    interval of a longer recording, and several lines may then name one file. Every other column is a field: whole
    numbers as they are (`3.0` is 3), words by their place in the alphabet. A line that cannot be used (too few cells,
    an empty name, a repeated name, an invalid label) is rejected, and the others go on; one of empty cells
    alone is passed over.

    Args:
        member: The file.
        classes: Class names in the order of labels; None: those of the table, in the alphabet's order, or numbers.
        in_seconds: Whether intervals are in seconds; None: where one of their numbers is not whole.
        suffixes: Endings of clips, with which a name may come.

    Returns:
        What it says.

    Raises:
        FormatError: If it is not such a table, or no line can be used.
    """
    lines = [(line, cells) for line, cells in read_table(member.read(), member.where) if any(cells)]
    return make_table(lines, member.where, classes, in_seconds=in_seconds, suffixes=suffixes)


def make_table(
    lines: Sequence[tuple[int, list[str]]],
    where: str,
    classes: tuple[str, ...] | None,
    *,
    in_seconds: bool | None = None,
    suffixes: tuple[str, ...] = CLIP_SUFFIXES,
) -> CustomTable:
    """Build a table from cells, as `read_custom_table` does from a file.

    Args:
        lines: The 1-based number and the cells of each line, the first with the names of the columns.
        where: The source.
        classes: As for `read_custom_table`.
        in_seconds: As for `read_custom_table`.
        suffixes: As for `read_custom_table`.

    Raises:
        FormatError: If it is not such a table, or no line can be used.
    """
    if not lines:
        raise FormatError("it is empty", where)
    header = _checked_header(lines[0][1], where)
    is_cut = {"start", "stop"} <= {*header}
    seconds = in_seconds if in_seconds is not None else is_cut and _has_parts_of_seconds(lines[1:], header)
    rows: list[_Row] = []
    rejected: list[Rejected] = []
    known: dict[str, int] = {}
    for line, cells in lines[1:]:
        row = _Row(line, *_name_and_label(header, cells, suffixes), dict(zip(header, cells, strict=False)))
        reason = _problem(row, header, cells, {} if is_cut else known)
        if is_cut and not reason:
            made = make_interval(row.cells["start"], row.cells["stop"], row.label, seconds)
            if isinstance(made, str):
                reason = made
            else:
                row = replace(row, interval=made)
                if row.sample in known:
                    reason = f"the same interval of {row.name!r} is in line {known[row.sample]} already"
        if reason:
            rejected.append(Rejected(row.name or f"line {line}", where, reason, line=line))
        else:
            known[row.sample] = line
            rows.append(row)
    if not rows:
        raise _no_row(rejected, where)
    names, number = _label_reader([row.label for row in rows], classes, where)
    columns = tuple(column for column in header if column not in (*_NEEDED, *(_INTERVAL if is_cut else ())))
    coded, codes = _coded(rows, columns)
    samples: dict[str, Sample] = {}
    for place, row in enumerate(rows):
        label = number(row.label)
        if isinstance(label, str):
            rejected.append(Rejected(row.name, where, label, line=row.line))
        else:
            samples[row.sample] = Sample(row.sample, label, {column: coded[column][place] for column in columns})
    rejected.sort(key=lambda item: item.line or 0)
    if not samples:
        raise _no_row(rejected, where)
    seen = {column: _seen(lines[1:], header.index(column), column not in codes) for column in columns}
    cut = {row.sample: row for row in rows if row.interval is not None and row.sample in samples}
    return CustomTable(
        where, samples, columns, codes, seen, names, tuple(rejected),
        files={sample: row.name for sample, row in cut.items()},
        intervals={sample: row.interval for sample, row in cut.items() if row.interval is not None},
    )  # fmt: skip


def with_background(table: CustomTable, label: str) -> CustomTable:
    """Add what lies between the intervals of each recording, and before the first, as samples of a class of its own.

    Args:
        table: A table with intervals.
        label: The name of that class; one that there is already, or a new one behind the others.

    Raises:
        FormatError: If the table has no intervals.
    """
    if not table.intervals:
        raise FormatError("a background needs intervals: pass the table the columns 'start' and 'stop'", table.where)
    classes = table.classes if label in table.classes else (*table.classes, label)
    by_file: dict[str, list[str]] = {}
    for sample, file in table.files.items():
        by_file.setdefault(file, []).append(sample)
    samples, files, intervals = dict(table.samples), dict(table.files), dict(table.intervals)
    for file, names in by_file.items():
        least = 1.0 if any(table.intervals[name].in_seconds for name in names) else _LEAST_BACKGROUND
        fields = table.samples[names[0]].fields
        for gap in fill_background([table.intervals[name] for name in names], float("inf"), label, least):
            name = f"{file}_{gap.text}"
            samples[name] = Sample(name, classes.index(label), fields)
            files[name], intervals[name] = file, gap
    if len(samples) == len(table.samples):  # nothing lies between
        return table
    return replace(table, samples=samples, classes=classes, files=files, intervals=intervals)


def _has_parts_of_seconds(lines: Sequence[tuple[int, Sequence[str]]], header: Sequence[str]) -> bool:
    """Return whether a start or stop is not an integer, as only seconds can be."""
    places = [header.index(column) for column in _INTERVAL]
    cells = (cells[place] for _, cells in lines for place in places if place < len(cells))
    return any((number := parse_number(cell)) is not None and not number.is_integer() for cell in cells)


def _checked_header(header: list[str], where: str) -> list[str]:
    for needed in _NEEDED:
        if needed not in header:
            raise FormatError(f"its first line has no column {needed!r}: it needs name and label", where, 1)
    for column in header:
        free = column in _NEEDED or (_COLUMN.fullmatch(column) and column not in _TAKEN)
        if not free or header.count(column) > 1:
            raise FormatError(f"column {column!r} is reserved, repeated or not a word: rename it", where, 1)
    return header


def _name_and_label(header: Sequence[str], cells: Sequence[str], suffixes: tuple[str, ...]) -> tuple[str, str]:
    """Extract name and label from a line, where it has them; a name may include the suffix of its file."""
    name, label = (cells[header.index(column)] if header.index(column) < len(cells) else "" for column in _NEEDED)
    path = PurePosixPath(name)
    return (path.stem if path.suffix.lower() in suffixes else name), label


def _problem(row: _Row, header: Sequence[str], cells: Sequence[str], known: Mapping[str, int]) -> str:
    """Describe why a line cannot be used; "" if it can."""
    if len(cells) != len(header):
        return f"{len(cells)} cells instead of {len(header)}"
    empty = next((column for column in header if not row.cells[column]), None)
    if empty is not None:
        return f"column {empty!r} is empty"
    if row.name in known:
        return f"{row.name!r} is in line {known[row.name]} already"
    return ""


def _no_row(rejected: Sequence[Rejected], where: str) -> FormatError:
    if not rejected:
        return FormatError("it names no clip", where)
    first = rejected[0]
    return FormatError(f"none of its {len(rejected)} lines can be used: {first.reason}", where, first.line)


def _label_reader(
    labels: Sequence[str], classes: tuple[str, ...] | None, where: str
) -> tuple[tuple[str, ...], Callable[[str], int | str]]:
    """Determine how labels are written: as numbers where most are, else as class names.

    Returns:
        The class names, and what turns a label into its number, or into the reason why it has none.
    """
    numbers = [place for label in labels if (place := _whole(label)) is not None]
    if 2 * len(numbers) > len(labels):
        names = classes or _numbered_classes([place for place in numbers if place >= 0] or numbers, where)
        valid = f"not a number from 0 to {len(names) - 1}, as other lines have"

        def number(label: str) -> int | str:
            place = _whole(label)
            return place if place is not None and 0 <= place < len(names) else f"label {label[:40]!r} is {valid}"

        return names, number
    names = classes or tuple(sorted(set(labels)))
    places = {name: place for place, name in enumerate(names)}
    return names, lambda label: places[label] if label in places else str(unknown("class", label, names))


def _numbered_classes(numbers: Sequence[int], where: str) -> tuple[str, ...]:
    """Create numeric names for as many classes as the numeric labels need."""
    least, most, different = min(numbers), max(numbers), len(set(numbers))
    if least != 0:
        raise FormatError(
            f"labels run from {least} to {most}: count them from 0 on, or write class names",
            where,
        )
    if most >= 10 * different + 100:
        raise FormatError(f"a label {most} among {different} labels: number them on", where)
    return tuple(f"class {label}" for label in range(most + 1))


def _coded(rows: Sequence[_Row], columns: Sequence[str]) -> tuple[dict[str, list[int]], dict[str, list[str]]]:
    """Convert grouping columns to integers; words become their alphabetical rank."""
    coded, codes = {}, {}
    for column in columns:
        texts = [row.cells[column] for row in rows]
        numbers = [number for text in texts if (number := _whole(text)) is not None]
        if len(numbers) == len(texts):
            coded[column] = numbers
        else:
            codes[column] = sorted(set(texts))
            places = {text: place for place, text in enumerate(codes[column])}
            coded[column] = [places[text] for text in texts]
    return coded, codes


def _seen(lines: Sequence[tuple[int, Sequence[str]]], column: int, whole: bool) -> frozenset[str]:
    """Collect what a column holds in any line that has it."""
    texts = {cells[column] for _, cells in lines if column < len(cells)}
    return frozenset(str(_whole(text)) for text in texts if _whole(text) is not None) if whole else frozenset(texts)


def _whole(text: str) -> int | None:
    """Read an integer, also as a table program writes it where the column has a gap: with a point and zeros."""
    match = _WHOLE.fullmatch(text)
    return None if match is None else int(match[1])
