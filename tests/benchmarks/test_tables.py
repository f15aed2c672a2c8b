"""The table of results in the README."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.tables import (
    BEGIN,
    END,
    ROOT,
    ablation_table,
    confusions,
    full_table,
    load_results,
    main,
    results_table,
    with_table,
    written_pages,
)
from dualhead.runtime.errors import FormatError

RESULT: dict[str, Any] = {
    "dataset": "ucla", "protocol": "xview", "model": "dualhead", "stream": "joint_motion", "epochs": 20,
    "device": "cpu", "recipe": "ucla52", "command": "dualhead train", "commit": "abc", "machine": "2 cores",
    "last": {"epoch": 20, "test": {"mean": {"top1": 0.84913}}},
    "best": {"epoch": 17, "test": {"mean": {"top1": 0.86}}},
}  # fmt: skip


def test_one_row_a_file(tmp_path: Path) -> None:
    (tmp_path / "b.json").write_text(json.dumps(RESULT))
    (tmp_path / "a.json").write_text(json.dumps({**RESULT, "stream": "4 streams fused", "best": None}))
    rows = results_table(load_results(tmp_path)).splitlines()[2:]
    assert rows == [
        "| ucla | xview | dualhead | 4 streams fused | 20 | 84.91 | cpu | [a](results/a.json) |",
        "| ucla | xview | dualhead | joint motion | 20 | 84.91 | cpu | [b](results/b.json) |",
    ]


def test_a_result_that_does_not_say_where_it_comes_from_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps({key: value for key, value in RESULT.items() if key != "commit"}))
    with pytest.raises(FormatError, match="'commit'"):
        load_results(tmp_path)


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(FormatError, match="not JSON"):
        load_results(tmp_path)


def test_only_what_is_between_the_marks_changes() -> None:
    assert with_table(f"a\n{BEGIN}old\n{END}b\n", "new\n") == f"a\n{BEGIN}new\n{END}b\n"
    with pytest.raises(FormatError, match="marks"):
        with_table("a\n", "new\n")


def test_writing_the_page(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "b.json").write_text(json.dumps(RESULT))
    (tmp_path / "docs").mkdir()
    (tmp_path / "README.md").write_text(f"# t\n{BEGIN}{END}")
    (tmp_path / "docs" / "results.md").write_text(f"# r\n{BEGIN}{END}")
    main(tmp_path)
    assert "| 20 | 84.91 | cpu |" in (tmp_path / "README.md").read_text()
    assert "| ucla52 | 20 | 84.91 |" in (tmp_path / "docs" / "results.md").read_text()


def test_an_ablation_by_hand() -> None:
    values = {
        "command": "bash benchmarks/runs.sh", "commit": "abc", "machine": "2 cores",
        "runs": {"published": {"1": [0.78, 0.80], "2": [0.7]}, "yaw": {"1": [0.81, 0.83], "2": [0.72]},
                 "mix": {"1": [0.9]}},
    }  # fmt: skip
    rows = ablation_table(values).splitlines()
    assert rows[2:5] == [
        "| published | 3 | 79.00 | 70.00 | 74.50 | +0.00 | 1.41 |",
        "| yaw | 3 | 82.00 | 72.00 | 77.00 | +2.50 | 1.41 |",
        "| mix | 1 | 90.00 |  |  |  |  |",
    ]
    assert "commit abc" in rows[-1]


def test_runs_of_several_seeds_are_one_row() -> None:
    other = {**RESULT, "last": {"epoch": 20, "test": {"mean": {"top1": 0.86913}}}}
    row = full_table({"a": RESULT, "b": other, "c": {**RESULT, "stream": "bone"}}).splitlines()[2:]
    assert [cells.split(" | ")[5] for cells in row] == ["85.91 ± 1.41 (2 seeds)", "84.91"]
    assert "`results/a`, `results/b`" in row[0]


def test_confusions_are_counted() -> None:
    last = {"epoch": 20, "test": {"mean": {"top1": 0.7, "count": 10}}}
    errors = [["a", "throw", "carry"], ["b", "throw", "carry"], ["c", "walk", "sit"]]
    line = confusions({"f.json": {**RESULT, "last": last, "errors": errors}, "g.json": RESULT})
    assert line == "- `f`, 3 of 10 wrong. throw taken for carry: 2; walk taken for sit: 1.\n"


@pytest.mark.parametrize("page", ["README.md", "docs/results.md"])
def test_the_pages_are_up_to_date(page: str) -> None:
    assert (ROOT / page).read_text(encoding="utf-8") == written_pages()[ROOT / page]
