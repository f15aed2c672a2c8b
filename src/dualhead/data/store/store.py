"""A data set on disk: one ragged array of raw coordinates, an index, and what is known about them."""

from __future__ import annotations

import io
import json
import struct
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from tokenize import TokenError
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from dualhead.data.store.fingerprint import digest
from dualhead.formats.source import SplitRule
from dualhead.runtime.errors import ConfigError, StoreError, shorten, unknown
from dualhead.runtime.npz import read_npz
from dualhead.runtime.schema import SchemaError, boolean, list_of, mapping_of, nullable, record, text, whole
from dualhead.sequence import SkeletonSequence
from dualhead.skeleton import Skeleton
from dualhead.skeletons.skeleton import SKELETON_FORM
from dualhead.version import __version__

SCHEMA = 1
"""The version of the layout on disk."""

COLUMNS = ("name", "label", "offset", "frames", "bodies")
"""The columns that every index has; one more per field follows."""

_NO_PROTOCOL = {
    "pyskl": "the pickle has no 'split' with a training and a test split: add one and prepare the store again",
    "custom": "dataset.yaml has no 'protocols': add one and prepare the store again",
}

# What json, zipfile and NumPy raise for damaged files.
_UNREADABLE = (
    OSError, ValueError, LookupError, TypeError, AttributeError, EOFError, SyntaxError, TokenError, RecursionError,
    MemoryError, OverflowError, NotImplementedError, BadZipFile, zlib.error, struct.error, ConfigError,
)  # fmt: skip


_MAX_FRAMES = 2**24  # of a sample: six days at 30 a second

_META = record(
    {
        "dataset": text,
        "body_selection": text,
        "skeleton": SKELETON_FORM,
        "classes": list_of(text),
        "fields": list_of(text),
        "protocols": mapping_of(
            record({"field": text, "train": list_of(whole())}, {"test": nullable(list_of(whole()))})
        ),
        "confidence": boolean,
        "fingerprint": text,
        "counts": record(
            {"samples": whole(0)},
            {"frames": whole(0), "duplicates": whole(0), "skipped": whole(0), "remarks": mapping_of(whole(0))},
        ),
    },
    {
        "prepared": text,
        "version": text,
        "identity": text,
        "index_digest": text,
        "meta_digest": text,
        "rejected": list_of(
            record({"name": text, "path": text, "reason": text, "kind": text}, {"line": nullable(whole(0))})
        ),
    },
)
"""The form of meta.json."""


class NoSuchRowError(StoreError, IndexError):
    """A row beyond the end of a store."""


