from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dualhead.data.prepare.worker import Task, Worker, running
from dualhead.formats.files.member import FileMember
from dualhead.formats.ntu.sources import ntu60
from dualhead.formats.recording import Recording
from dualhead.formats.source import Item
from dualhead.runtime.errors import ConfigError, StoreError
from tests.formats.making import make_ntu_tree, make_skeleton

NAME = "S001C001P001R001A002"


def _task(folder: Path, data: bytes, missing: str | None = None) -> Task:
    path = folder / f"{NAME}.skeleton"
    path.write_bytes(data)
    sample = ntu60().sample(NAME)
    assert sample is not None
    return Task(Item(sample, FileMember(f"raw/{path.name}", len(data), 0, str(path))), missing)


def _work(task: Task) -> tuple[int, list[tuple[str, str, int | None]]]:
    chunk = Worker(ntu60(), "energy").work([task])
    return len(chunk.rows), [(item.kind, item.reason, item.line) for item in chunk.rejected]


def test_a_sample_becomes_a_row_and_its_bytes(tmp_path: Path) -> None:
    chunk = Worker(ntu60(), "energy").work([_task(tmp_path, make_skeleton(frames=3, bodies=2))])
    (row,) = chunk.rows
    assert (row.name, row.label, row.frames, row.bodies, row.fields) == (NAME, 1, 3, 2, (1, 1, 1, 1))
    assert np.frombuffer(chunk.data, "<f4").size == 2 * 3 * 25 * 3
    assert chunk.rejected == ()


def test_what_is_left_out_has_its_reason(tmp_path: Path) -> None:
    assert _work(_task(tmp_path, b"2\n0\n0\n")) == (0, [("empty", "no body in any of its 2 frames", None)])
    listed = "on the missing list list.txt"
    assert _work(_task(tmp_path, make_skeleton(), "list.txt")) == (0, [("missing", listed, None)])
    assert _work(_task(tmp_path, b"1\n0\n", "list.txt")) == (
        0,
        [("missing", f"{listed}; no body in any of its 1 frames", None)],
    )
    count, ((kind, reason, line),) = _work(_task(tmp_path, b"2\n0\n"))
    assert (count, kind, line) == (0, "damaged", 2)
    assert "truncated" in reason


def test_a_vanished_file_has_its_reason(tmp_path: Path) -> None:
    task = _task(tmp_path, make_skeleton())
    (tmp_path / f"{NAME}.skeleton").unlink()
    count, ((kind, reason, _),) = _work(task)
    assert (count, kind) == (0, "damaged")
    assert "removed after" in reason


def test_a_source_may_keep_recordings_of_nobody(tmp_path: Path) -> None:
    task = _task(tmp_path, b"2\n0\n0\n")
    (row,) = Worker(replace(ntu60(), keeps_empty=True), "energy").work([task]).rows
    assert (row.frames, row.bodies) == (2, 0)


def _tasks(folder: Path, count: int) -> list[list[Task]]:
    listing = ntu60().list_items([make_ntu_tree(folder, count)])
    return [[Task(item)] for item in listing.items]


def test_results_of_several_processes_come_in_order(tmp_path: Path) -> None:
    chunks = _tasks(tmp_path, 12)
    worker = Worker(ntu60(), "energy")
    with running(worker, chunks, 2) as results:
        assert list(results) == [worker.work(chunk) for chunk in chunks]


class _Failing(type(ntu60())):  # type: ignore[misc]
    """A source that has a bug with one sample, or meets an error that is no bug."""

    error: Exception = ZeroDivisionError("division\nby zero")

    def read(self, item: Item) -> Recording:
        if item.sample.name.startswith("S001C002"):
            raise self.error
        return super().read(item)  # type: ignore[no-any-return]


def _failing() -> _Failing:
    return _Failing(**{name: getattr(ntu60(), name) for name in ntu60().__dataclass_fields__})


@pytest.mark.parametrize("processes", [1, 2])
def test_a_bug_rejects_the_file_and_the_rest_goes_on(tmp_path: Path, processes: int) -> None:
    with running(Worker(_failing(), "energy"), _tasks(tmp_path, 4), processes) as results:
        chunks = list(results)
    assert [len(chunk.rows) for chunk in chunks] == [1, 1, 0, 1]  # by name: cameras 1, 1, 2, 3
    (rejected,) = chunks[2].rejected
    assert (rejected.kind, rejected.line) == ("unexpected", None)
    assert rejected.reason.startswith(
        "an unexpected ZeroDivisionError (division by zero) was raised on it: this is a bug"
    )
    (trace,) = chunks[2].traces
    assert trace.startswith(f"{rejected.path}\nTraceback (most recent call last):")
    assert trace.endswith("ZeroDivisionError: division\nby zero")


def test_a_bug_in_the_selection_is_one_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def select(recording: Recording, max_bodies: int) -> None:
        raise AssertionError

    monkeypatch.setattr("dualhead.data.prepare.worker.get_selection", lambda name: select)
    ((kind, reason, _),) = _work(_task(tmp_path, make_skeleton()))[1]
    assert kind == "unexpected"
    assert "an unexpected AssertionError" in reason


@pytest.mark.parametrize("error", [OSError(5, "disk"), ConfigError("no"), StoreError("no"), KeyboardInterrupt()])
def test_what_is_no_bug_of_one_file_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    monkeypatch.setattr(_Failing, "error", error)
    with pytest.raises(type(error)):
        Worker(_failing(), "energy").work([task for chunk in _tasks(tmp_path, 4) for task in chunk])


class _Dying(type(ntu60())):  # type: ignore[misc]
    def read(self, item: Item) -> Recording:
        os._exit(9)


def test_a_process_that_dies_is_a_sentence(tmp_path: Path) -> None:
    source = ntu60()
    dying = _Dying(**{name: getattr(source, name) for name in source.__dataclass_fields__})
    with (
        pytest.raises(StoreError, match=r"ended unexpectedly .* fewer than 2 workers"),
        running(Worker(dying, "energy"), _tasks(tmp_path, 4), 2) as results,
    ):
        list(results)


def test_a_file_that_needs_more_memory_than_there_is_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_Failing, "error", MemoryError())
    chunk = Worker(_failing(), "energy").work([task for part in _tasks(tmp_path, 4) for task in part])
    assert len(chunk.rows) == 3
    (rejected,) = chunk.rejected
    assert rejected.kind == "damaged" and "memory" in rejected.reason


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_confidence_that_is_not_finite_is_damage_whatever_the_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: float
) -> None:
    def select(recording: Recording, max_bodies: int) -> tuple[np.ndarray, np.ndarray]:
        return np.ones((1, 2, 25, 3), np.float32), np.full((1, 2, 25), value, np.float32)

    monkeypatch.setattr("dualhead.data.prepare.worker.get_selection", lambda name: select)
    ((kind, reason, _),) = _work(_task(tmp_path, make_skeleton()))[1]
    assert kind == "damaged" and "confidence" in reason


def test_a_field_of_more_than_64_bits_is_damage(tmp_path: Path) -> None:
    (task,) = _tasks(tmp_path, 1)[0]
    sample = replace(task.item.sample, fields={**task.item.sample.fields, "width": 10**30})
    chunk = Worker(ntu60(), "energy").work([replace(task, item=replace(task.item, sample=sample))])
    assert not chunk.rows and "width" in chunk.rejected[0].reason
