from __future__ import annotations

import random
from pathlib import Path

import pytest

from benchmarks import fuzz
from benchmarks.fuzz import mutate, run_target
from benchmarks.fuzz_targets import Feed, Target, make_targets
from dualhead.errors import FormatError

TARGETS = {target.name: target for target in make_targets()}


@pytest.mark.parametrize("name", list(TARGETS))
def test_only_documented_errors_come_out_of_every_parser(name: str, tmp_path: Path) -> None:
    outcome = run_target(TARGETS[name], 300 if "skeleton" in name else 80, seed=1, keep=tmp_path, progress=False)
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


def test_the_same_seed_gives_the_same_inputs() -> None:
    def inputs(seed: int) -> list[bytes]:
        rng = random.Random(seed)
        return [mutate(b"1\n2 3\n", [b"x y z"], rng) for _ in range(200)]

    assert inputs(1) == inputs(1)
    assert inputs(1) != inputs(2)
    assert len(set(inputs(1))) > 100


def test_the_command_says_what_came_of_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert fuzz.main(["--inputs", "20", "--only", "skeleton", "--keep", str(tmp_path)]) == 0
    assert "skeleton" in capsys.readouterr().out
