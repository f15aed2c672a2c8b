from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from benchmarks import score_files
from dualhead.evaluation.scores import Scores


def test_the_files_of_both_sides_are_of_the_same_streams(tmp_path: Path) -> None:
    test, validation = score_files.make_scores(tmp_path, 2, 30, 4)
    one, two = Scores.load(test[1]), Scores.load(validation[1])
    assert (one.logits.shape, one.provenance["stream"]) == ((30, 2, 4), two.provenance["stream"])
    assert not set(one.names) & set(two.names) and {path.name for path in test} == {"test-0.npz", "test-1.npz"}


def test_both_commands_are_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "figures.json"
    words = ["score_files", "--files", "2", "--samples", "40", "--classes", "5", "--out", str(out)]
    monkeypatch.setattr(sys, "argv", words)
    score_files.main()
    figures = json.loads(out.read_text())
    assert figures["command"] == "python -m benchmarks.score_files --files 2 --samples 40 --classes 5"
    assert set(figures["fuse"]) == set(figures["report"]) == {"now"} and figures["page_mb"] > 0
    assert all(value > 0 for value in figures["report"]["now"].values())
