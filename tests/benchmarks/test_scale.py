from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from benchmarks.scale import RESULTS, ROOT, extrapolate, make_zip, table


def test_a_line_is_followed_and_never_falls() -> None:
    assert extrapolate((100, 2.0), (200, 3.0), 400) == pytest.approx(5.0)
    assert extrapolate((100, 3.0), (200, 2.0), 400) == 2.0


def test_so_many_recordings_in_one_zip(tmp_path: Path) -> None:
    with zipfile.ZipFile(make_zip(tmp_path, 10)) as archive:
        assert len(set(archive.namelist())) == 10


def test_the_page_has_the_table_of_the_results() -> None:
    figures = json.loads(RESULTS.read_text(encoding="utf-8"))
    assert table(figures) in (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
