"""A user's own data: a folder of clips, a table of their names and labels, and a description (docs/custom-data.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualhead.formats.custom.skeleton_file import parse_skeleton_file
from dualhead.formats.custom.table import CustomTable, read_custom_table
from dualhead.formats.file_format import RawClip, RawFile, ReadingOptions
from dualhead.formats.files.member import Member, list_members
from dualhead.formats.recording import Recording
from dualhead.formats.source import Duplicate, Item, Listing, Rejected, Source, SplitRule, names_to_leave_out
from dualhead.reading.listing import parse_member
from dualhead.reading.recognise import recognise, require_supported
from dualhead.reading.registry import readable_suffixes
from dualhead.runtime.errors import DualheadError, FormatError, MismatchError, unknown
from dualhead.runtime.yaml_file import parse_yaml
from dualhead.sequence import SkeletonSequence
from dualhead.skeleton import NTU25, SKELETONS, Skeleton
from dualhead.skeleton_maps import convert_skeleton

DESCRIPTION = "dataset.yaml"
"""The file that describes a data set of one's own; everything that it names lies beside or below it."""

_KEYS = ("skeleton", "table", "classes", "protocols", "confidence", "bodies")


@dataclass(frozen=True, kw_only=True)
class CustomSource(Source):
    """Clips named in a table; each further column of the table is a field that protocols are rules over."""

    def read(self, item: Item) -> Recording:
        """Read and parse one clip of any format, and bring it to the skeleton of the data set; see `Source.read`."""
        fields = item.sample.fields
        size = (fields.get("width", 0), fields.get("height", 0))
        found = require_supported(recognise(RawFile(item.member)), item.member.where)
        options = ReadingOptions(
            skeleton=None if found.brings_skeleton else self.skeleton,
            usual=self.skeleton,
            image_size=size if min(size) > 0 else None,
            has_confidence=self.has_confidence,
            any_scale=True,
        )
        clips = list(parse_member(item.member, options))
        if len(clips) != 1:
            raise FormatError(f"it holds {len(clips)} recordings: a clip is one", item.member.where)
        clip = clips[0]
        if isinstance(clip, DualheadError):
            raise clip
        return self._fitted(clip, size)

    def _fitted(self, clip: RawClip, size: tuple[int, int]) -> Recording:
        """Bring a clip to the skeleton, the unit and the confidence of the data set."""
        recording = clip.recording
        if clip.skeleton != self.skeleton:
            try:
                recording = convert_recording(recording, clip.skeleton, self.skeleton)
            except MismatchError as error:
                raise FormatError(str(error), clip.where) from None
        if clip.unit == "px" and min(size) == 0 and "width" in clip.fields:  # the table has no columns for it
            image = (clip.fields["width"], clip.fields["height"])
            recording = replace(recording, joints=recording.joints / np.array(image, np.float64))
        confidence = recording.confidence
        seen: NDArray[np.bool_] = np.any(recording.joints, axis=2)
        if self.has_confidence and confidence is None:
            recording = replace(recording, confidence=seen.astype(np.float64))
        elif not self.has_confidence and confidence is not None:
            recording = replace(recording, confidence=None, drops_confidence=True)
        selection = "" if clip.body_selection == "order" else clip.body_selection
        return replace(recording, body_selection=selection)

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
        suffixes = readable_suffixes()
        settings = {description.where, table.where, skeleton_file}
        clips = [
            member for member in members if member.file_name.lower().endswith(suffixes) and member.where not in settings
        ]
        items, rejected, duplicates = _matched(said, clips)
        if not items:
            raise FormatError(
                f"none of the {len(said.samples)} names in it is that of one of {len(clips)} clips "
                f"({', '.join(suffixes)}): a clip is a file NAME.npy or the like",
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


def convert_recording(recording: Recording, source: Skeleton, target: Skeleton) -> Recording:
    """Convert every observation of a recording to another skeleton, as `convert_skeleton` does.

    Args:
        recording: The recording.
        source: The layout that it has.
        target: The layout that is wanted.

    Raises:
        MismatchError: If there is no map between the two.
    """
    scores = None if recording.confidence is None else recording.confidence.astype(np.float32)[None]
    held = SkeletonSequence(recording.joints.astype(np.float32)[None], source, confidence=scores)
    made = convert_skeleton(held, target)
    return replace(
        recording,
        joints=made.joints[0].astype(np.float64),
        confidence=None if made.confidence is None else made.confidence[0].astype(np.float64),
    )


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
