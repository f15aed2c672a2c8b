"""The interface of raw sources: their facts, their listing, and reading one item."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualhead.formats.files.member import Member, list_members
from dualhead.formats.recording import Recording
from dualhead.formats.units import METRES
from dualhead.runtime.errors import ConfigError, FormatError, unknown
from dualhead.skeleton import Skeleton


@dataclass(frozen=True)
class SplitRule:
    """A protocol: which samples are for training and which for testing, by the value of one field.

    Attributes:
        field: The field that decides, such as "subject".
        train: Its values on the training split.
        test: Its values on the test split; None: all others.
    """

    field: str
    train: tuple[int, ...]
    test: tuple[int, ...] | None = None

    def split(self, values: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Find the rows of both splits.

        Args:
            values: The field of each sample `(N,)`.

        Returns:
            Row numbers of the training and of the test split, ascending.
        """
        train = np.isin(values, self.train)
        test = ~train if self.test is None else np.isin(values, self.test) & ~train
        return np.flatnonzero(train), np.flatnonzero(test)

    def to_dict(self) -> dict[str, Any]:
        """Convert the rule to JSON-able values, for `SplitRule(**values)`."""
        test = {} if self.test is None else {"test": list(self.test)}
        return {"field": self.field, "train": list(self.train), **test}


@dataclass(frozen=True)
class Sample:
    """Facts about a recording that are known before it is read.

    Attributes:
        name: Its name, unique in its data set.
        label: 0-based class number, or None where unknown.
        fields: Whole numbers that protocols are rules over.
    """

    name: str
    label: int | None
    fields: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Item:
    """A sample and where it lies."""

    sample: Sample
    member: Member


@dataclass(frozen=True)
class Rejected:
    """A file or sample that does not become part of a store.

    Attributes:
        name: Sample name, or file name where it is not a sample name.
        path: The path, from the name of the raw folder or archive on.
        reason: Why, in one sentence.
        kind: "damaged", "unreadable" (by this user, or from a disk that fails), "name" (not a sample name), "empty" (no
            body), "missing" (on a list of those without a skeleton) or "unexpected" (the code failed on it: a bug).
        line: 1-based line of the damage, where the format has lines.
    """

    name: str
    path: str
    reason: str
    kind: str = "damaged"
    line: int | None = None

    def __str__(self) -> str:
        """Return where and why in one line."""
        return f"{self.path}{'' if self.line is None else f', line {self.line}'}: {self.reason}"


@dataclass(frozen=True)
class Duplicate:
    """A sample name found twice; the first is kept.

    Attributes:
        name: The sample.
        kept: The file that is used.
        dropped: The other file.
    """

    name: str
    kept: str
    dropped: str


@dataclass(frozen=True)
class Listing:
    """All samples of a source in a raw tree.

    Attributes:
        items: One per sample name, ordered by name.
        rejected: Files that look like samples but cannot be ones.
        duplicates: Names found more than once.
        skipped: Number of samples that belong to another data set of the same format.
        missing: Sample names on the missing lists, each with the name of its list.
        source: The source with what it has learned from the raw tree: classes, skeleton, fields, protocols. None where
            there is nothing to learn.
    """

    items: tuple[Item, ...]
    rejected: tuple[Rejected, ...] = ()
    duplicates: tuple[Duplicate, ...] = ()
    skipped: int = 0
    missing: Mapping[str, str] = field(default_factory=dict)
    source: Source | None = None

    def digest(self) -> str:
        """Hash what identifies a raw tree: names, sizes, and what is left out."""
        state = hashlib.sha256()
        for item in self.items:
            state.update(_bytes(f"{item.sample.name}\t{item.member.size}\n"))
        for rejected in self.rejected:
            state.update(_bytes(f"{rejected.path}\t{rejected.reason}\n"))
        for name in sorted(self.missing):
            state.update(_bytes(f"{name}\n"))
        if self.source is not None:
            state.update(json.dumps(self.source.facts(), sort_keys=True).encode())
            for item in self.items:
                state.update(json.dumps([item.sample.label, dict(item.sample.fields)]).encode())
        return state.hexdigest()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")  # names from a file may hold what is not text