class Store:
    """An open store; made by `open_store`. It is cheap to copy to another process, which opens it again.

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
        has_confidence: Whether each joint has a confidence.
        fps: float64 `(N,)`, frames per second of each sample, NaN where that is not known.
        body_extent: The median size of bodies in metres, or None where that was not measured.
        fingerprint: A hash of the content: samples, labels, fields, coordinates and skeleton; as it was prepared, which
            `dualhead.data.store.verify.verify` checks.
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
            self.classes: tuple[str, ...] = tuple(map(str, self.meta["classes"]))
            self.protocols = {name: _rule(rule) for name, rule in self.meta["protocols"].items()}
            self.fingerprint = str(self.meta["fingerprint"])
            self.has_confidence = bool(self.meta["confidence"])
            self._prepared: str = self.meta.get("prepared", "")
            data = (self.path / "index.npz").read_bytes()
            rates = ("fps",) if self.meta.get("has_rates") else ()
            index = read_npz(io.BytesIO(data), (*COLUMNS, *self.meta["fields"], *rates))
            self.names: NDArray[np.str_] = index["name"]
            self.labels: NDArray[np.int64] = index["label"]
            self._offsets: NDArray[np.int64] = index["offset"]
            self.frames: NDArray[np.int64] = index["frames"]
            self.bodies: NDArray[np.int64] = index["bodies"]
            self.fields: Mapping[str, NDArray[np.int64]] = {name: index[name] for name in self.meta["fields"]}
            rate = self.meta.get("fps")
            usual = np.full(len(self.names), np.nan if rate is None else float(rate))
            self.fps: NDArray[np.float64] = index["fps"] if rates else usual
            extent = self.meta.get("body_extent")
            self.body_extent = None if extent is None else float(extent)
            joints = np.load(self.path / "joints.npy", mmap_mode="r", allow_pickle=False)
            self._joints: NDArray[np.float32] = np.asarray(joints)  # a plain view of the map: faster to slice
            self._map = joints._mmap
            self._bytes = self._map.size()
            self._channels = self.skeleton.dimensions + self.has_confidence
            self._pose = (self.skeleton.num_joints, self._channels)
            self._check()
            if "index_digest" in self.meta and self.meta["index_digest"] != digest(data):  # older stores have none
                raise ValueError("its index.npz was changed after it was prepared")
        except PermissionError as error:
            raise _forbidden(error) from None
        except _UNREADABLE as error:
            raise StoreError(f"{self.path} is a damaged store ({_reason(error)}): prepare it again") from None

    def _check(self) -> None:
        """Check that index, arrays and `meta.json` fit together.

        Raises:
            ValueError: If they do not.
        """
        numbers = (self.labels, self._offsets, self.frames, self.bodies, *self.fields.values())
        shape = (int(self.meta["counts"]["samples"]),)
        if {column.shape for column in (self.names, *numbers)} != {shape}:
            raise ValueError("its index and its arrays differ in length")
        if self.fps.shape != shape or self.fps.dtype != np.float64:
            raise ValueError("its frame rates and its index differ")
        if self.names.dtype.kind != "U" or any(column.dtype != np.int64 for column in numbers):
            raise ValueError("a column of its index is of the wrong type")
        if self._joints.dtype != np.float32 or self._joints.ndim != 1:
            raise ValueError("its array of coordinates is of the wrong type")
        values = self.skeleton.num_joints * self._channels
        # in floating point, which no number of frames or bodies in the index can overflow
        if (
            min(self.bodies.min(initial=0), self.frames.min(initial=0)) < 0
            or self.frames.max(initial=0) > _MAX_FRAMES
            or (self.bodies.astype(float) * self.frames * values).max(initial=0) > len(self._joints)
        ):
            raise ValueError("its index names more coordinates than there are")
        sizes = self.bodies * self.frames * values
        if len(self._joints) != int(sizes.sum()) or not np.array_equal(self._offsets, np.cumsum(sizes) - sizes):
            raise ValueError("its index and its arrays differ")
        if self.labels.min(initial=-1) < -1 or self.labels.max(initial=-1) >= len(self.classes):
            raise ValueError(f"a label is outside the {len(self.classes)} classes")
        for name, rule in self.protocols.items():
            if rule.field not in self.fields:
                raise ValueError(f"protocol {name!r} is a rule over the field {rule.field!r}, which it does not have")

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> SkeletonSequence:
        """Return one sample.

        Args:
            index: Its row; negative ones count from the end.

        Returns:
            The sequence; its joints `(M, T, V, C)` are a read-only view of the file.

        Raises:
            NoSuchRowError: If there is no such row; it is an `IndexError` too.
        """
        count = len(self.names)
        if not -count <= index < count:
            raise NoSuchRowError(f"{self.path} has no row {index}: its {count} samples are 0 to {count - 1}")
        row = int(index) % count
        bodies, frames, start = self.bodies.item(row), self.frames.item(row), self._offsets.item(row)
        joints, channels = self._pose
        self._check_whole()
        stop = start + bodies * frames * joints * channels
        values = self._joints[start:stop].reshape(bodies, frames, joints, channels)
        label, fps = self.labels.item(row), self.fps.item(row)
        return SkeletonSequence(
            joints=values[..., : self.skeleton.dimensions] if self.has_confidence else values,
            skeleton=self.skeleton,
            name=self.names.item(row),
            label=None if label < 0 else label,
            confidence=values[..., -1] if self.has_confidence else None,
            fields={name: column.item(row) for name, column in self.fields.items()},
            prepared=self._prepared,
            fps=fps if fps > 0 else None,
        )

    @property
    def measures(self) -> dict[str, float]:
        """Facts about all recordings together, for checkpoints: `body_extent` and `fps`, as far as known."""
        rates = np.unique(self.fps[np.isfinite(self.fps)])
        found = {"body_extent": self.body_extent, "fps": float(rates[0]) if len(rates) == 1 else None}
        return {name: value for name, value in found.items() if value}

    def coordinates(self, start: int, stop: int) -> NDArray[np.float32]:
        """Return the coordinates of neighbouring samples without a copy.

        Args:
            start: The first row.
            stop: The row behind the last.

        Returns:
            A read-only view `(R, V, C)`: sample after sample, body after body, frame after frame.
        """
        values = self._stored(start, stop).reshape(-1, self.skeleton.num_joints, self._channels)
        return values[..., : self.skeleton.dimensions]

    def stored_bytes(self, row: int) -> bytes:
        """Return all stored values of a sample, confidence included, without conversion.

        Args:
            row: Its row, 0 or more.
        """
        return self._stored(row, row + 1).tobytes()

    def _check_whole(self) -> None:
        """Check that the file was not truncated since it was opened: reading past its end would kill the process."""
        if self._map.size() < self._bytes:
            raise StoreError(f"{self.path / 'joints.npy'} was cut while it was read: prepare the store again")

    def _stored(self, start: int, stop: int) -> NDArray[np.float32]:
        self._check_whole()
        begin, end = (int(self._offsets[row]) if row < len(self) else len(self._joints) for row in (start, stop))
        return self._joints[begin:end]

    def __iter__(self) -> Iterator[SkeletonSequence]:
        return (self[index] for index in range(len(self)))

    def __reduce__(self) -> tuple[type[Store], tuple[Path]]:
        """Reduce to a path for another process: the memory map must not be copied."""
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
            near = str(self.names[min(row, len(self) - 1)]) if len(self) else "none"
            raise StoreError(f"{self.path} has no sample {name!r}: the next one in its order is {near!r}")
        return row

    def split(self, protocol: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Divide the samples by a protocol.

        Args:
            protocol: A name from `protocols`, such as "xsub".

        Returns:
            Rows of the training and of the test split, ascending.

        Raises:
            ConfigError: If the store has no such protocol.
        """
        if not self.protocols:
            dataset = str(self.meta.get("dataset"))
            why = _NO_PROTOCOL.get(dataset, "the data that it was made of name none")
            raise ConfigError(f"unknown protocol {protocol!r}: {self.path} has no protocol at all, because {why}")
        if protocol not in self.protocols:
            raise unknown("protocol", protocol, self.protocols)
        rule = self.protocols[protocol]
        return rule.split(self.fields[rule.field])


