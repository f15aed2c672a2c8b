"""What the command line prints of the value that a command's function returned."""

from __future__ import annotations

from pathlib import Path

import pytest

from dualhead.cli import COMMANDS
from dualhead.cli_output import _SHOWN, show, show_error
from dualhead.conversion.published import KeyReport, PublishedKeysError
from tests.evaluation.builders import make_scores


def test_only_commands_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert _SHOWN.keys() <= COMMANDS.keys()
    show("train", "a result", {})  # reports while it works
    assert capsys.readouterr().out == ""


def test_one_of_several_processes_prints_the_scores(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = make_scores([[2.0, 0], [0, 1]], [0, 1])
    for printed in (False, True):
        monkeypatch.setattr("dualhead.training.processes.is_main", lambda main=printed: main)
        show("evaluate", scores, {"store": Path("store"), "split": "test", "out": None})
        assert ("top-1 %" in capsys.readouterr().out) is printed


def test_keys_that_are_not_understood_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    report = KeyReport(mapped={}, missing=("fc.bias",))
    show_error(PublishedKeysError("no", report), {"source": Path("a.pt")})
    assert "fc.bias" in capsys.readouterr().out
    show_error(ValueError("no"), {})
    assert capsys.readouterr().out == ""