@dataclass(frozen=True, kw_only=True)
class Source(ABC):
    """A raw format with its facts. Instances are values: they are pickled to worker processes.

    Attributes:
        name: Its name in `prepare`.
        skeleton: The layout of its joints.
        classes: Class names by label.
        fields: The fields of its samples.
        protocols: Its protocols by name.
        body_selection: The selection used where none is requested.
        max_bodies: Number of bodies that a store keeps of each recording.
        has_confidence: Whether each joint has a confidence.
        keeps_empty: Whether recordings without any body stay, as zeros.
        prepared: The recipe whose normalisation and padding the coordinates already have, or "" where they are raw.
        notes: Further notes for users of the store, one sentence each.
        skeleton_is_free: Whether the format leaves open which skeleton it holds, so that the user may say.
        chunk: Samples that are worked on and written together: many for little overhead, few where each takes long.
        fps: Frames a second of all its recordings, or None where they differ or it is not known.
        unit: The unit of 3D coordinates, which a store has in metres: "m", "cm", "mm" or "in"; None: metres as the
            format says, or as is assumed where it leaves that open.
        unit_is_free: Whether the format leaves the unit open, so that the user may say.
        background: The class of what lies between intervals, for formats with intervals; "": it is left out.
    """

    name: str
    skeleton: Skeleton
    classes: tuple[str, ...]
    fields: tuple[str, ...]
    protocols: Mapping[str, SplitRule]
    body_selection: str = "energy"
    max_bodies: int = 2
    has_confidence: bool = False
    keeps_empty: bool = False
    prepared: str = ""
    notes: tuple[str, ...] = ()
    skeleton_is_free: bool = False
    chunk: int = 64
    fps: float | None = None
    unit: str | None = None
    unit_is_free: bool = False
    background: str = ""

    def facts(self) -> dict[str, Any]:
        """Return the entries on the source in a store's `meta.json`, as JSON-able values."""
        return {
            "skeleton": self.skeleton.to_dict(),
            "classes": list(self.classes),
            "fields": list(self.fields),
            "protocols": {name: rule.to_dict() for name, rule in self.protocols.items()},
            "confidence": self.has_confidence,
            "prepared": self.prepared,
            "notes": list(self.notes),
        }

    def with_skeleton(self, skeleton: Skeleton) -> Source:
        """Return the source with the skeleton of the raw data.

        Args:
            skeleton: The layout of the joints.

        Returns:
            The source with that skeleton.

        Raises:
            ConfigError: If the format has one of its own.
        """
        if not self.skeleton_is_free:
            raise ConfigError(
                f"data set {self.name!r} has the skeleton {self.skeleton.name!r}: omit the skeleton, or prepare "
                "data of another one as 'custom'"
            )
        return replace(self, skeleton=skeleton, skeleton_is_free=False)

    def with_unit(self, unit: str) -> Source:
        """Return the source with the unit of the raw coordinates.

        Args:
            unit: "m", "cm", "mm" or "in".

        Returns:
            The source with that unit.

        Raises:
            ConfigError: If it is unknown, or the format has one of its own.
        """
        if unit not in METRES:
            raise unknown("unit", unit, METRES)
        if not self.unit_is_free:
            raise ConfigError(f"data set {self.name!r} has its own unit: omit the unit")
        return replace(self, unit=unit)

    @abstractmethod
    def list_items(self, raw: Sequence[Path], missing_list: Path | None = None) -> Listing:
        """List what a raw tree holds, without reading the recordings.

        Args:
            raw: Folders, archives or files.
            missing_list: A file of sample names to leave out; None: those found in or beside `raw`, where the format
                has such lists.

        Raises:
            FormatError: If nothing can be listed there.
        """

    @abstractmethod
    def read(self, item: Item) -> Recording:
        """Read one item.

        Raises:
            FormatError: If it is damaged.
        """


def names_to_leave_out(missing_list: Path | None, names: Container[str]) -> dict[str, str]:
    """Read a missing list that a user gives, for sources without lists of their own.

    Args:
        missing_list: A text file with one sample name per line, or None.
        names: The sample names that there are; other lines are interpreted as a header.

    Returns:
        The names on the list, each with where the list lies.

    Raises:
        FormatError: If the list cannot be read or names no sample.
    """
    if missing_list is None:
        return {}
    (member,) = list_members([missing_list])
    lines = map(str.strip, member.read().decode("utf-8", "replace").splitlines())
    found = {line: member.where for line in lines if line in names}
    if not found:
        raise FormatError("no line is the name of a sample: pass one name per line", missing_list)
    return found


def load_class_names(data_set: str) -> tuple[str, ...]:
    """Read the class names that come with the package.

    Args:
        data_set: "ntu120", "kinetics", "ucla" or "synthetic".

    Returns:
        The names by label.
    """
    text = resources.files("dualhead.formats").joinpath("class_names", f"{data_set}.txt").read_text(encoding="utf-8")
    return tuple(text.splitlines())