def _pair(values: list[int] | None) -> tuple[int, int] | None:
    return None if values is None else (values[0], values[1])


def _pairs(values: list[list[int]]) -> tuple[tuple[int, int], ...]:
    return tuple((first, second) for first, second in values)


def _forbidden(error: PermissionError) -> StoreError:
    return StoreError(f"{error.filename} may not be read by this user: change its permissions")


def _reason(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def _rule(rule: dict[str, Any]) -> SplitRule:
    test = rule.get("test")
    train, test = tuple(map(int, rule["train"])), None if test is None else tuple(map(int, test))
    return SplitRule(str(rule["field"]), train, test)


def read_meta(path: str | Path) -> dict[str, Any]:
    """Read `meta.json` of a store.

    Args:
        path: The store's folder.

    Raises:
        StoreError: If the folder contains no store, or one of another schema.
    """
    file = Path(path) / "meta.json"
    try:
        meta = json.loads(file.read_text(encoding="utf-8"))
        schema = meta["schema"]
    except PermissionError as error:
        raise _forbidden(error) from None
    except (FileNotFoundError, NotADirectoryError):
        raise StoreError(f"{path} contains no store (no meta.json): make one with `dualhead prepare`") from None
    except _UNREADABLE as error:
        raise StoreError(f"{file} cannot be read ({_reason(error)}): prepare the store again") from None
    if isinstance(schema, int) and schema > SCHEMA:
        raise StoreError(
            f"{path} has schema {schema}, this is dualhead {__version__} which reads up to {SCHEMA}: "
            f"install dualhead {meta.get('version', '(a later one)')} or later"
        )
    if schema != SCHEMA or isinstance(schema, bool):
        raise StoreError(
            f"{path} has schema {shorten(schema)}, which no version of dualhead writes: prepare the store again"
        )
    try:
        _META(meta, "")
    except SchemaError as error:
        raise StoreError(f"{path} is a damaged store ({file.name}: {error}): prepare it again") from None
    return dict(meta)


def closed_inputs(path: str | Path) -> list[Path]:
    """List the paths of the store that must not be overwritten while it is read, for `check_apart`.

    Args:
        path: A file, a store, or a folder of recordings, among which results may lie.

    Returns:
        The file or the store; nothing of a folder of recordings.
    """
    place = Path(path)
    return [] if place.is_dir() and not (place / "meta.json").is_file() else [place]


def open_store(path: str | Path) -> Store:
    """Open a prepared data set.

    Args:
        path: Its folder.

    Returns:
        The store; coordinates are read from disk when requested.

    Raises:
        StoreError: If the folder contains no whole store, or one of another schema.
    """
    return Store(path)
