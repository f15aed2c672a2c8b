"""A user's own data: a folder of clips, a table of their names and labels, and a description (docs/custom-data.md)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from dualhead.errors import FormatError, unknown
from dualhead.formats.clip_file import CLIP_SUFFIXES, parse_clip, read_table
from dualhead.formats.member import Member, list_members
from dualhead.formats.recording import Recording
from dualhead.formats.skeleton_file import parse_skeleton_file, parse_yaml
from dualhead.formats.source import Duplicate, Item, Listing, Rejected, Sample, Source, SplitRule, names_to_leave_out
from dualhead.skeleton import NTU25, SKELETONS, Skeleton

DESCRIPTION = "dataset.yaml"
"""The file that describes a data set of one's own; everything that it names lies beside or below it."""

_KEYS = ("skeleton", "table", "classes", "protocols", "confidence", "bodies")
_TAKEN = ("offset", "frames", "bodies")
_COLUMN = re.compile(r"[A-Za-z]\w*", re.ASCII)
_WHOLE = re.compile(r"-?\d{1,18}", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class CustomSource(Source):
    """Clips named in a table; each further column of the table is a field that protocols are rules over."""

    def read(self, item: Item) -> Recording:
        """Read and parse one clip; see `Source.read`."""
        return parse_clip(item.member.read(), item.member.where, self.skeleton, self.has_confidence)

    def list_items(self, raw: Sequence[Path], missing_list: Path | None = None) -> Listing:
        """Read the description and the table, and find their clips; see `Source.list_items`."""
        members = list(list_members(raw))
        descriptions = [member for member in members if member.file_name == DESCRIPTION]
        if len(descriptions) != 1:
            raise FormatError(
                f"{len(descriptions)} files {DESCRIPTION} among {len(members)}: one describes the data set, see "
                "docs/custom-data.md",
                ", ".join(map(str, raw)),
            )
        description = descriptions[0]
        values = _described(description)
        skeleton, skeleton_file = _skeleton(values, description, members)
        table = _beside(description, str(values.get("table", "table.csv")), members)
        rows, columns = _read_rows(table)
        labels, classes = _labels(rows, _class_order(values, description), table)
        coded, codes = _coded(rows, columns, table)
        confidence, bodies = values.get("confidence", False), values.get("bodies", 2)
        if not isinstance(confidence, bool) or isinstance(bodies, bool) or not isinstance(bodies, int) or bodies < 1:
            raise FormatError("'confidence' is true or false, 'bodies' a whole number from 1 on", description.where)
        samples = {
            row["name"]: Sample(row["name"], label, {column: coded[column][place] for column in columns})
            for place, (row, label) in enumerate(zip(rows, labels, strict=True))
        }
        settings = {description.where, table.where, skeleton_file}
        clips = [
            member for member in members if member.file_name.endswith(CLIP_SUFFIXES) and member.where not in settings
        ]
        items, rejected, duplicates = _matched(samples, clips, table)
        if not items:
            raise FormatError(
                f"none of the {len(samples)} names in it is that of one of {len(clips)} clips "
                f"({', '.join(CLIP_SUFFIXES)}): a clip is a file NAME.npy or the like",
                table.where,
            )
        source = replace(
            self,
            skeleton=skeleton,
            classes=classes,
            fields=tuple(columns),
            protocols=_protocols(values.get("protocols") or {}, columns, codes, description),
            has_confidence=confidence,
            max_bodies=bodies,
            notes=tuple(
                f"{column}: {', '.join(table_of)} are 0 to {len(table_of) - 1}" for column, table_of in codes.items()
            ),
        )
        missing = names_to_leave_out(missing_list, samples)
        return Listing(tuple(items), tuple(rejected), tuple(duplicates), 0, missing, source)


def _described(description: Member) -> dict[str, Any]:
    values = parse_yaml(description.read(), description.where)
    if not isinstance(values, dict) or "skeleton" not in values:
        raise FormatError("it needs at least 'skeleton', a file or a name: see docs/custom-data.md", description.where)
    for key in values:
        if key not in _KEYS:
            raise FormatError(str(unknown("key", str(key), _KEYS)), description.where)
    return values


def _beside(description: Member, name: str, members: Sequence[Member]) -> Member:
    """Find a file that the description names, beside or below it."""
    where = f"{description.where.rpartition('/')[0]}/{name}".removeprefix("/")
    found = next((member for member in members if member.where == where), None)
    if found is None:
        raise FormatError(f"it names {name!r}, which is not beside it", description.where)
    return found


def _skeleton(values: Mapping[str, Any], description: Member, members: Sequence[Member]) -> tuple[Skeleton, str]:
    """Read the skeleton, and say which file it came from, if any."""
    given = values["skeleton"]
    if isinstance(given, str) and given not in SKELETONS and given.endswith((".yaml", ".yml")):
        file = _beside(description, given, members)
        return parse_skeleton_file(parse_yaml(file.read(), file.where), file.where), file.where
    return parse_skeleton_file(given, description.where), ""


def _read_rows(table: Member) -> tuple[list[dict[str, str]], list[str]]:
    """Read the table: a row for each clip, and the names of the grouping columns."""
    lines = read_table(table.read(), table.where)
    header = lines[0][1] if lines else []
    for needed in ("name", "label"):
        if needed not in header:
            raise FormatError(f"its first line has no column {needed!r}: it needs name and label", table.where, 1)
    columns = [column for column in header if column not in ("name", "label")]
    for column in columns:
        if not _COLUMN.fullmatch(column) or column in _TAKEN or header.count(column) > 1:
            raise FormatError(
                f"column {column!r} is taken, there twice or no word: give it another name", table.where, 1
            )
    rows: list[dict[str, str]] = []
    known: dict[str, int] = {}
    for line, cells in lines[1:]:
        if len(cells) != len(header):
            raise FormatError(f"{len(cells)} cells instead of {len(header)}", table.where, line)
        row = dict(zip(header, cells, strict=True))
        empty = next((column for column in header if not row[column]), None)
        if empty is not None:
            raise FormatError(f"column {empty!r} is empty", table.where, line)
        name = PurePosixPath(row["name"])
        row["name"] = name.stem if name.suffix in CLIP_SUFFIXES else row["name"]
        if row["name"] in known:
            raise FormatError(f"{row['name']!r} is in line {known[row['name']]} already", table.where, line)
        known[row["name"]] = line
        rows.append(row)
    if not rows:
        raise FormatError("it names no clip", table.where)
    return rows, columns


def _class_order(values: Mapping[str, Any], description: Member) -> tuple[str, ...] | None:
    classes = values.get("classes")
    if classes is None:
        return None
    if not isinstance(classes, list) or not classes or len({str(name) for name in classes}) != len(classes):
        raise FormatError("'classes' is no list of different names, in the order of the labels", description.where)
    return tuple(map(str, classes))


def _labels(
    rows: Sequence[Mapping[str, str]], classes: tuple[str, ...] | None, table: Member
) -> tuple[list[int], tuple[str, ...]]:
    """Turn labels into numbers: class names in the order given or the alphabet's, or numbers from 0 on."""
    texts = [row["label"] for row in rows]
    if all(_WHOLE.fullmatch(text) for text in texts):
        numbers = [int(text) for text in texts]
        count = len(classes) if classes else max(numbers) + 1
        if min(numbers) < 0 or max(numbers) >= count or (classes is None and min(numbers) > 0):
            raise FormatError(
                f"labels run from {min(numbers)} to {max(numbers)}: count them from 0"
                + (f" to {count - 1}, the last of 'classes'" if classes else " on, or write class names"),
                table.where,
            )
        if count > 10 * len(set(numbers)) + 100:
            raise FormatError(f"a label {max(numbers)} among {len(set(numbers))} labels: number them on", table.where)
        return numbers, classes or tuple(f"class {number}" for number in range(count))
    order = classes or tuple(sorted(set(texts)))
    places = {name: place for place, name in enumerate(order)}
    for text in texts:
        if text not in places:
            raise FormatError(str(unknown("class", text, order)), table.where)
    return [places[text] for text in texts], order


def _coded(
    rows: Sequence[Mapping[str, str]], columns: Sequence[str], table: Member
) -> tuple[dict[str, list[int]], dict[str, list[str]]]:
    """Turn grouping columns into whole numbers; words become their place in the alphabet."""
    coded, codes = {}, {}
    for column in columns:
        texts = [row[column] for row in rows]
        if all(_WHOLE.fullmatch(text) for text in texts):
            coded[column] = [int(text) for text in texts]
        else:
            codes[column] = sorted(set(texts))
            places = {text: place for place, text in enumerate(codes[column])}
            coded[column] = [places[text] for text in texts]
    return coded, codes


def _matched(
    samples: Mapping[str, Sample], clips: Sequence[Member], table: Member
) -> tuple[list[Item], list[Rejected], list[Duplicate]]:
    """Bring the names of the table and the files together."""
    found: dict[str, Member] = {}
    rejected: list[Rejected] = []
    duplicates: list[Duplicate] = []
    for member in clips:
        name = member.file_name.rpartition(".")[0]
        if name not in samples:
            rejected.append(Rejected(name, member.where, f"{table.where} does not name it", kind="name"))
        elif name in found:
            duplicates.append(Duplicate(name, found[name].where, member.where))
        else:
            found[name] = member
    rejected += [
        Rejected(name, table.where, f"there is no clip {name}, though this table names it", kind="missing")
        for name in sorted(samples.keys() - found.keys())
    ]
    return [Item(samples[name], found[name]) for name in sorted(found)], rejected, duplicates


def _protocols(
    rules: Any, columns: Sequence[str], codes: Mapping[str, Sequence[str]], description: Member
) -> dict[str, SplitRule]:
    if not isinstance(rules, dict):
        raise FormatError("'protocols' is no table of name: {field, train, test}", description.where)
    result = {}
    for name, rule in rules.items():
        if not isinstance(rule, dict) or not {"field", "train"} <= rule.keys() <= {"field", "train", "test"}:
            raise FormatError(f"protocol {name!r} needs 'field' and 'train', and may have 'test'", description.where)
        if rule["field"] not in columns:
            problem = unknown(f"field of protocol {name!r}:", str(rule["field"]), columns)
            raise FormatError(str(problem), description.where)
        sides = {
            side: _values(rule[side], rule["field"], codes, f"{side!r} of protocol {name!r}", description)
            for side in ("train", "test")
            if side in rule
        }
        result[str(name)] = SplitRule(rule["field"], sides["train"], sides.get("test"))
    return result


def _values(
    given: Any, column: str, codes: Mapping[str, Sequence[str]], what: str, description: Member
) -> tuple[int, ...]:
    """Turn the values of a rule into those that the store has."""
    if not isinstance(given, list) or not given:
        raise FormatError(f"{what} is no list of values", description.where)
    if column in codes:
        for value in given:
            if str(value) not in codes[column]:
                raise FormatError(f"{what}: {unknown(column, str(value), codes[column])}", description.where)
        return tuple(codes[column].index(str(value)) for value in given)
    if not all(isinstance(value, int) and not isinstance(value, bool) for value in given):
        raise FormatError(
            f"{what} holds something else than whole numbers, which column {column!r} has", description.where
        )
    return tuple(given)


def custom() -> CustomSource:
    """Data of one's own; skeleton, classes, fields and protocols come with it."""
    return CustomSource(name="custom", skeleton=NTU25, classes=(), fields=(), protocols={}, body_selection="order")
