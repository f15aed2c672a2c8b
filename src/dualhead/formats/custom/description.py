"""The description of a user's own data, `dataset.yaml`: skeleton, protocols and what clips leave open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dualhead.formats.custom.array_layout import AXES
from dualhead.formats.custom.skeleton_file import parse_skeleton_file
from dualhead.formats.custom.table import CustomTable
from dualhead.formats.files.member import Member
from dualhead.formats.source import SplitRule
from dualhead.formats.units import METRES
from dualhead.runtime.errors import FormatError, unknown
from dualhead.runtime.yaml_file import parse_yaml
from dualhead.skeleton import SKELETONS, Skeleton

DESCRIPTION = "dataset.yaml"
"""The file that describes a data set of one's own; everything that it names lies beside or below it."""

_KEYS = (
    "skeleton", "table", "classes", "protocols", "confidence", "bodies", "unit", "fps", "axes", "intervals",
    "background",
)  # fmt: skip
_INTERVAL_UNITS = {"frames": False, "seconds": True}


@dataclass(frozen=True)
class Description:
    """The content of a description.

    Attributes:
        where: The file.
        skeleton: The layout of the joints.
        skeleton_file: The file that defines it; "": a skeleton of the package, or the description itself.
        table: The table of the clips; None where it names none.
        classes: Class names in the order of the labels; None: as the table has them.
        confidence: Whether clips have a confidence for each joint.
        bodies: The most bodies of a clip.
        fps: Frames a second.
        unit: The unit of 3D coordinates.
        axes: The order of the axes of arrays.
        in_seconds: Whether intervals are in seconds rather than frames; None: as they are written.
        background: The class of what no interval covers; "": none.
        rules: The protocols by name: field, values of the training and of the test split.
    """

    where: str
    skeleton: Skeleton
    skeleton_file: str
    table: Member | None
    classes: tuple[str, ...] | None
    confidence: bool
    bodies: int
    fps: float | None
    unit: str | None
    axes: str | None
    in_seconds: bool | None
    background: str
    rules: Mapping[str, Any]

    def protocols(self, table: CustomTable) -> dict[str, SplitRule]:
        """Return the protocols as rules over the fields of a table.

        Args:
            table: The content of the table.

        Raises:
            FormatError: If a rule is not valid, names values that no line has, or leaves a split empty.
        """
        return {str(name): self._protocol(str(name), rule, table) for name, rule in self.rules.items()}

    def _protocol(self, name: str, rule: Any, table: CustomTable) -> SplitRule:
        if not isinstance(rule, dict) or not {"field", "train"} <= rule.keys() <= {"field", "train", "test"}:
            raise FormatError(f"protocol {name!r} needs 'field' and 'train', and may have 'test'", self.where)
        column = rule["field"]
        if column not in table.columns:
            raise FormatError(str(unknown(f"field of protocol {name!r}:", str(column), table.columns)), self.where)
        values = {key: self._values(rule, key, name, table) for key in ("train", "test") if key in rule}
        tested = {str(value) for value in rule.get("test", ())}
        both = [str(value) for value in rule["train"] if str(value) in tested]
        if both:
            raise FormatError(
                f"protocol {name!r} has {column} {_listed(both)} in both splits: leave it out of 'train' or of 'test'",
                self.where,
            )
        split = SplitRule(column, values["train"], values.get("test"))
        fields = np.array([sample.fields[column] for sample in table.samples.values()], np.int64)
        for purpose, rows in zip(("train", "test"), split.split(fields), strict=True):
            if not len(rows):
                raise FormatError(f"protocol {name!r} leaves no line of the table to {purpose} on", self.where)
        return split

    def _values(self, rule: Mapping[str, Any], key: str, name: str, table: CustomTable) -> tuple[int, ...]:
        """Convert the values of a rule to those that the store has."""
        given, column, what = rule[key], rule["field"], f"{key!r} of protocol {name!r}"
        if not isinstance(given, list) or not given:
            raise FormatError(f"{what} is not a list of values", self.where)
        words = table.codes.get(column)
        if words is None and not all(isinstance(value, int) and not isinstance(value, bool) for value in given):
            raise FormatError(f"{what} holds values that are not integers, which column {column!r} has", self.where)
        for value in given:
            if str(value) not in table.seen[column]:
                there = sorted(table.seen[column], key=int) if words is None else sorted(table.seen[column])
                raise FormatError(
                    f"{what}: no line of the table has {column} {value}, but {_listed(there)}", self.where
                )
        if words is None:
            return tuple(given)
        return tuple(words.index(str(value)) if str(value) in words else -1 for value in given)


