from __future__ import annotations

import pytest

from dualhead.formats.files.text_lines import MAX_LINES, check_lines
from dualhead.runtime.errors import FormatError


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\x0b", "\u2028", "\x85"])
def test_lines_are_counted_whatever_ends_them(end: str) -> None:
    check_lines((end * (MAX_LINES // len(end))).encode(), "a.csv")
    with pytest.raises(FormatError, match=f"more than the {MAX_LINES}") as caught:
        check_lines((end * (MAX_LINES + 1)).encode(), "a.csv")
    assert caught.value.path == "a.csv"
