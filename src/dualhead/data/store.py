"""A data set on disk: one ragged array of raw coordinates, an index, and what is known about them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualhead.errors import StoreError, unknown
from dualhead.formats.source import SplitRule
from dualhead.sequence import SkeletonSequence
from dualhead.skeleton import Skeleton

SCHEMA = 1
"""The version of the layout on disk."""

COLUMNS = ("name", "label", "offset", "frames", "bodies")
"""The columns that every index has; one more per field follows."""

_UNREADABLE = (OSError, ValueError, KeyError, TypeError, EOFError)


class Store:
    """An open store; made by `open_store`. It is cheap to copy to another process, which opens it anew.

    Attributes:
        path: Its folder.
        meta: The content of `meta.json`.
        skeleton: The layout of the joints.
        classes: Class names by label.
        protocols: The rules behind `split`, by name.
        names: Sample names `(N,)`, ascending.
        labels: int64 `(N,)`, -1 where unknown.
        frames: int64 `(N,)`, T of each sample.
        bodies: int64 `(N,)`, M of each sample.
        fields: int64 `(N,)` per field, such as "subject".
        fingerprint: A hash of the content: samples, labels, fields, coordinates and skeleton.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.meta = read_meta(self.path)
        try:
            skeleton = self.meta["skeleton"]
            self.skeleton = Skeleton(
                name=skeleton["name"],
                joints=tuple(skeleton["joints"]),
                parents=tuple(skeleton["parents"]),
                edges=_pairs(skeleton["edges"]),
                mirror=_pairs(skeleton["mirror"]),
                centre=skeleton["centre"],
                origin=skeleton["origin"],
                spine=_pair(skeleton["spine"]),
                shoulders=_pair(skeleton["shoulders"]),
                dimensions=skeleton["dimensions"],
            )
            self.classes: tuple[str, ...] = tuple(self.meta["classes"])
            self.protocols = {name: _rule(rule) for name, rule in self.meta["protocols"].items()}
            self.fingerprint: str = self.meta["fingerprint"]
            self._has_confidence: bool = self.meta["confidence"]
            with np.load(self.path / "index.npz", allow_pickle=False) as index:
                self.names: NDArray[np.str_] = index["name"]
                self.labels: NDArray[np.int64] = index["label"]
                self._offsets: NDArray[np.int64] = index["offset"]
                self.frames: NDArray[np.int64] = index["frames"]
                self.bodies: NDArray[np.int64] = index["bodies"]
                self.fields: Mapping[str, NDArray[np.int64]] = {name: index[name] for name in self.meta["fields"]}
            joints = np.load(self.path / "joints.npy", mmap_mode="r", allow_pickle=False)
        except _UNREADABLE as error:
            raise StoreError(f"{self.path} is a damaged store ({error}): prepare it again") from None
        self._joints: NDArray[np.float32] = np.asarray(joints)  # a plain view of the map: faster to slice
        self._channels = self.skeleton.dimensions + self._has_confidence
        sizes = self.bodies * self.frames * self.skeleton.num_joints * self._channels
        columns = (self.names, self.labels, self._offsets, self.frames, self.bodies, *self.fields.values())
        if (
            {column.shape for column in columns} != {(self.meta["counts"]["samples"],)}
            or self._joints.dtype != np.float32
            or self._joints.shape != (int(sizes.sum()),)
            or not np.array_equal(self._offsets, np.cumsum(sizes) - sizes)
        ):
            raise StoreError(f"{self.path} is a damaged store (its index and its arrays differ): prepare it again")

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> SkeletonSequence:
        """Give one sample.

        Args:
            index: Its row; negative ones count from the end.

        Returns:
            The sequence; its joints `(M, T, V, C)` are a read-only view of the file.

        Raises:
            IndexError: If there is no such row.
        """
        row = range(len(self))[index]
        bodies, frames = int(self.bodies[row]), int(self.frames[row])
        shape = (bodies, frames, self.skeleton.num_joints, self._channels)
        start = int(self._offsets[row])
        values = self._joints[start : start + bodies * frames * shape[2] * shape[3]].reshape(shape)
        label = int(self.labels[row])
        return SkeletonSequence(
            joints=values[..., : self.skeleton.dimensions] if self._has_confidence else values,
            skeleton=self.skeleton,
            name=str(self.names[row]),
            label=None if label < 0 else label,
            confidence=values[..., -1] if self._has_confidence else None,
            fields={name: int(column[row]) for name, column in self.fields.items()},
        )

    def __iter__(self) -> Iterator[SkeletonSequence]:
        return (self[index] for index in range(len(self)))

    def __reduce__(self) -> tuple[type[Store], tuple[Path]]:
        """Travel to another process as a path: the map must not be copied."""
        return type(self), (self.path,)

    def index_of(self, name: str) -> int:
        """Find the row of a sample.

        Args:
            name: Its name.

        Raises:
            StoreError: If there is no sample of that name.
        """
        row = int(np.searchsorted(self.names, name))
        if row == len(self) or self.names[row] != name:
            near = self.names[min(row, len(self) - 1)] if len(self) else "none"
            raise StoreError(f"{self.path} has no sample {name!r}: the next one in its order is {near!r}")
        return row

    def split(self, protocol: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Divide the samples by a protocol.

        Args:
            protocol: A name from `protocols`, such as "xsub".

        Returns:
            Rows of the training and of the test side, ascending.

        Raises:
            ConfigError: If the store has no such protocol.
        """
        if protocol not in self.protocols:
            raise unknown("protocol", protocol, self.protocols)
        rule = self.protocols[protocol]
        return rule.split(self.fields[rule.field])


def _pair(values: list[int] | None) -> tuple[int, int] | None:
    return None if values is None else (values[0], values[1])


def _pairs(values: list[list[int]]) -> tuple[tuple[int, int], ...]:
    return tuple((first, second) for first, second in values)


def _rule(rule: dict[str, Any]) -> SplitRule:
    test = rule.get("test")
    return SplitRule(rule["field"], tuple(rule["train"]), None if test is None else tuple(test))


def read_meta(path: str | Path) -> dict[str, Any]:
    """Read `meta.json` of a store.

    Args:
        path: The store's folder.

    Raises:
        StoreError: If the folder holds no store, or one of another schema.
    """
    file = Path(path) / "meta.json"
    try:
        meta = json.loads(file.read_text(encoding="utf-8"))
        schema = meta["schema"]
    except (FileNotFoundError, NotADirectoryError):
        raise StoreError(f"{path} holds no store (no meta.json): make one with `dualhead prepare`") from None
    except (*_UNREADABLE, RecursionError) as error:
        raise StoreError(f"{file} cannot be read ({error}): prepare the store again") from None
    if schema != SCHEMA:
        raise StoreError(
            f"{path} has schema {schema!r}, but this version of dualhead reads schema {SCHEMA}: "
            f"prepare it again, or install the version {meta.get('version', '?')} that wrote it"
        )
    return dict(meta)


def open_store(path: str | Path) -> Store:
    """Open a prepared data set.

    Args:
        path: Its folder.

    Returns:
        The store; coordinates are read from disk when asked for.

    Raises:
        StoreError: If the folder holds no whole store, or one of another schema.
    """
    return Store(path)
