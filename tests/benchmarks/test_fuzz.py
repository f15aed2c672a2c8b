from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from benchmarks import fuzz
from benchmarks.fuzz import run_target
from benchmarks.fuzz_target import Feed, Target
from benchmarks.fuzz_targets import make_targets
from dualhead.runtime.errors import FormatError

TARGETS = {target.name: target for target in make_targets()}


@pytest.mark.parametrize("name", list(TARGETS))
def test_only_documented_errors_come_out_of_every_parser(name: str, tmp_path: Path) -> None:
    outcome = run_target(TARGETS[name], 300 if name == "skeleton" else 80, seed=1, keep=tmp_path, progress=False)
    assert outcome.broken == []
    assert outcome.accepted + outcome.refused.total() == outcome.inputs >= 80


def _picky(folder: Path) -> Feed:
    def feed(name: str, data: bytes) -> None:
        if not data.startswith(b"abc"):
            raise FormatError("no abc")
        if data != b"abc" * 10:
            raise KeyError("leak")

    return feed


def test_an_undocumented_error_is_kept_with_its_input(tmp_path: Path) -> None:
    target = Target("picky", [("x.txt", [b"abc" * 10])], _picky)
    outcome = run_target(target, 50, seed=0, keep=tmp_path / "keep", progress=False)
    assert outcome.refused["FormatError"] > 0
    assert outcome.broken
    path, reason = outcome.broken[0]
    assert reason == "KeyError: 'leak'"
    assert path.read_bytes().startswith(b"abc")
    assert "KeyError" in path.with_name(f"{path.name}.txt").read_text()


def test_an_endless_input_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(folder: Path) -> Feed:
        def feed(name: str, data: bytes) -> None:
            while True:
                pass

        return feed

    monkeypatch.setattr(fuzz, "SECONDS", 0.05)
    outcome = run_target(Target("hang", [("x", [b"x"])], hang), 2, seed=0, keep=tmp_path, progress=False)
    assert [reason.split(":")[0] for _, reason in outcome.broken] == ["TooSlowError"] * 2


def test_waiting_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzz, "SECONDS", 0.05)
    target = Target("wait", [("x", [b"x"])], lambda folder: lambda name, data: time.sleep(0.1))
    outcome = run_target(target, 2, seed=0, keep=tmp_path, progress=False)
    assert (outcome.accepted, outcome.broken) == (2, [])
    assert outcome.slowest < 0.05


def test_figures_are_kept_target_by_target(tmp_path: Path) -> None:
    out = tmp_path / "fuzz.json"
    words = ["--keep", str(tmp_path / "keep"), "--out", str(out)]
    assert fuzz.main(["--inputs", "30", "--only", "skeleton", *words]) == 0
    assert fuzz.main(["--inputs", "20", "--only", "skeleton-yaml", *words]) == 0
    targets = json.loads(out.read_text())["targets"]
    assert {name: figures["inputs"] for name, figures in targets.items()} == {"skeleton": 30, "skeleton-yaml": 20}
    for figures in targets.values():
        assert figures["read"] + sum(figures["refused"].values()) == figures["inputs"]
        assert figures["broken"] == 0
        assert {"slowest_s", "seconds", "command", "commit", "machine"} < figures.keys()
    assert targets["skeleton"]["command"] == "python -m benchmarks.fuzz --inputs 30 --seed 0 --only skeleton"


def test_the_command_says_what_came_of_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert fuzz.main(["--inputs", "20", "--only", "skeleton", "--keep", str(tmp_path)]) == 0
    assert "skeleton" in capsys.readouterr().out
