"""The arrays that the published preparation writes: `{train,val}_data_joint.npy` and `{train,val}_label.pkl`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from dualhead.formats.custom.skeleton_file import parse_skeleton_file
from dualhead.formats.dense import dense_recording
from dualhead.formats.file_format import Evidence, FileFormat, RawFile
from dualhead.formats.files.array_rows import Rows, npy_rows, opened, plain_path
from dualhead.formats.files.json_file import parse_json
from dualhead.formats.files.member import Member, list_members
from dualhead.formats.files.unpickle import unpickle
from dualhead.formats.recording import Recording
from dualhead.formats.sample_names import classes_of, fields_of_names, whole_label
from dualhead.formats.source import Duplicate, Item, Listing, Sample, Source, SplitRule, names_to_leave_out
from dualhead.runtime.errors import FormatError
from dualhead.skeleton import NTU25, Skeleton

_SPLITS = ("train", "val")
_DATA = ("data_joint.npy", "data.npy")
_PROTOCOLS = ("xsub", "xview", "xset")
_SUFFIXES = (".skeleton", ".json")
_CHANNELS = 3
_PUBLISHED_AXES = 5

FACTS = "dualhead.json"
"""The file that `export_arrays` writes beside the arrays, with what they lack: protocol, class names, skeleton and
recipe."""


@dataclass(frozen=True, kw_only=True)
class PublishedSource(Source):
    """A folder with the joint arrays `(N, 3, T, V, M)` of both splits and their labels `(names, labels)`.

    The other streams are computed from the joints. Protocol, class names, skeleton and recipe are those of
    `dualhead.json` where it is there. Without it, the protocol has the name of the folder where that is one (`xsub`,
    `xview`, `xset`), else `official`, and the recipe is `dualhead`, the published one.

    Attributes:
        rows: The joints of each split, once listed.
    """

    rows: tuple[Rows, ...] = ()

    def read(self, item: Item) -> Recording:
        """Read one row; see `Source.read`."""
        values = self.rows[item.sample.fields["side"]].parse(item.member.read())  # (3, T, V, M)
        joints = values.transpose(3, 1, 2, 0)  # (M, T, V, 3)
        return dense_recording(joints, None, self.skeleton, item.member.where, self.has_confidence, is_scored=True)

    def list_items(self, raw: Sequence[Path], missing_list: Path | None = None) -> Listing:
        """List the rows of both splits; see `Source.list_items`."""
        members = list(list_members(raw))
        protocol, known, skeleton, recipe = _facts(members, raw)
        if self.skeleton_is_free and skeleton is not None:
            return self.with_skeleton(skeleton).list_items(raw, missing_list)
        rows, names, labels, splits = [], [], [], []
        items: dict[str, Item] = {}
        duplicates: list[Duplicate] = []
        data: Member | None = None
        for number, split in enumerate(_SPLITS):
            data = _one(members, [f"{split}_{end}" for end in _DATA], raw)
            found = npy_rows(data)
            shape = found.header.shape
            if len(shape) != 5 or shape[1] != _CHANNELS or shape[3] != self.skeleton.num_joints:
                raise FormatError(
                    f"an array of shape {shape} instead of (samples, 3, frames, {self.skeleton.num_joints}, bodies) of "
                    f"skeleton {self.skeleton.name!r}: for another skeleton, pass its name (such as openpose18)",
                    data.where,
                )
            label_file = _one(members, [f"{split}_label.pkl"], raw)
            own_names, own_labels = _labels(label_file, len(found))
            rows.append(found)
            for row, (name, label) in enumerate(zip(own_names, own_labels, strict=True)):
                member = found.member(row)
                if name in items:
                    duplicates.append(Duplicate(name, items[name].member.where, member.where))
                    continue
                items[name] = Item(Sample(name, label, {"side": number}), member)
                names.append(name)
                labels.append(label)
                splits.append(number)
        fields = fields_of_names(names)
        if fields is not None:
            for name, more, split_number in zip(names, fields, splits, strict=True):
                item = items[name]
                items[name] = replace(item, sample=replace(item.sample, fields={**more, "side": split_number}))
        assert data is not None
        folder = Path(plain_path(data)).resolve().parent.name
        flat = self.skeleton.dimensions == 2
        source = replace(
            self,
            classes=classes_of(names, labels, known),
            fields=tuple(items[names[0]].sample.fields),
            protocols={protocol or (folder if folder in _PROTOCOLS else "official"): SplitRule("side", (0,), (1,))},
            max_bodies=rows[0].header.shape[4],
            has_confidence=flat,
            keeps_empty=True,
            prepared=recipe or self.prepared,
            rows=tuple(rows),
        )
        ordered = tuple(items[name] for name in sorted(items))
        missing = names_to_leave_out(missing_list, items)
        return Listing(ordered, duplicates=tuple(duplicates), missing=missing, source=source)


def _facts(members: Sequence[Member], raw: Sequence[Path]) -> tuple[str, tuple[str, ...], Skeleton | None, str]:
    """Read protocol, class names, skeleton and recipe, where they are said."""
    if not any(member.file_name == FACTS for member in members):
        return "", (), None, ""
    member = _one(members, [FACTS], raw)
    facts = parse_json(member.read(), member.where)
    protocol, classes, skeleton = (
        facts.get(key) if isinstance(facts, dict) else None for key in ("protocol", "classes", "skeleton")
    )
    texts = [protocol, *classes] if isinstance(classes, list) else [None]
    if not all(isinstance(text, str) and text for text in texts) or not isinstance(skeleton, dict):
        raise FormatError(
            "it needs 'protocol', 'classes' and 'skeleton' as `export-arrays` writes them: remove it, or export again",
            member.where,
        )
    recipe = facts.get("recipe", "")  # older ones do not say
    if not isinstance(recipe, str):
        raise FormatError(f"its recipe {recipe!r} is not the name of a recipe: export again", member.where)
    return str(protocol), tuple(map(str, texts[1:])), parse_skeleton_file(skeleton, member.where), recipe


def _one(members: Sequence[Member], names: Sequence[str], raw: Sequence[Path]) -> Member:
    """Find the one file of the first of some names."""
    for name in names:
        found = [member for member in members if member.file_name == name]
        if len(found) > 1:
            raise FormatError(
                f"{name} is there {len(found)} times ({found[0].where}, {found[1].where}): pass the folder of one "
                "protocol",
                ", ".join(map(str, raw)),
            )
        if found:
            return found[0]
    raise FormatError(f"there is no {names[0]}: pass the folder that holds the arrays", ", ".join(map(str, raw)))


def _labels(member: Member, count: int) -> tuple[list[str], list[int]]:
    """Read a label file: names without the ending of their raw files, and labels."""
    with opened(member) as stream:
        content: Any = unpickle(stream, member.where)
    if not isinstance(content, (tuple, list)) or len(content) != 2:
        raise FormatError("no pair of names and labels: is it another pickle?", member.where)
    names, labels = (part.tolist() if isinstance(part, np.ndarray) else part for part in content)
    if not isinstance(names, (tuple, list)) or not isinstance(labels, (tuple, list)):
        raise FormatError("its names and labels are not lists: the file is damaged", member.where)
    if not len(names) == len(labels) == count:
        raise FormatError(
            f"{len(names)} names and {len(labels)} labels, but {count} rows of data: these files are not of one export",
            member.where,
        )
    if not all(isinstance(name, str) for name in names):
        raise FormatError("a name in it is not text: the file is damaged", member.where)
    plain = [next((name.removesuffix(end) for end in _SUFFIXES if name.endswith(end)), name) for name in names]
    return plain, [whole_label(label, member.where) for label in labels]


def published() -> PublishedSource:
    """Register the arrays of the ST-GCN, 2s-AGCN, MS-G3D and DualHead-Net code, NTU 25 by default."""
    return PublishedSource(
        name="published",
        skeleton=NTU25,
        classes=(),
        fields=("side",),
        protocols={},
        body_selection="order",
        skeleton_is_free=True,
        prepared="dualhead",
        notes=(
            "These coordinates were normalised and padded to their full length before they were stored; only the "
            "recipe that did it can use them.",
        ),
    )


def _recognise_array(file: RawFile) -> Evidence | None:
    shape = file.arrays.get("")
    if shape is None or len(shape) != _PUBLISHED_AXES:
        return None
    return Evidence(f"an array (samples, channels, frames, joints, bodies) of shape {shape}")


def _recognise_labels(file: RawFile) -> Evidence | None:
    return Evidence("its name ends in _label.pkl") if file.name.lower().endswith("_label.pkl") else None


PUBLISHED_ARRAY = FileFormat(
    name="published",
    title="an array of a whole data set in the published layout",
    suffixes=(".npy",),
    recognise=_recognise_array,
    instead="`dualhead prepare published` with its folder makes a store of it",
    holds_many=True,
)

PUBLISHED_LABELS = FileFormat(
    name="published_labels",
    title="the labels of a whole data set in the published layout",
    suffixes=(".pkl",),
    recognise=_recognise_labels,
    instead="`dualhead prepare published` with its folder makes a store of it",
    holds_many=True,
)
