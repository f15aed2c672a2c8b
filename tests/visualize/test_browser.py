from __future__ import annotations

from pathlib import Path

from .browser import open_page


def test_an_error_and_a_missing_file_are_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("<!doctype html><title>a</title><script>document.title = 'b'; nothing.there</script>")
    dom, lines = open_page(page)
    assert "<title>b</title>" in dom
    assert len(lines) == 1
    assert "nothing is not defined" in lines[0]
