from __future__ import annotations

from benchmarks.performance import ROOT, page


def test_the_page_says_what_the_results_say() -> None:
    assert (ROOT / "docs" / "performance.md").read_text() == page()
