from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dualhead.data.bodies.selection import SELECTIONS
from dualhead.data.prepare import worker as prepare_worker
from dualhead.data.prepare.prepare import prepare
from dualhead.data.prepare.report import PrepareReport
from dualhead.data.store.store import open_store
from dualhead.data.store.verify import verify
from dualhead.data.store.writer import Chunk
from dualhead.formats.ntu.parse import parse_skeleton
from dualhead.formats.ntu.sources import NtuSource
from dualhead.formats.recording import Recording
from dualhead.formats.source import Sample
from dualhead.reading.sources import get_source, list_sources
from dualhead.runtime.errors import ConfigError, FormatError, StoreError
from tests.formats.kinetics.test_parse import write_tree
from tests.formats.making import make_ntu_tree, make_skeleton, make_ucla_json, make_zip

FIRST = "S001C001P001R001A001"


def _prepare(raw: Path, out: Path, **options: object) -> PrepareReport:
    return prepare("ntu60", raw, out, **{"workers": 1, "quiet": True, **options})  # type: ignore[arg-type]


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def _reasons(report: PrepareReport) -> dict[str, tuple[str, int | None]]:
    return {item.name: (item.reason, item.line) for item in report.rejected}


def test_the_help_names_every_source_and_body_selection() -> None:
    for name in [*list_sources(), *SELECTIONS]:
        assert f"`{name}`" in (prepare.__doc__ or "")


def test_folder_and_zip_give_the_same_content(tmp_path: Path) -> None:
    raw = make_ntu_tree(tmp_path / "raw" / "nturgb+d_skeletons", 10)
    files = {f"nturgb+d_skeletons/{path.name}": path.read_bytes() for path in raw.iterdir()}
    first = _prepare(tmp_path / "raw", tmp_path / "1")
    second = _prepare(make_zip(tmp_path / "raw.zip", files), tmp_path / "2")
    assert first.samples == 10
    assert first.fingerprint == second.fingerprint == open_store(tmp_path / "2").fingerprint
    assert _contents(tmp_path / "1")["joints.npy"] == _contents(tmp_path / "2")["joints.npy"]


