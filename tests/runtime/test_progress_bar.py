from __future__ import annotations

import pytest

from dualhead.runtime.progress_bar import progress_bar


def test_count_and_remark_are_shown_on_stderr_unless_quiet(capfd: pytest.CaptureFixture[str]) -> None:
    with progress_bar("counting", 3, quiet=False) as show:
        show(3, "2 odd")
    shown = capfd.readouterr()
    assert "counting (2 odd)" in shown.err and "3/3" in shown.err
    assert not shown.out
    with progress_bar("counting", 3, quiet=True) as show:
        show(1)
    assert capfd.readouterr().err == ""