def read_description(members: Sequence[Member], where: str) -> Description:
    """Read the one description among files.

    Args:
        members: All files of the data set.
        where: Their folders, for the error message.

    Raises:
        FormatError: If there is not one description, or it holds a value that is not valid.
    """
    found = [member for member in members if member.file_name == DESCRIPTION]
    if len(found) != 1:
        raise FormatError(
            f"{len(found)} files {DESCRIPTION} among {len(members)}: one describes the data set, see "
            "docs/custom-data.md",
            where,
        )
    where = found[0].where
    values = parse_yaml(found[0].read(), where)
    if not isinstance(values, dict) or "skeleton" not in values:
        raise FormatError("it needs at least 'skeleton', a file or a name: see docs/custom-data.md", where)
    for key in values:
        if key not in _KEYS:
            raise FormatError(str(unknown("key", str(key), _KEYS)), where)
    skeleton, skeleton_file = _skeleton(values, where, members)
    return Description(
        where=where,
        skeleton=skeleton,
        skeleton_file=skeleton_file,
        table=find_beside(where, str(values["table"]), members) if "table" in values else None,
        classes=_classes(values, where),
        confidence=_confidence(values, where),
        bodies=_bodies(values, where),
        fps=_fps(values, where),
        unit=_unit(values, where),
        axes=_axes(values, where),
        in_seconds=_in_seconds(values, where),
        background=str(values.get("background") or ""),
        rules=_rules(values, where),
    )


def find_beside(description: str, name: str, members: Sequence[Member]) -> Member:
    """Find a file that lies beside or below a description.

    Args:
        description: The path of the description.
        name: The path of the file from there.
        members: All files.

    Raises:
        FormatError: If it is not there.
    """
    where = f"{description.rpartition('/')[0]}/{name}".removeprefix("/")
    found = next((member for member in members if member.where == where), None)
    if found is None:
        raise FormatError(f"it names {name!r}, which is not beside it", description)
    return found


def _skeleton(values: Mapping[str, Any], where: str, members: Sequence[Member]) -> tuple[Skeleton, str]:
    """Read the skeleton, and return the file that defines it, if any."""
    given = values["skeleton"]
    if isinstance(given, str) and given not in SKELETONS and given.endswith((".yaml", ".yml")):
        file = find_beside(where, given, members)
        return parse_skeleton_file(parse_yaml(file.read(), file.where), file.where), file.where
    return parse_skeleton_file(given, where), ""


def _classes(values: Mapping[str, Any], where: str) -> tuple[str, ...] | None:
    classes = values.get("classes")
    if classes is None:
        return None
    if not isinstance(classes, list) or not classes or len({str(name) for name in classes}) != len(classes):
        raise FormatError("'classes' is not a list of different names, in the order of the labels", where)
    return tuple(map(str, classes))


def _confidence(values: Mapping[str, Any], where: str) -> bool:
    confidence = values.get("confidence", False)
    if not isinstance(confidence, bool):
        raise FormatError(f"'confidence' is {str(confidence)[:40]!r}: expected true or false", where)
    return confidence


def _bodies(values: Mapping[str, Any], where: str) -> int:
    bodies = values.get("bodies", 2)
    if isinstance(bodies, bool) or not isinstance(bodies, int) or bodies < 1:
        raise FormatError(f"'bodies' is {str(bodies)[:40]!r}: expected an integer from 1 on", where)
    return bodies


def _fps(values: Mapping[str, Any], where: str) -> float | None:
    fps = values.get("fps")
    if fps is None:
        return None
    if isinstance(fps, bool) or not isinstance(fps, int | float) or not 0 < fps <= 1000:
        reason = f"'fps' is {str(fps)[:40]!r}: expected frames per second, above 0 and at most 1000"
        raise FormatError(reason, where)
    return float(fps)


def _unit(values: Mapping[str, Any], where: str) -> str | None:
    unit = values.get("unit")
    if unit is not None and unit not in METRES:
        raise FormatError(str(unknown("unit", str(unit), METRES)), where)
    return None if unit is None else str(unit)


def _axes(values: Mapping[str, Any], where: str) -> str | None:
    axes = values.get("axes")
    if axes is not None and str(axes).upper() not in AXES:
        reason = f"'axes' is {str(axes)[:10]!r}: pass the letters M, T, V, C in their order, such as TMVC"
        raise FormatError(reason, where)
    return None if axes is None else str(axes).upper()


def _in_seconds(values: Mapping[str, Any], where: str) -> bool | None:
    given = values.get("intervals")
    if given is not None and given not in _INTERVAL_UNITS:
        raise FormatError(f"'intervals' is {str(given)[:40]!r}: pass frames or seconds", where)
    return None if given is None else _INTERVAL_UNITS[given]


def _rules(values: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    rules = values.get("protocols") or {}
    if not isinstance(rules, dict):
        raise FormatError("'protocols' is not a table of name: {field, train, test}", where)
    return rules


def _listed(texts: Sequence[str]) -> str:
    """List texts, the first ones where they are many."""
    return ", ".join(texts[:12]) + (", ..." if len(texts) > 12 else "")
