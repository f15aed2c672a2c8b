"""Reading, parsing and selecting in worker processes; results come back in order."""

from __future__ import annotations

import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dualhead.data.bodies.selection import Selection, get_selection
from dualhead.data.recipes.normalize import unsized_pixels
from dualhead.data.store.fingerprint import digest
from dualhead.data.store.writer import Chunk, Row
from dualhead.formats.recording import Recording
from dualhead.formats.source import Item, Rejected, Sample, Source
from dualhead.formats.units import METRES, body_extents
from dualhead.runtime.cluster import on_cluster
from dualhead.runtime.errors import DamageError, DualheadError, FormatError, StoreError, UnreadableError, defect
from dualhead.runtime.interrupts import check_interrupt
from dualhead.runtime.machine import count_cores, paused_collection
from dualhead.runtime.memory import keep_freed_memory
from dualhead.runtime.processes import WorkerPool

_MEASURED_FRAMES = 8
_KEPT_BYTES = 2**24  # more than the text of a file; asking anew for each costs a fifth of the work


@dataclass(frozen=True)
class Task:
    """An item and, where it is on a missing list, the name of that list."""

    item: Item
    missing: str | None = None


@dataclass(frozen=True)
class Worker:
    """Turns tasks into a chunk of a store.

    Attributes:
        source: Reads the items.
        body_selection: The name of the selection.
    """

    source: Source
    body_selection: str

    @paused_collection()
    def work(self, tasks: Sequence[Task]) -> Chunk:
        """Read, parse and select; what cannot be is rejected with its reason, be it a bug of ours.

        Args:
            tasks: Items in the order of the store.

        Returns:
            Their part of the store.

        Raises:
            DualheadError: If the source or the selection fits none of the items, or a file that holds many is damaged.
            OSError: If the system fails, which the next item would meet too.
        """
        selection = get_selection(self.body_selection)
        data: list[bytes] = []
        rows: list[Row] = []
        measured: list[NDArray[np.float32]] = []
        rejected: list[Rejected] = []
        traces: list[str] = []
        for task in tasks:
            try:
                result = self._sample(task, selection)
            except MemoryError:
                result = _rejected(task.item, "it needs more memory than there is: it is far larger than a recording")
            except (DualheadError, OSError):
                raise
            except Exception as error:  # noqa: BLE001 - a bug that one file meets must not cost hours of work on others
                result = _unexpected(task.item, error)
                traces.append(f"{result.path}\n{traceback.format_exc().rstrip()}")
            if isinstance(result, Rejected):
                rejected.append(result)
            else:
                data.append(result[0])
                rows.append(result[1])
                measured.append(result[2])
        return Chunk(b"".join(data), self._with_extents(rows, measured), tuple(rejected), tuple(traces))

    def _sample(self, task: Task, selection: Selection) -> tuple[bytes, Row, NDArray[np.float32]] | Rejected:
        sample, where = task.item.sample, task.item.member.where
        kind, line = "damaged", None
        try:
            recording = self.source.read(task.item)
        except DamageError:
            raise
        except FormatError as error:
            reason, line = error.reason, error.line
            kind = "unreadable" if isinstance(error, UnreadableError) else kind
        else:
            if self.body_selection == "order" and recording.body_selection:
                selection = get_selection(recording.body_selection)
            factor = METRES[self.source.unit or "m"]
            if factor != 1 and self.source.skeleton.dimensions == 3 and self.source.name != "custom":
                recording = replace(recording, joints=recording.joints * factor)
            joints, confidence = selection(recording, self.source.max_bodies)  # (M, T, V, C), (M, T, V)
            kind, reason = "empty", f"no body in any of its {recording.num_frames} frames"
            if (len(joints) or self.source.keeps_empty) and task.missing is None:
                values = joints if confidence is None else np.concatenate([joints, confidence[..., None]], axis=-1)
                data = values.astype("<f4", copy=False).tobytes()
                label = -1 if sample.label is None else sample.label
                fields = tuple(sample.fields[name] for name in self.source.fields)
                wide = next((name for name, value in sample.fields.items() if abs(value) >= 2**63), None)
                if wide is not None:
                    return _rejected(task.item, f"its {wide} is a number of more than 64 bits")
                if confidence is not None and not np.isfinite(confidence).all():
                    return _rejected(task.item, "it holds a confidence that is not a finite number")
                row = Row(
                    sample.name, label, joints.shape[1], joints.shape[0], fields, digest(data),
                    self._remarks(recording, joints, sample), fps=recording.fps,
                )  # fmt: skip
                return data, row, joints[:, :: max(1, joints.shape[1] // _MEASURED_FRAMES)].copy()
            if len(joints):
                reason = ""
        if task.missing is not None:
            kind = "missing"
            reason = "; ".join(filter(None, [f"on the missing list {task.missing}", reason]))
        return Rejected(sample.name, where, reason, kind, line)

    def _with_extents(self, rows: Sequence[Row], measured: Sequence[NDArray[np.float32]]) -> tuple[Row, ...]:
        """Measure the bodies of 3D recordings, all of a chunk at once.

        Args:
            rows: The rows of the samples.
            measured: Some frames of each, `(M, T, V, C)`.
        """
        if not rows or self.source.skeleton.dimensions != 3 or self.source.prepared:
            return tuple(rows)
        extents = body_extents(measured)
        return tuple(replace(row, extent=round(extent, 4)) for row, extent in zip(rows, extents, strict=True))

    def _remarks(self, recording: Recording, joints: NDArray[np.float32], sample: Sample) -> tuple[str, ...]:
        """Describe the anomalies of a sample that is kept."""
        flat = self.source.skeleton.dimensions == 2 and not self.source.prepared
        in_pixels = flat and unsized_pixels(np.moveaxis(joints, -1, 0), sample.fields)
        found = {"pixels": in_pixels, "confidence": recording.drops_confidence}
        return (*(remark for remark, holds in found.items() if holds), *recording.notes)


def _rejected(item: Item, reason: str, kind: str = "damaged", line: int | None = None) -> Rejected:
    return Rejected(item.sample.name, item.member.where, reason, kind, line)


def _unexpected(item: Item, error: Exception) -> Rejected:
    """Reject an item on which the code failed."""
    return _rejected(item, defect(error, "in the log beside the store"), "unexpected")


_worker: Worker | None = None


def _start(worker: Worker) -> None:
    """Set up a worker process."""
    global _worker
    _worker = worker
    keep_freed_memory(_KEPT_BYTES)


def _begin(worker: Worker) -> Callable[[Sequence[Task]], Chunk]:
    """Set up a worker of a cluster."""
    keep_freed_memory(_KEPT_BYTES)
    return worker.work


def _run(tasks: Sequence[Task]) -> Chunk:
    assert _worker is not None
    return _worker.work(tasks)


@contextmanager
def running(
    worker: Worker,
    chunks: Sequence[Sequence[Task]],
    workers: int | None,
    cluster: str | None = None,
    roots: Sequence[Path] = (),
) -> Iterator[Iterator[Chunk]]:
    """Process chunks of tasks on several processes, a few chunks ahead of the one that is yielded.

    Args:
        worker: The function of a worker.
        chunks: The tasks.
        workers: Number of processes; None: one per core. With 1, or a single chunk, all happens in this one.
        cluster: The address of a cluster whose workers do it instead.
        roots: The folders of the raw data, which those workers must see.

    Yields:
        An iterator of the results in the order of `chunks`. The processes run until the block is left.

    Raises:
        ClusterError: If the cluster cannot be reached, or its workers die.
        StoreError: If a process ends unexpectedly.
    """
    if cluster is not None:
        with on_cluster(cluster, partial(_begin, worker), chunks, workers=workers, needs=roots) as results:
            yield results
        return
    workers = workers or count_cores()
    keep_freed_memory(_KEPT_BYTES)
    if workers == 1 or len(chunks) <= 1:
        yield map(worker.work, chunks)
        return
    rest = iter(chunks)
    try:
        with WorkerPool(min(workers, len(chunks)), _start, (worker,)) as pool:
            waiting = deque(pool.submit(_run, chunk) for chunk in islice(rest, 2 * workers))
            yield _drain(pool, waiting, rest)
    except BrokenProcessPool:
        check_interrupt()  # which may have ended them
        raise StoreError(
            "a worker process ended unexpectedly (out of memory, or killed): run the same again to go on, "
            f"with fewer than {workers} workers if memory is short"
        ) from None


def _drain(pool: WorkerPool, waiting: deque[Future[Chunk]], rest: Iterator[Sequence[Task]]) -> Iterator[Chunk]:
    while waiting:
        result = pool.result(waiting.popleft())
        waiting.extend(pool.submit(_run, chunk) for chunk in islice(rest, 1))
        yield result
