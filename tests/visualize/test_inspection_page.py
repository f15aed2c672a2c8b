from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from dualhead.inspection.anomalies import Suspect
from dualhead.inspection.store_inspection import StoreInspection, inspect_store
from dualhead.visualize.inspection_page import write_inspection
from tests.data.small_store import make_store

_VOID = {"meta", "br", "path", "use", "image", "rect", "line"}


class _Nesting(HTMLParser):
    """Checks that every element that is opened is closed in turn."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID:
            assert self.open.pop() == tag


@pytest.fixture(scope="module")
def inspection(tmp_path_factory: pytest.TempPathFactory) -> StoreInspection:
    return inspect_store(make_store(tmp_path_factory.mktemp("page")))


def test_the_page_holds_everything_and_loads_nothing(inspection: StoreInspection, tmp_path: Path) -> None:
    path = write_inspection(tmp_path / "page.html", inspection)
    text = path.read_text(encoding="utf-8")
    nesting = _Nesting()
    nesting.feed(text)
    assert nesting.open == []
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//", text)
    for part in (
        "pick up with one hand",
        "xview train",
        "suspicious clips",
        "a01_s01_e00_v01",
        "15 more",
        "fingerprint",
    ):
        assert part in text
    assert text.count("<svg") == 1 + len(inspection.values) + 8
    ids = re.findall(r'<section id="(\w+)"', text)
    assert ids == ["suspects", "figures", "classes", "fields", "data"]


def test_names_are_text_and_no_suspects_say_so(inspection: StoreInspection, tmp_path: Path) -> None:
    values = {**vars(inspection), "suspects": (Suspect(0, "<script>x", 1.0, ("a < b",)),)}
    text = write_inspection(tmp_path / "page.html", StoreInspection(**values)).read_text(encoding="utf-8")
    assert "<script>" not in text
    assert "&lt;script&gt;x" in text
    values = {**vars(inspection), "suspects": (), "num_suspects": 0}
    text = write_inspection(tmp_path / "page.html", StoreInspection(**values)).read_text(encoding="utf-8")
    assert "<p>None.</p>" in text


def test_a_field_of_many_values_shows_those_with_most_clips(inspection: StoreInspection, tmp_path: Path) -> None:
    counts = np.ones(500, np.int64)
    counts[400] = 9
    values = {**vars(inspection), "values": {"subject": (np.arange(1000, 1500), counts)}}
    text = write_inspection(tmp_path / "page.html", StoreInspection(**values)).read_text(encoding="utf-8")
    assert "500 values, the 130 with most clips" in text
    assert ">1400<" in text
    assert ">1499<" not in text
