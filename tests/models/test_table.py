"""The table of models."""

from __future__ import annotations

import pytest

from dualhead.models.registry import list_models
from dualhead.models.table import print_models


def test_every_model_has_its_row(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    print_models()
    printed = capsys.readouterr().out
    rows = [line for line in printed.splitlines() if line.startswith("│ ") and line[2] != " "]
    assert [row.split()[1] for row in rows] == list_models()
    (row,) = (row for row in rows if row.split()[1] == "dualhead")
    for shown in ("fine, coarse", "3,015,253", "300", "18.94"):
        assert shown in row
    assert "NTU RGB+D 60 xsub, 4 streams: 92.0" in printed
