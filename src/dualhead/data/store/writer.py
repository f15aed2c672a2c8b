"""Writing a store so that a kill at any moment loses at most the samples in hand.

Beside the store grows a folder `NAME.partial`: the coordinates, a journal with one line per chunk of samples, and the
plan of the preparation. The coordinates are on disk before the journal mentions them, so whatever the
journal says is true; the rest is cut off when the work goes on. The finished folder is renamed into place.
"""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import numpy as np

from dualhead.data.prepare.partial_folder import LOCK, claim, discard, put_in_place
from dualhead.data.store.fingerprint import digest, digest_meta, fingerprint
from dualhead.data.store.store import SCHEMA
from dualhead.formats.source import Rejected, Source
from dualhead.runtime.errors import StoreError
from dualhead.runtime.files import naming, write_text
from dualhead.version import __version__

_HEADER_BYTES = 128  # of a one-dimensional .npy, whatever its length
_PLAN, _JOURNAL = "plan.json", "journal.jsonl"
_TOOLS = {_PLAN, _JOURNAL, LOCK}  # what a partial folder has beside the store in it


@dataclass(frozen=True)
class Row:
    """One sample's line of the index.

    Attributes:
        name: Sample name.
        label: 0-based class number, -1 where unknown.
        frames: T.
        bodies: M.
        fields: Its fields in the order of the source's.
        digest: The hash of its coordinates.
        remarks: Remarks for the user, words of `prepare_report.REMARKS`.
        extent: The size of its bodies in metres (`reading.conventions.body_extent`), 0 where that is not measured.
        fps: Frames a second, or None where that is not known.
    """

    name: str
    label: int
    frames: int
    bodies: int
    fields: tuple[int, ...]
    digest: str
    remarks: tuple[str, ...] = ()
    extent: float = 0.0
    fps: float | None = None


@dataclass(frozen=True)
class Chunk:
    """The outcome of processing some items.

    Attributes:
        data: Their coordinates, little-endian float32, sample after sample.
        rows: Their lines of the index.
        rejected: Those that are left out.
        traces: Files on which the code failed, with the traceback; for the log alone.
    """

    data: bytes
    rows: tuple[Row, ...]
    rejected: tuple[Rejected, ...]
    traces: tuple[str, ...] = ()


@contextmanager
def disk_errors(path: Path, kept: Callable[[], bool] = lambda: False) -> Iterator[None]:
    """Convert an error of the disk to a message that says how to resume.

    Args:
        path: The path that the user asked to write.
        kept: Tells whether something is done that the same call goes on from.

    Raises:
        StoreError: In place of an `OSError`.
    """
    try:
        with naming(path):
            yield
    except OSError as error:
        reason = error.strerror or str(error)
        hint = "free disk space or repair the disk, or pass another place"
        if kept():
            hint = "what is done so far is kept, free disk space or repair the disk and run the same command again"
        raise StoreError(f"cannot write {path}: {reason}; {hint}") from None


def remove_leftover(out: Path) -> None:
    """Remove the partial folder of a store that was finished but killed before it could tidy up.

    Args:
        out: The finished store.
    """
    partial = out.with_name(f"{out.name}.partial")
    if partial.is_dir() and {path.name for path in partial.iterdir()} <= _TOOLS:
        shutil.rmtree(partial, ignore_errors=True)


