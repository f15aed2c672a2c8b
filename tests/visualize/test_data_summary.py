from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from dualhead.data.store.store import Store
from dualhead.visualize import data_summary
from dualhead.visualize.data_summary import summarise


def test_counts_sides_and_rejected_files(small_store: Store) -> None:
    summary = summarise(small_store)
    facts = dict(summary["facts"])
    assert facts["data set"] == "ntu60"
    assert facts["samples"] == "6 of 60 classes, skeleton ntu25"
    assert facts["frames"] == "5 to 7, median 6, 36 in all"
    assert facts["bodies"] == "6 samples of 1"
    assert facts["subjects"] == "2"
    assert facts["protocol xsub"] == "3 train, 3 test"
    assert facts["rejected"] == "1 files: 1 damaged"
    ((file, reason),) = summary["rejected"]
    assert file.endswith("S001C001P001R001A004.skeleton")
    assert reason.endswith("(line 3)")
    assert summary["hidden"] == 0


def test_many_rejected_files_are_cut_short_bugs_first_and_the_missing_list_last(
    small_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_summary, "MOST_REJECTED", 2)
    rejected: list[dict[str, Any]] = [{"path": f"a{row}", "reason": "listed", "kind": "missing"} for row in range(3)]
    rejected += [{"path": "b", "reason": "cut off", "kind": "damaged", "line": 7}]
    rejected += [{"path": "c", "reason": "a bug", "kind": "unexpected"}]
    fields = (
        "skeleton",
        "classes",
        "frames",
        "bodies",
        "fields",
        "protocols",
        "split",
        "fingerprint",
        "body_extent",
        "measures",
    )
    summary = summarise(
        _Stand(small_store, meta={"rejected": rejected}, **{name: getattr(small_store, name) for name in fields})  # type: ignore[arg-type]
    )
    assert summary["rejected"] == [("c", "a bug"), ("b", "cut off (line 7)")]
    assert summary["hidden"] == 3
    assert dict(summary["facts"])["rejected"] == "5 files: 3 missing, 1 unexpected, 1 damaged"


class _Stand(SimpleNamespace):
    """A store with other metadata."""

    def __init__(self, store: Store, **fields: Any) -> None:
        super().__init__(**fields)
        self._length = len(store)

    def __len__(self) -> int:
        return self._length
