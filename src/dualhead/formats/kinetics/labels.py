"""The label files of Kinetics-Skeleton 400, `kinetics_train_label.json` and the like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dualhead.formats.files.json_file import JsonFile, parse_json
from dualhead.formats.files.member import Member
from dualhead.runtime.errors import FormatError

LABEL_FILE = "_label.json"
"""The end of their names."""

SPLITS = {"train": 0, "val": 1}
"""The number of a split by the word in a name."""

MAX_CLASSES = 10_000
"""More classes than that are interpreted as damage."""


@dataclass(frozen=True)
class ClipLabel:
    """The entry of a clip in a label file.

    Attributes:
        label: Its 0-based class number.
        has_skeleton: Whether a person was found in it.
        split: 0 train, 1 val.
        where: The file that says so.
    """

    label: int
    has_skeleton: bool
    split: int
    where: str


def split_of(text: str) -> int | None:
    """Infer the split from a file's or folder's name.

    Args:
        text: The name.

    Returns:
        0 train, 1 val, None where it says neither or both.
    """
    found = {number for word, number in SPLITS.items() if word in text.lower()}
    return found.pop() if len(found) == 1 else None


def named_after(files: Sequence[Member], clips: Sequence[Member]) -> list[Member]:
    """Choose among several label files of a split the one that is named after a folder or archive of the clips.

    Args:
        files: Label files.
        clips: The clips.

    Returns:
        The files, without others of a split of which just one has such a name.
    """
    parents = {clip.where.replace("\\", "/").rpartition("/")[0] for clip in clips}
    folders = {part.partition(".")[0] for parent in parents for part in parent.split("/")}
    named = [file for file in files if file.file_name.removesuffix(LABEL_FILE) in folders]
    splits = [split_of(file.file_name) for file in named]
    chosen = {split for split in splits if split is not None and splits.count(split) == 1}
    return [file for file in files if file in named or split_of(file.file_name) not in chosen]


def read_labels(
    files: Sequence[Member], shipped: tuple[str, ...]
) -> tuple[dict[int, dict[str, ClipLabel]], tuple[str, ...]]:
    """Read what the label files say.

    Args:
        files: One of a split.
        shipped: Class names by label, where the files give none.

    Returns:
        What is said of each clip by split and name, and the class names.

    Raises:
        FormatError: If a file is damaged, does not record its split in its name, or is the second of its split.
    """
    tables: dict[int, dict[str, ClipLabel]] = {}
    names: dict[int, str] = {}
    for member in files:
        split = split_of(member.file_name)
        if split is None:
            raise FormatError("its name does not record its split: it needs 'train' or 'val'", member.where)
        data = member.read()
        content, text = parse_json(data, member.where), JsonFile(member.where)
        if not isinstance(content, dict) or split in tables:
            reason = "a second label file of its split" if split in tables else "no table of clip names"
            raise FormatError(
                f"{reason}: expected one of the form {{name: {{has_skeleton, label, label_index}}}}", member.where
            )
        tables[split] = {}
        for name, entry in content.items():
            if not isinstance(entry, dict) or not isinstance(entry.get("label"), str):
                raise text.fault(f"clip {name[:60]!r} has no 'label', the name of its class", name)
            index = entry.get("label_index")
            label = text.whole_number(index, MAX_CLASSES - 1, name, "label_index", of=f" of {name[:60]!r}")
            if names.setdefault(label, entry["label"]) != entry["label"]:
                raise text.fault(
                    f"label_index {label} is both {names[label]!r} and {entry['label'][:60]!r}: one is wrong",
                    name,
                    "label",
                )
            has_skeleton = entry.get("has_skeleton", True) is not False
            tables[split][name] = ClipLabel(label, has_skeleton, split, member.where)
    count = max([*names, len(shipped) - 1]) + 1
    known = [*shipped, *(f"class {label}" for label in range(len(shipped), count))]
    return tables, tuple(names.get(label, known[label]) for label in range(count))