class StoreWriter:
    """Appends chunks to the partial folder of a store, or goes on with one that was interrupted.

    Args:
        out: The store's folder, which must not exist yet.
        plan: The description of the work; a partial folder with another plan is started again.

    Attributes:
        rows: The index so far.
        rejected: The recordings that are left out so far.
        chunks: Number of chunks that are on disk.
        restarted: Whether unfinished work on other files or options was thrown away.

    Raises:
        StoreError: If the partial folder is another user's, another process is preparing the same store, or the disk
            refuses.
    """

    def __init__(self, out: Path, plan: dict[str, Any]):
        self.out = out
        self.partial = out.with_name(f"{out.name}.partial")
        self.rows: list[Row] = []
        self.rejected: list[Rejected] = []
        self.chunks = 0
        self._size = 0
        with disk_errors(out):
            self._lock = claim(self.partial, _PLAN, {_JOURNAL, "store"}, "preparing")
            self.restarted = False
            if not self._resume(plan):
                self.restarted = (self.partial / _PLAN).exists()
                self._restart(plan)
            (self.partial / "store").mkdir(exist_ok=True)
            joints, journal = self.partial / "store" / "joints.npy", self.partial / _JOURNAL
            self._joints: IO[bytes] = joints.open("rb+" if joints.exists() else "wb+")
            self._joints.truncate(_HEADER_BYTES + self._size)
            self._joints.seek(0, os.SEEK_END)
            self._journal: IO[bytes] = journal.open("ab")

    def _resume(self, plan: dict[str, Any]) -> bool:
        """Read the journal of an interrupted preparation of the same plan."""
        journal = self.partial / _JOURNAL
        joints = self.partial / "store" / "joints.npy"
        try:
            if json.loads((self.partial / _PLAN).read_text(encoding="utf-8")) != plan:
                return False
            content, size = journal.read_bytes(), joints.stat().st_size
            whole = content[: content.rfind(b"\n") + 1]  # a kill may leave half a line
            for line in whole.splitlines():
                entry = json.loads(line)
                for row in entry["rows"]:
                    self.rows.append(Row(**row | {key: tuple(row.get(key, ())) for key in ("fields", "remarks")}))
                self.rejected += [Rejected(**rejected) for rejected in entry["rejected"]]
                self._size = entry["size"]
                self.chunks += 1
        except (OSError, ValueError, KeyError, TypeError):
            return False
        if size < _HEADER_BYTES + self._size:  # the journal outlived its data: a disk that lost power
            return False
        with journal.open("rb+") as file:
            file.truncate(len(whole))
        return True

    def _restart(self, plan: dict[str, Any]) -> None:
        self.rows, self.rejected, self.chunks, self._size = [], [], 0, 0
        shutil.rmtree(self.partial / "store", ignore_errors=True)
        (self.partial / _JOURNAL).unlink(missing_ok=True)
        write_text(self.partial / _PLAN, json.dumps(plan))

    def append(self, chunk: Chunk) -> None:
        """Write the next chunk; when this returns, it is safe.

        Args:
            chunk: Samples that follow, by name, those already written.

        Raises:
            StoreError: If the disk is full or fails.
        """
        with disk_errors(self.out, lambda: self.chunks > 0):
            self._joints.write(chunk.data)
            _sync(self._joints)
            self._size += len(chunk.data)
            entry = {
                "size": self._size,
                "rows": [vars(row) for row in chunk.rows],
                "rejected": [vars(rejected) for rejected in chunk.rejected],
            }
            self._journal.write(json.dumps(entry).encode() + b"\n")
            _sync(self._journal)
        self.rows += chunk.rows
        self.rejected += chunk.rejected
        self.chunks += 1

    def finish(self, source: Source, meta: dict[str, Any]) -> str:
        """Complete the store and rename it into place.

        Args:
            source: Whose facts go into `meta.json`.
            meta: Further content; "counts" among it.

        Returns:
            The fingerprint.

        Raises:
            StoreError: If the disk is full or fails.
        """
        folder = self.partial / "store"
        channels = source.skeleton.dimensions + source.has_confidence
        samples = ((row.name, row.label, row.frames, row.bodies, row.fields, row.digest) for row in self.rows)
        content = fingerprint(source.skeleton, source.fields, source.has_confidence, samples)
        with disk_errors(self.out, lambda: self.chunks > 0):
            self._joints.seek(0)
            header = {"descr": "<f4", "fortran_order": False, "shape": (self._size // 4,)}
            np.lib.format.write_array_header_1_0(self._joints, header)
            if self._joints.tell() != _HEADER_BYTES:
                raise StoreError(f"numpy wrote a header of {self._joints.tell()} bytes instead of {_HEADER_BYTES}")
            _sync(self._joints)
            began = (self.partial / _PLAN).stat().st_mtime_ns
            os.utime(folder / "joints.npy", ns=(began, began))  # what changed since may have been read before it did
            index = io.BytesIO()
            np.savez(index, **self._index(source, channels))
            with (folder / "index.npz").open("wb") as file:
                file.write(index.getbuffer())
                _sync(file)
            facts = {
                "schema": SCHEMA,
                "version": __version__,
                **source.facts(),
                **({"has_rates": True} if any(row.fps is not None for row in self.rows) else {}),
                "fingerprint": content,
                "index_digest": digest(index.getbuffer()),
                "rejected": [asdict(rejected) for rejected in self.rejected],
            }
            facts |= meta
            facts["meta_digest"] = digest_meta(facts)
            text = json.dumps(facts, indent=1, sort_keys=True, ensure_ascii=False)
            with (folder / "meta.json").open("wb") as file:
                file.write(text.encode("utf-8", "backslashreplace"))  # a lone surrogate as JSON escapes it
                _sync(file)
            put_in_place(folder, self.out)
        self.discard()
        return content

    def _index(self, source: Source, channels: int) -> dict[str, Any]:
        frames = np.array([row.frames for row in self.rows], np.int64)
        bodies = np.array([row.bodies for row in self.rows], np.int64)
        sizes = frames * bodies * source.skeleton.num_joints * channels
        columns: dict[str, Any] = {
            "name": np.array([row.name for row in self.rows], np.str_),
            "label": np.array([row.label for row in self.rows], np.int64),
            "offset": np.cumsum(sizes) - sizes,
            "frames": frames,
            "bodies": bodies,
        }
        for number, name in enumerate(source.fields):
            columns[name] = np.array([row.fields[number] for row in self.rows], np.int64)
        rates = np.array([np.nan if row.fps is None else row.fps for row in self.rows])
        if np.isfinite(rates).any():  # only of sources whose recordings say it
            columns["fps"] = rates
        return columns

    def discard(self) -> None:
        """Remove the partial folder."""
        self._close_files()
        discard(self.partial, self._lock)

    def close(self) -> None:
        """Close the files; the partial folder stays and can be resumed."""
        self._close_files()
        self._lock.release()

    def _close_files(self) -> None:
        for file in (self._joints, self._journal):
            with suppress(OSError):  # a full disk refuses what is still buffered once more
                file.close()

    def __enter__(self) -> StoreWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and not self.chunks:
            self.discard()  # there is nothing to go on from
        self.close()


def _sync(file: IO[bytes]) -> None:
    """Wait until a file's content is on the disk."""
    file.flush()
    os.fsync(file.fileno())
