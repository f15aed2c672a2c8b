"""A user's own data: a folder of clips, a table of their names and labels, and a description (docs/custom-data.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from dualhead.formats.custom.clip_file import CLIP_SUFFIXES, parse_clip
from dualhead.formats.custom.skeleton_file import parse_skeleton_file
from dualhead.formats.custom.table import CustomTable, read_custom_table
from dualhead.formats.files.member import Member, list_members
from dualhead.formats.recording import Recording
from dualhead.formats.source import Duplicate, Item, Listing, Rejected, Source, SplitRule, names_to_leave_out
from dualhead.runtime.errors import FormatError, unknown
from dualhead.runtime.yaml_file import parse_yaml
from dualhead.skeleton import NTU25, SKELETONS, Skeleton

DESCRIPTION = "dataset.yaml"
"""The file that describes a data set of one's own; everything that it names lies beside or below it."""

_KEYS = ("skeleton", "table", "classes", "protocols", "confidence", "bodies")


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
        said = read_custom_table(table, _class_order(values, description))
        confidence, bodies = values.get("confidence", False), values.get("bodies", 2)
        if not isinstance(confidence, bool):
            raise FormatError(f"'confidence' is {str(confidence)[:40]!r}: give true or false", description.where)
        if isinstance(bodies, bool) or not isinstance(bodies, int) or bodies < 1:
            raise FormatError(f"'bodies' is {str(bodies)[:40]!r}: give a whole number from 1 on", description.where)
        settings = {description.where, table.where, skeleton_file}
        clips = [
            member
            for member in members
            if member.file_name.lower().endswith(CLIP_SUFFIXES) and member.where not in settings
        ]
        items, rejected, duplicates = _matched(said, clips)
        if not items:
            raise FormatError(
                f"none of the {len(said.samples)} names in it is that of one of {len(clips)} clips "
                f"({', '.join(CLIP_SUFFIXES)}): a clip is a file NAME.npy or the like",
                table.where,
            )
        source = replace(
            self,
            skeleton=skeleton,
            classes=said.classes,
            fields=said.columns,
            protocols=_protocols(values.get("protocols") or {}, said, description),
            has_confidence=confidence,
            max_bodies=bodies,
            notes=tuple(
                f"{column}: {', '.join(words)} are 0 to {len(words) - 1}" for column, words in said.codes.items()
            ),
        )
        missing = names_to_leave_out(missing_list, said.samples)
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


def _class_order(values: Mapping[str, Any], description: Member) -> tuple[str, ...] | None:
    classes = values.get("classes")
    if classes is None:
        return None
    if not isinstance(classes, list) or not classes or len({str(name) for name in classes}) != len(classes):
        raise FormatError("'classes' is no list of different names, in the order of the labels", description.where)
    return tuple(map(str, classes))


def _matched(table: CustomTable, clips: Sequence[Member]) -> tuple[list[Item], list[Rejected], list[Duplicate]]:
    """Bring the names of the table and the files together; a clip whose line is rejected is rejected with it."""
    found: dict[str, Member] = {}
    rejected = list(table.rejected)
    duplicates: list[Duplicate] = []
    lines = {item.name for item in table.rejected}
    for member in clips:
        name = member.file_name.rpartition(".")[0]
        if name in found:
            duplicates.append(Duplicate(name, found[name].where, member.where))
        elif name in table.samples:
            found[name] = member
        elif name not in lines:
            rejected.append(Rejected(name, member.where, f"{table.where} does not name it", kind="name"))
    rejected += [
        Rejected(name, table.where, f"there is no clip {name}, though this table names it", kind="missing")
        for name in sorted(table.samples.keys() - found.keys())
    ]
    return [Item(table.samples[name], found[name]) for name in sorted(found)], rejected, duplicates


def _protocols(rules: Any, table: CustomTable, description: Member) -> dict[str, SplitRule]:
    if not isinstance(rules, dict):
        raise FormatError("'protocols' is no table of name: {field, train, test}", description.where)
    result = {}
    for name, rule in rules.items():
        if not isinstance(rule, dict) or not {"field", "train"} <= rule.keys() <= {"field", "train", "test"}:
            raise FormatError(f"protocol {name!r} needs 'field' and 'train', and may have 'test'", description.where)
        column = rule["field"]
        if column not in table.columns:
            problem = unknown(f"field of protocol {name!r}:", str(column), table.columns)
            raise FormatError(str(problem), description.where)
        train, test = (
            _values(rule[side], column, table, f"{side!r} of protocol {name!r}", description) if side in rule else None
            for side in ("train", "test")
        )
        assert train is not None
        tested = {str(value) for value in rule.get("test", ())}
        both = [str(value) for value in rule["train"] if str(value) in tested]
        if both:
            raise FormatError(
                f"protocol {name!r} has {column} {_listed(both)} on both sides: leave it out of 'train' or of 'test'",
                description.where,
            )
        split = SplitRule(column, train, test)
        fields = np.array([sample.fields[column] for sample in table.samples.values()], np.int64)
        for purpose, side in zip(("train", "test"), split.split(fields), strict=True):
            if not len(side):
                raise FormatError(f"protocol {name!r} leaves no line of the table to {purpose} on", description.where)
        result[str(name)] = split
    return result


def _values(given: Any, column: str, table: CustomTable, what: str, description: Member) -> tuple[int, ...]:
    """Turn the values of a rule into those that the store has."""
    if not isinstance(given, list) or not given:
        raise FormatError(f"{what} is no list of values", description.where)
    words = table.codes.get(column)
    if words is None and not all(isinstance(value, int) and not isinstance(value, bool) for value in given):
        raise FormatError(
            f"{what} holds something else than whole numbers, which column {column!r} has", description.where
        )
    for value in given:
        if str(value) not in table.seen[column]:
            there = sorted(table.seen[column], key=int) if words is None else sorted(table.seen[column])
            raise FormatError(
                f"{what}: no line of the table has {column} {value}, but {_listed(there)}", description.where
            )
    if words is None:
        return tuple(given)
    return tuple(words.index(str(value)) if str(value) in words else -1 for value in given)


def _listed(texts: Sequence[str]) -> str:
    """List texts, the first ones where they are many."""
    return ", ".join(texts[:12]) + (", ..." if len(texts) > 12 else "")


def custom() -> CustomSource:
    """Data of one's own; skeleton, classes, fields and protocols come with it."""
    return CustomSource(name="custom", skeleton=NTU25, classes=(), fields=(), protocols={}, body_selection="order")
