from __future__ import annotations

from pathlib import Path

import pytest

from dualhead.reading.format_table import formats_table, unsupported_table
from dualhead.reading.registry import list_formats

PAGE = Path(__file__).parents[2] / "docs" / "formats.md"


@pytest.mark.parametrize("table", [formats_table(), unsupported_table()], ids=["read", "not read"])
def test_the_page_holds_the_table(table: str) -> None:
    assert table in PAGE.read_text(encoding="utf-8"), f"write this into {PAGE.name}:\n\n{table}"


def test_every_row_has_its_cells() -> None:
    for known in list_formats():
        assert not known.is_supported or known.row.count(" | ") == 3, known.name
