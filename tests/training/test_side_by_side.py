from __future__ import annotations

import multiprocessing
import os
import time
from pathlib import Path

import pytest

from dualhead.runtime.errors import StoreError, TrainingError
from dualhead.training import side_by_side
from dualhead.training.config import load_experiment
from dualhead.training.experiment import Experiment
from dualhead.training.side_by_side import train_side_by_side


@pytest.fixture
def experiment() -> Experiment:
    return load_experiment("synthetic_xsub/dualhead")


def write_a_log(experiment: Experiment, store: str, run: Path, stream: str) -> None:
    run.mkdir(parents=True, exist_ok=True)
    with (run / "run.log").open("a", encoding="utf-8") as log:
        log.write(f"2026-01-02 03:04:05,678 INFO epoch 1/1 of {stream}\n")
    (run / "parent").write_text(str(os.getppid()))


def write_a_log_and_wait(*arguments: object) -> None:
    write_a_log(*arguments)  # type: ignore[arg-type]
    time.sleep(60)


def die(*arguments: object) -> None:
    os._exit(9)


def test_runs_report_line_by_line_with_the_stream_in_front(
    tmp_path: Path, experiment: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(side_by_side, "_work", write_a_log)
    runs = {stream: tmp_path / stream for stream in ("joint", "bone", "joint_motion")}
    runs["bone"].mkdir()
    (runs["bone"] / "run.log").write_text("2026-01-01 00:00:00,000 INFO from an earlier call\n")
    lines: list[str] = []
    train_side_by_side(experiment, tmp_path, runs, say=lines.append)
    assert sorted(lines) == sorted(f"{stream}: epoch 1/1 of {stream}" for stream in runs)
    assert all((run / "parent").read_text() == str(os.getpid()) for run in runs.values())


def test_a_process_that_dies_is_reported(
    tmp_path: Path, experiment: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(side_by_side, "_work", die)
    with pytest.raises(TrainingError, match=r"the bone stream .* to resume"):
        train_side_by_side(experiment, tmp_path, {"bone": tmp_path / "bone"})


def test_an_interrupt_ends_all_processes(
    tmp_path: Path, experiment: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(side_by_side, "_work", write_a_log_and_wait)

    def interrupt(line: str) -> None:
        raise KeyboardInterrupt

    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        train_side_by_side(experiment, tmp_path, {name: tmp_path / name for name in ("joint", "bone")}, say=interrupt)
    assert time.monotonic() - started < 45
    assert multiprocessing.active_children() == []


def test_an_error_of_a_run_comes_back_as_it_was(tmp_path: Path, experiment: Experiment) -> None:
    with pytest.raises(StoreError, match="nowhere"):
        train_side_by_side(experiment, tmp_path / "nowhere", {"joint": tmp_path / "run"})
