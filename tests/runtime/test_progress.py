from __future__ import annotations

import io

import pytest
from rich.console import Console

from dualhead.runtime import progress
from dualhead.runtime.progress import show_progress, track


def test_a_terminal_shows_what_is_done_of_how_much_and_a_note() -> None:
    file = io.StringIO()
    with show_progress(console=Console(file=file, force_terminal=True, width=100)) as new_bar:
        bar = new_bar("counting [b]", 3)
        bar.update(2, note="2 odd")
        bar.advance()
        assert bar.visible
    assert "counting [b]" in file.getvalue() and "3/3" in file.getvalue() and "2 odd" in file.getvalue()


def test_elsewhere_a_line_is_written_from_time_to_time(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with show_progress() as new_bar:
        new_bar("counting", 3).update(1)
    assert capsys.readouterr().err == ""  # short work
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
    with show_progress() as new_bar:
        bar = new_bar("counting", 3)
        bar.update(1, note="x\x1b[2J")
        bar.advance()
        assert not bar.visible
    assert capsys.readouterr().err == "dualhead: counting: 1 of 3 (x<1b>[2J)\ndualhead: counting: 2 of 3 (x<1b>[2J)\n"


def test_nothing_is_shown_when_quiet(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
    with show_progress(quiet=True) as new_bar:
        new_bar("counting", 3).advance()
    assert capsys.readouterr().err == ""


def test_items_are_counted_as_they_are_taken(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
    assert list(track("ab", "spelling", 2)) == ["a", "b"]
    assert capsys.readouterr().err == "dualhead: spelling: 1 of 2\ndualhead: spelling: 2 of 2\n"
