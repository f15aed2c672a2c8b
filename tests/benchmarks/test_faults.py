"""A slice of the faults: a few of each kind, from a fixed seed."""

from __future__ import annotations

import json
import os
import random
import shlex
import signal
from pathlib import Path

import pytest

from benchmarks import faults
from benchmarks.fault_scene import Ended, Scene
from benchmarks.faults import Tally, fail_disk, interrupt, kill

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes of POSIX")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return Scene(tmp_path_factory.mktemp("faults"))


@pytest.mark.parametrize("command", ["prepare", "train"])
def test_a_command_that_was_killed_ends_with_the_same_bytes(scene: Scene, command: str) -> None:
    tally = kill(scene, command, 2, random.Random(1))
    assert (tally.done, tally.failures) == (2, [])


def test_a_signal_ends_any_command_with_one_sentence(scene: Scene) -> None:
    tally = interrupt(scene, 4, random.Random(3))
    assert (tally.done, tally.failures) == (4, [])


def test_a_disk_that_fails_ends_any_command_with_one_sentence(scene: Scene) -> None:
    tally = fail_disk(scene, 6, random.Random(2))
    assert (tally.done, tally.failures) == (6, [])


SAID = "dualhead: interrupted: run the same command again and it starts over\n"


@pytest.mark.parametrize(
    ("ended", "wrong"),
    [
        (Ended(130, SAID, 1, 0.1, False, True), ""),
        (Ended(0, "", 1, 0.1, False, True), ""),
        (Ended(130, SAID, 20, 11.0, False, True), "took 11.0 s to end"),
        (Ended(130, SAID, 1, 0.1, True, True), "left a process behind"),
        (Ended(143, SAID, 1, 0.1, False, True), "exit 143"),
        (Ended(130, "", 1, 0.1, False, True), "said ''"),
        (Ended(130, SAID + "Traceback", 1, 0.1, False, True), "said"),
        (Ended(70, "bug", 1, 0.0, False, False), "exit 70: bug"),
    ],
)
def test_what_was_wrong_with_an_end_is_told(ended: Ended, wrong: str) -> None:
    assert faults._wrong_end(ended, signal.SIGINT).startswith(wrong) and bool(wrong) == bool(
        faults._wrong_end(ended, signal.SIGINT)
    )


def test_the_record_holds_every_kind_of_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "Scene", lambda folder: None)
    for name, done in (("kill", 3), ("interrupt", 2), ("fail_disk", 1)):
        monkeypatch.setattr(faults, name, lambda *_, done=done, **_kw: Tally(done=done, failures=["x"] * (done == 1)))
    words = ["--mutations", "0", "--seed", "7", "--out", str(tmp_path / "faults.json")]
    assert faults.main(words) == 1
    record = json.loads((tmp_path / "faults.json").read_text())
    assert [record[name]["done"] for name in ("kills_of_prepare", "kills_of_train", "signals", "disk_faults")] == [
        3, 3, 2, 1,
    ]  # fmt: skip
    assert record["disk_faults"]["failures"] == ["x"]
    assert record["signals"]["command"] == f"python -m benchmarks.faults {shlex.join(words)}"
