from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dualhead.inspection.store_inspection import inspect_store
from dualhead.runtime.errors import StoreError
from tests.data.small_store import make_store


def test_counts_add_up(tmp_path: Path) -> None:
    """3 actions by 5 subjects in 3 views; views 1 and 2 train."""
    store = make_store(tmp_path)
    seen: list[tuple[int, int]] = []
    inspection = inspect_store(store, on_progress=lambda done, total: seen.append((done, total)))
    assert inspection.classes[:4].tolist() == [15, 15, 15, 0]
    assert (len(inspection.classes), inspection.unlabelled) == (10, 0)
    assert inspection.splits["xview"][:, :4].tolist() == [[10, 10, 10, 0], [5, 5, 5, 0]]
    values, counts = inspection.values["subject"]
    assert (values.tolist(), counts.tolist()) == ([1, 2, 3, 4, 5], [9] * 5)
    assert len(inspection.figures) == 45
    assert inspection.num_suspects == 45  # of 4 to 9 frames, all are short
    assert seen[-1] == (45, 45)
    assert len(inspect_store(tmp_path / "store", most_suspects=3).suspects) == 3


def test_what_is_no_store_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="contains no store"):
        inspect_store(tmp_path)


def test_bodies_that_are_not_metres_are_named(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    inspection = inspect_store(store)
    assert inspection.unit_doubt == ""
    large = replace(inspection, figures=replace(inspection.figures, extent=inspection.figures.extent * 400))
    assert "--unit mm" in large.unit_doubt
