"""The table of models."""

from __future__ import annotations

import pytest

from dualhead.cli import main
from dualhead.models.registry import list_models


def test_every_model_has_its_row_in_80_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["models"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines if line.startswith("│ ")]
    assert [row[0] for row in rows] == list_models()
    assert ["dualhead", "fine, coarse", "3,015,253", "300", "18.94"] in rows
    assert "…" not in "".join(lines)
    names = [line for line in lines if line in list_models()]
    assert names == list_models()
    about = lines[lines.index("dualhead") + 1 : lines.index("dualhead_small")]
    assert "  NTU RGB+D 60 xsub, 4 streams: 92.0 %" in about
    assert "  arguments: width 96, depth 3, num_gcn_scales 9, num_g3d_scales 6, dropout 0.0" in about