def test_the_number_of_processes_does_not_matter(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    raw = make_ntu_tree(tmp_path / "raw", 200)
    _prepare(raw, tmp_path / "1")
    _prepare(raw, tmp_path / "2", workers=3, quiet=False)
    assert _contents(tmp_path / "1") == _contents(tmp_path / "2")
    assert capfd.readouterr() == ("", "")  # short work shows nothing but on a terminal


# Every fsync of a preparation of 200 files in 4 chunks: the plan, 2 for each chunk, and 3 at the end.
@pytest.mark.parametrize("moment", [1, 2, 3, 6, 9, 10, 11, 12])
def test_killed_at_any_moment_and_run_again_gives_the_same_bytes(tmp_path: Path, moment: int) -> None:
    raw = make_ntu_tree(tmp_path / "raw", 200)
    (raw / f"{FIRST}.skeleton").write_bytes(b"cut")
    script = (
        "import os, signal, sys\n"
        "from dualhead.data.prepare.prepare import prepare\n"
        "left, real = int(sys.argv[3]), os.fsync\n"
        "def fsync(handle):\n"
        "    global left\n"
        "    left -= 1\n"
        "    real(handle) if left else os.kill(os.getpid(), signal.SIGKILL)\n"
        "os.fsync = fsync\n"
        "prepare('ntu60', sys.argv[1], sys.argv[2], workers=2, quiet=True)\n"
    )
    run = subprocess.run([sys.executable, "-c", script, raw, tmp_path / "out", str(moment)], check=False)
    assert run.returncode == -signal.SIGKILL
    assert not (tmp_path / "out").exists()
    again = _prepare(raw, tmp_path / "out")
    assert again.samples == 199
    assert _reasons(again)[FIRST][0].startswith("the frame count is 'cut'")
    _prepare(raw, tmp_path / "whole")
    assert _contents(tmp_path / "out") == _contents(tmp_path / "whole")
    assert not (tmp_path / "out.partial").exists()


def test_interrupted_work_is_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = make_ntu_tree(tmp_path / "raw", 200)
    real = prepare_worker.Worker.work
    calls: list[str] = []

    def work(self: prepare_worker.Worker, tasks: list[prepare_worker.Task]) -> prepare_worker.Chunk:
        calls.append(tasks[0].item.sample.name)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(self, tasks)

    monkeypatch.setattr(prepare_worker.Worker, "work", work)
    with pytest.raises(KeyboardInterrupt):
        _prepare(raw, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    _prepare(raw, tmp_path / "out")
    assert len(calls) == 5  # two chunks done, one interrupted, and that one and the last
    assert calls[2] == calls[3]
    log = (tmp_path / "out.log").read_text()
    assert "stopped: KeyboardInterrupt" in log
    assert "going on after 128 of 200 files" in log
    assert logging.getLogger("dualhead.data.prepare.prepare").handlers == []


def test_files_that_changed_meanwhile_start_it_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = make_ntu_tree(tmp_path / "raw", 70)
    with monkeypatch.context() as patch:
        patch.setattr("dualhead.data.prepare.prepare.StoreWriter.finish", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            _prepare(raw, tmp_path / "out")
    (raw / f"{FIRST}.skeleton").write_bytes(make_skeleton(frames=7, seed=99))
    _prepare(raw, tmp_path / "out")
    assert open_store(tmp_path / "out")[0].num_frames == 7
    assert "started again" in (tmp_path / "out.log").read_text()


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _mend(path: Path, data: bytes) -> None:
    """Put a file of the same size and date in the place of another, as unpacking and downloading again do."""
    state = path.stat()
    path.unlink()
    path.write_bytes(data)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert path.stat().st_size == state.st_size


def test_a_file_that_was_mended_after_an_interruption_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = make_ntu_tree(tmp_path / "raw", 70)
    whole = (raw / f"{FIRST}.skeleton").read_bytes()
    (raw / f"{FIRST}.skeleton").write_bytes(b"x" + whole[1:])
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("dualhead.data.prepare.prepare.StoreWriter.finish", _interrupt)
        _prepare(raw, tmp_path / "out")
    _mend(raw / f"{FIRST}.skeleton", whole)
    assert (_prepare(raw, tmp_path / "out").samples, _prepare(raw, tmp_path / "out").changed) == (70, ())
    assert "started again" in (tmp_path / "out.log").read_text()


def test_files_that_were_mended_after_a_store_was_made_are_told(tmp_path: Path) -> None:
    raw, name = tmp_path / "raw", f"{FIRST}.skeleton"
    whole = make_skeleton(frames=2)
    make_ntu_tree(raw, 2)
    archive = make_zip(tmp_path / "a.zip", {name.replace("P001", "P009"): whole}, zipfile.ZIP_STORED)
    good = archive.read_bytes()
    archive.write_bytes(good.replace(whole, whole[:-10] + b"9" + whole[-9:]))
    first = prepare("ntu60", [raw, archive], tmp_path / "out", workers=1, quiet=True)
    assert (first.samples, first.changed) == (2, ())
    before = _contents(tmp_path / "out")
    again = prepare("ntu60", [raw, archive], tmp_path / "out", workers=1, quiet=True)
    assert (again.reused, again.changed) == (True, ())
    _mend(archive, good)
    _mend(raw / name, (raw / name).read_bytes())
    told = prepare("ntu60", [raw, archive], tmp_path / "out", workers=1, quiet=True)
    assert told.changed == (f"raw/{name}", f"a.zip/{name.replace('P001', 'P009')}")
    assert f"changed: 2 since this store was made, the first is raw/{name}" in str(told)
    assert _contents(tmp_path / "out") == before
    shutil.rmtree(tmp_path / "out")
    assert prepare("ntu60", [raw, archive], tmp_path / "out", workers=1, quiet=True).samples == 3


def test_what_changed_while_it_was_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw, real = make_ntu_tree(tmp_path / "raw", 3), prepare_worker.Worker.work

    def work(self: prepare_worker.Worker, tasks: list[prepare_worker.Task]) -> Chunk:
        chunk = real(self, tasks)
        _mend(raw / f"{FIRST}.skeleton", (raw / f"{FIRST}.skeleton").read_bytes())
        return chunk

    monkeypatch.setattr(prepare_worker.Worker, "work", work)
    _prepare(raw, tmp_path / "out")
    assert _prepare(raw, tmp_path / "out").changed == (f"raw/{FIRST}.skeleton",)


def _make_custom(raw: Path) -> None:
    raw.mkdir()
    (raw / "dataset.yaml").write_text("{skeleton: ntu25, protocols: {xsub: {field: subject, train: [1]}}}")
    (raw / "table.csv").write_text("name,label,subject\na,wave,1\nb,clap,2\n")
    for name in "ab":
        np.save(raw / f"{name}.npy", np.ones((3, 25, 3), np.float32))


def _make_ucla(raw: Path) -> None:
    raw.mkdir()
    for view in (1, 2, 3):
        (raw / f"a01_s01_e00_v{view:02d}.json").write_bytes(make_ucla_json())


@pytest.mark.parametrize(
    ("dataset", "make"),
    [
        ("ucla", _make_ucla),
        ("custom", _make_custom),
        ("kinetics", write_tree),
        ("ntu60", lambda raw: make_ntu_tree(raw, 3)),
    ],
)
def test_a_store_among_its_recordings_is_none_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dataset: str, make: Callable[[Path], object]
) -> None:
    raw = tmp_path / "raw"
    make(raw)
    whole = prepare(dataset, raw, tmp_path / "whole", workers=1, quiet=True)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("dualhead.data.prepare.prepare.StoreWriter.finish", _interrupt)
        prepare(dataset, raw, raw / "store", workers=1, quiet=True)
    assert (raw / "store.partial" / "plan.json").exists()
    inside = prepare(dataset, raw, raw / "store", workers=1, quiet=True)
    assert "started again" not in (raw / "store.log").read_text()
    assert inside.rejected == whole.rejected
    assert _contents(raw / "store") == _contents(tmp_path / "whole")
    assert prepare(dataset, raw, raw / "store", workers=1, quiet=True).reused


def test_the_same_again_is_left_as_it_is_and_another_is_refused(tmp_path: Path) -> None:
    raw, out = make_ntu_tree(tmp_path / "raw", 5), tmp_path / "out"
    first = _prepare(raw, out)
    before = {path: path.stat().st_mtime_ns for path in out.iterdir()}
    again = _prepare(raw, out)
    assert again.reused
    assert not first.reused
    assert (again.samples, again.frames, again.fingerprint) == (first.samples, first.frames, first.fingerprint)
    (raw / f"{FIRST}.skeleton").unlink()
    with pytest.raises(StoreError, match=r"5 samples.*ntu60"):
        _prepare(raw, out)
    assert {path: path.stat().st_mtime_ns for path in out.iterdir()} == before


def test_what_a_kill_before_the_tidying_left_is_removed_by_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = make_ntu_tree(tmp_path / "raw", 5)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("dualhead.data.prepare.prepare.StoreWriter.discard", _interrupt)
        _prepare(raw, tmp_path / "out")
    assert (tmp_path / "out.partial" / "journal.jsonl").exists()
    assert _prepare(raw, tmp_path / "out").reused
    assert not (tmp_path / "out.partial").exists()


def test_an_error_of_the_disk_names_what_was_asked_for(tmp_path: Path) -> None:
    raw = make_ntu_tree(tmp_path / "raw", 2)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(StoreError, match=rf"^cannot write {tmp_path}/file/out: Not a directory"):
        _prepare(raw, tmp_path / "file" / "out")


def test_a_folder_of_other_things_is_not_touched(tmp_path: Path) -> None:
    raw, out = make_ntu_tree(tmp_path / "raw", 2), tmp_path / "out"
    out.mkdir()
    (out / "thesis.tex").write_text("mine")
    with pytest.raises(StoreError, match="already exists and is not a store"):
        _prepare(raw, out)
    (out / "thesis.tex").unlink()
    assert _prepare(raw, out).samples == 2


def test_damaged_files_are_listed_and_the_rest_goes_on(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    whole = make_skeleton(frames=2)
    make_zip(
        raw / "a.zip",
        {
            "S001C001P001R001A001.skeleton": whole,
            "S001C001P001R001A002.skeleton": whole[: len(whole) // 2],
            "S001C001P001R001A003.skeleton": b"1\n0\n",
            "../S001C001P001R001A004.skeleton": whole,
            "S001C001P001R001A006.skeleton": whole.replace(b"\n", b"\r\n"),
            "S001C001P001R001A007.skeleton": b"",
            "copy/S001C001P001R001A001.skeleton": b"second",
        },
    )
    stored = make_zip(raw / "b.zip", {"S001C001P001R001A005.skeleton": whole}, zipfile.ZIP_STORED)
    stored.write_bytes(stored.read_bytes().replace(whole, whole[:-10] + b"9" + whole[-9:]))
    (raw / "mine.skeleton").write_bytes(whole)
    report = _prepare(raw, tmp_path / "out")
    assert open_store(tmp_path / "out").names.tolist() == [FIRST, "S001C001P001R001A006"]
    reasons = {name[-4:]: reason for name, (reason, _) in _reasons(report).items()}
    for name, reason in {
        "mine": "is not a sample name",
        "A002": "truncated",
        "A003": "no body",
        "A004": "leads out of the archive",
        "A005": "CRC-32",
        "A007": "empty",
    }.items():
        assert reason in reasons.pop(name)
    assert reasons == {}
    assert [duplicate.dropped for duplicate in report.duplicates] == ["raw/a.zip/copy/S001C001P001R001A001.skeleton"]
    assert _prepare(raw, tmp_path / "out").duplicates == report.duplicates


def test_reasons_are_in_the_report_the_store_and_the_log(tmp_path: Path) -> None:
    raw = make_ntu_tree(tmp_path / "raw", 3)
    (raw / f"{FIRST}.skeleton").write_bytes(b"1\n1\nnonsense\n")
    report = _prepare(raw, tmp_path / "out")
    (rejected,) = report.rejected
    assert (rejected.name, rejected.kind, rejected.line) == (FIRST, "damaged", 3)
    (stored,) = open_store(tmp_path / "out").meta["rejected"]
    assert stored["reason"] == rejected.reason
    assert stored["line"] == 3
    assert open_store(tmp_path / "out").meta["counts"]["rejected"] == {"damaged": 1}
    assert str(rejected) in (tmp_path / "out.log").read_text()


def test_strict_stops_at_damage_but_not_at_an_empty_recording(tmp_path: Path) -> None:
    raw = make_ntu_tree(tmp_path / "raw", 3)
    (raw / f"{FIRST}.skeleton").write_bytes(b"1\n0\n")
    assert _prepare(raw, tmp_path / "1", strict=True).samples == 2
    (raw / f"{FIRST}.skeleton").write_bytes(b"1\nx\n")
    with pytest.raises(FormatError, match=rf"{FIRST}.skeleton, line 2: .*--strict stops here"):
        _prepare(raw, tmp_path / "2", strict=True)
    assert not (tmp_path / "2").exists()


@pytest.mark.parametrize("workers", [1, 2])
def test_a_bug_is_listed_with_its_traceback_and_the_rest_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    raw = make_ntu_tree(tmp_path / "raw", 130)
    real = NtuSource.parse

    def parse(self: NtuSource, data: bytes, where: str | Path, sample: Sample | None = None) -> Recording:
        if sample is not None and sample.name == FIRST:
            raise IndexError("list index out of range")
        return real(self, data, where, sample)

    monkeypatch.setattr(NtuSource, "parse", parse)
    report = _prepare(raw, tmp_path / "out", workers=workers)
    assert report.samples == 129
    assert "rejected (unexpected): 1" in str(report)
    store = open_store(tmp_path / "out")
    assert store.meta["counts"]["rejected"] == {"unexpected": 1}
    (stored,) = store.meta["rejected"]
    assert "an unexpected IndexError (list index out of range)" in stored["reason"]
    assert "report it" in stored["reason"]
    log = (tmp_path / "out.log").read_text()
    assert f"unexpected in raw/{FIRST}.skeleton\nTraceback (most recent call last):" in log
    assert "\nIndexError: list index out of range\n" in log
    assert "Traceback" not in json.dumps(store.meta)
    with pytest.raises(FormatError, match=rf"{FIRST}.skeleton: an unexpected IndexError .*--strict stops here"):
        _prepare(raw, tmp_path / "strict", workers=workers, strict=True)
    assert "\nIndexError: list index" in (tmp_path / "strict.log").read_text()


def test_strict_sees_damage_that_an_earlier_run_only_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = make_ntu_tree(tmp_path / "raw", 3)
    (raw / f"{FIRST}.skeleton").write_bytes(b"1\nx\n")
    with monkeypatch.context() as patch:
        patch.setattr("dualhead.data.prepare.prepare.StoreWriter.finish", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            _prepare(raw, tmp_path / "out")
    with pytest.raises(FormatError, match="--strict stops here"):
        _prepare(raw, tmp_path / "out", strict=True)


def test_nothing_usable_is_a_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / f"{FIRST}.skeleton").write_bytes(b"1\n0\n")
    with pytest.raises(StoreError, match=r"1 files.*1 frames"):
        _prepare(tmp_path / "raw", tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.log", "raw"]


def test_a_raw_folder_that_goes_away_does_not_empty_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = make_ntu_tree(tmp_path / "raw", 130)
    real = prepare_worker.Worker.work

    def work(self: prepare_worker.Worker, tasks: list[prepare_worker.Task]) -> prepare_worker.Chunk:
        if tasks[0].item.sample.name != FIRST:
            shutil.move(raw, tmp_path / "away")
        return real(self, tasks)

    with monkeypatch.context() as patch:
        patch.setattr(prepare_worker.Worker, "work", work)
        with pytest.raises(StoreError, match="no longer available"):
            _prepare(raw, tmp_path / "out")
    shutil.move(tmp_path / "away", raw)
    assert _prepare(raw, tmp_path / "out").samples == 130


@pytest.mark.skipif(sys.platform == "win32", reason="no limits on file sizes")
def test_a_full_disk_is_a_sentence_and_then_it_goes_on(tmp_path: Path) -> None:
    raw = make_ntu_tree(tmp_path / "raw", 200)
    script = (
        "import resource, sys\n"
        "from dualhead.data.prepare.prepare import prepare\n"
        "from dualhead.runtime.errors import StoreError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "try: prepare('ntu60', sys.argv[1], sys.argv[2], workers=1, quiet=True)\n"
        "except StoreError as error: print(error)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", script, raw, tmp_path / "out"], capture_output=True, text=True, check=True
    )
    assert "cannot write" in run.stdout
    assert "File too large; what is done so far is kept" in run.stdout
    assert run.stderr == ""
    assert (tmp_path / "out.partial" / "journal.jsonl").read_bytes().count(b"\n") >= 1
    _prepare(raw, tmp_path / "out")
    _prepare(raw, tmp_path / "whole")
    assert _contents(tmp_path / "out") == _contents(tmp_path / "whole")


def test_arguments_that_cannot_be_used_are_refused_before_any_work(tmp_path: Path) -> None:
    raw = make_ntu_tree(tmp_path / "raw", 1)
    with pytest.raises(ConfigError, match="unknown source 'ntu'"):
        prepare("ntu", raw, tmp_path / "out")
    with pytest.raises(ConfigError, match="unknown body selection"):
        _prepare(raw, tmp_path / "out", body_selection="x")
    with pytest.raises(ConfigError, match="workers is 0"):
        _prepare(raw, tmp_path / "out", workers=0)
    with pytest.raises(FormatError, match="no such file or folder"):
        _prepare(tmp_path / "nothing", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["raw"]


def test_a_missing_list_leaves_samples_out(tmp_path: Path) -> None:
    raw = make_ntu_tree(tmp_path / "raw", 3)
    (tmp_path / "list.txt").write_text(f"{FIRST}\n")
    report = _prepare(raw, tmp_path / "out", missing_list=tmp_path / "list.txt")
    assert _reasons(report) == {FIRST: ("on the missing list list.txt", None)}
    assert report.samples == 2


def test_huge_ids_exponents_and_long_recordings_go_through(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    data = make_skeleton(frames=400).replace(b"72057594037900001", b"9" * 60)
    (raw / f"{FIRST}.skeleton").write_bytes(data)
    tiny = parse_skeleton(data).joints.astype(np.float32)
    _prepare(raw, tmp_path / "out")
    assert np.array_equal(open_store(tmp_path / "out")[0].joints[0], tiny)


def test_ucla_is_prepared(tmp_path: Path) -> None:
    files = {f"all_sqe/a01_s01_e00_v{view:02d}.json": make_ucla_json(frames=view) for view in (1, 2, 3)}
    prepare("ucla", make_zip(tmp_path / "all_sqe.zip", files), tmp_path / "out", quiet=True)
    store = open_store(tmp_path / "out")
    train, test = store.split("xview")
    assert (train.tolist(), test.tolist()) == ([0, 1], [2])
    assert store.frames.tolist() == [1, 2, 3]
    assert store.classes[0] == "pick up with one hand"


def test_the_reference_recordings(shared: Path, tmp_path: Path) -> None:
    raw = shared / "ntu-mini" / "raw"
    small = prepare("ntu60", raw, tmp_path / "60", quiet=True)
    assert (small.samples, small.skipped) == (14, 3)
    large = prepare("ntu120", raw, tmp_path / "120", quiet=True)
    with np.load(shared / "ntu-mini" / "reference.npz") as reference:
        assert open_store(tmp_path / "120").names.tolist() == reference["names"].tolist()
    for report in (small, large):
        (rejected,) = report.rejected
        assert rejected.name == "S017C002P017R002A017"
        assert "no body in any of its 12 frames" in rejected.reason
    store = open_store(tmp_path / "120")
    assert json.dumps(store.meta["rejected"]).count("missing list") == 1
    assert store.frames.max() == 300
    assert store.bodies.tolist() == [1, 1, 1, 1, 2, 2, 2, 2, 1, 1, 2, 1, 1, 1, 1, 2, 2]
    assert {name: [len(split) for split in store.split(name)] for name in store.protocols} == {
        "xset": [8, 9],
        "xsub": [10, 7],
    }


def test_the_real_ucla_set(shared: Path, tmp_path: Path) -> None:
    prepare("ucla", shared / "nw-ucla" / "all_sqe.zip", tmp_path / "out", quiet=True)
    store = open_store(tmp_path / "out")
    assert [len(split) for split in store.split("xview")] == [1020, 464]
    assert len(store) == 1484
    assert (store.frames.min(), store.frames.max()) == (1, 201)
    assert np.bincount(store.labels).tolist() == [150, 152, 141, 173, 148, 149, 142, 142, 145, 142]


def test_a_skeleton_is_for_data_that_do_not_say_theirs(tmp_path: Path) -> None:
    x_train, x_test = np.ones((70, 5, 60), np.float32), np.ones((2, 5, 60), np.float32)
    np.savez(tmp_path / "a.npz", x_train=x_train, y_train=np.eye(3)[[1] * 70], x_test=x_test, y_test=np.eye(3)[[2, 0]])
    with pytest.raises(FormatError, match="is it of another skeleton"):
        prepare("ctrgcn", tmp_path / "a.npz", tmp_path / "out", workers=1, quiet=True)
    prepare("ctrgcn", tmp_path / "a.npz", tmp_path / "out", skeleton="kinect20", workers=2, quiet=True)
    store = open_store(tmp_path / "out")
    assert (store.skeleton.name, store.classes, len(store)) == ("kinect20", ("class 0", "class 1", "class 2"), 72)
    assert [len(split) for split in store.split("official")] == [70, 2]
    assert store.meta["body_selection"] == "order" and len(store.meta["notes"]) == 2
    again = prepare("ctrgcn", tmp_path / "a.npz", tmp_path / "out", skeleton="kinect20", workers=1, quiet=True)
    assert again.reused
    with pytest.raises(ConfigError, match=r"'ntu60'.*'ntu25'"):
        _prepare(tmp_path, tmp_path / "other", skeleton="kinect20")


def test_kinetics_keeps_clips_without_anybody(tmp_path: Path) -> None:
    report = prepare("kinetics", write_tree(tmp_path / "raw"), tmp_path / "out", workers=1, quiet=True)
    store = open_store(tmp_path / "out")
    assert (store.names.tolist(), store.bodies.tolist(), store.frames.tolist()) == (list("abcd"), [1, 0, 1, 1], [2] * 4)
    assert store[1].joints.shape == (0, 2, 18, 2)
    assert [(item.name, item.kind) for item in report.rejected] == [("e", "missing")]
    assert store.classes[:3] == ("action 0", "action 1", "action 2")
    assert store.meta["body_selection"] == "score"


def test_the_body_selection_is_recorded_and_another_one_is_another_store(tmp_path: Path) -> None:
    raw = make_ntu_tree(tmp_path / "raw", 5)
    _prepare(raw, tmp_path / "out", body_selection="tracked")
    assert open_store(tmp_path / "out").meta["body_selection"] == "tracked"
    assert _prepare(raw, tmp_path / "out", body_selection="tracked").reused
    with pytest.raises(StoreError, match=r"samples of ntu60 \(body selection tracked\) from other files or options"):
        _prepare(raw, tmp_path / "out")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("workers", [1, 2])
def test_an_array_with_a_wrong_checksum_gives_no_store(tmp_path: Path, save: Any, workers: int) -> None:
    rng = np.random.default_rng(0)
    labels = np.eye(60)[rng.integers(60, size=100)]
    rows = {f"x_{split}": rng.normal(size=(100, 8, 150)).astype(np.float32) for split in ("train", "test")}
    save(tmp_path / "a.npz", **rows, y_train=labels, y_test=labels)
    with zipfile.ZipFile(tmp_path / "a.npz") as archive:
        info = archive.getinfo("x_train.npy")
    data = bytearray((tmp_path / "a.npz").read_bytes())
    data[info.header_offset + info.compress_size // 2] ^= 16
    (tmp_path / "a.npz").write_bytes(data)
    with pytest.raises(FormatError, match=r"a\.npz.*x_train"):
        prepare("ctrgcn", tmp_path / "a.npz", tmp_path / "out", workers=workers, quiet=True)
    assert not (tmp_path / "out").exists()


def test_the_folder_that_one_is_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = make_ntu_tree(tmp_path / "raw", 2)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    prepare("ntu60", raw, ".", workers=1, quiet=True)
    assert len(open_store(".")) == 2
    assert prepare("ntu60", raw, ".", workers=1, quiet=True).reused


def test_text_that_is_no_text_does_not_lose_a_preparation_at_its_end(tmp_path: Path) -> None:
    raw = write_tree(tmp_path / "raw")
    file = next(raw.glob("*train_label.json"))
    file.write_text(file.read_text().replace("action 1", "wave \\ud800"))
    val = next(raw.glob("*val_label.json"))
    report = prepare("kinetics", raw, tmp_path / "out", workers=1, quiet=True)
    assert report.samples and val.exists()
    store = open_store(tmp_path / "out")
    assert store.classes[1] == "wave \ud800"
    verify(store)
    assert prepare("kinetics", raw, tmp_path / "out", workers=1, quiet=True).reused


@contextmanager
def _killing_one(flag: Path, original: Any, worker: Any, *rest: Any) -> Iterator[Any]:
    with original(_Killed(worker.source, worker.body_selection, flag), *rest) as results:
        yield results


@dataclass(frozen=True)
class _Killed(prepare_worker.Worker):
    """The first process that comes to another chunk than the first is killed."""

    flag: Path

    def work(self, tasks: Sequence[prepare_worker.Task]) -> Chunk:
        if tasks[0].item.sample.name != FIRST and not self.flag.exists():
            self.flag.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().work(tasks)


def test_a_cluster_makes_the_same_store_byte_for_byte(
    cluster: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From files and from the members of an archive; a file is damaged, a worker is killed."""
    raw = make_ntu_tree(tmp_path / "raw" / "nturgb+d_skeletons", 12)
    (raw / f"{FIRST}.skeleton").write_text("broken")
    files = {f"nturgb+d_skeletons/{path.name}": path.read_bytes() for path in raw.iterdir()}
    archive = make_zip(tmp_path / "raw.zip", files)
    source = get_source("ntu60")
    monkeypatch.setattr("dualhead.data.prepare.prepare.get_source", lambda name: replace(source, chunk=2))
    for number, path in enumerate((tmp_path / "raw", archive)):
        flag = tmp_path / f"killed{number}"
        local = _prepare(path, tmp_path / f"local{number}")
        with monkeypatch.context() as patch:
            patch.setattr("dualhead.data.prepare.prepare.running", partial(_killing_one, flag, prepare_worker.running))
            report = _prepare(path, tmp_path / f"cluster{number}", workers=2, cluster="local")
        assert flag.exists()
        assert _contents(tmp_path / f"cluster{number}") == _contents(tmp_path / f"local{number}")
        assert (report.samples, len(report.rejected)) == (local.samples, 1) == (11, 1)
