from __future__ import annotations

import json
from pathlib import Path

import pytest

from dualhead.formats.kinetics.parse import kinetics
from dualhead.runtime.errors import FormatError
from tests.formats.kinetics.test_parse import entry, write_tree


def test_another_label_file_of_a_side_is_left_aside(tmp_path: Path) -> None:
    raw = write_tree(tmp_path / "raw")
    expected = kinetics().list_items([raw])
    (raw / "other_train_label.json").write_text(json.dumps({"z": entry(1)}))
    (tmp_path / "train_label.json").write_text("[]")
    assert kinetics().list_items([raw]) == expected


@pytest.mark.parametrize("second", ["kinetics_val/kinetics_train_label.json", "other_train_label.json"])
def test_two_label_files_of_a_side_of_which_neither_or_both_fit_are_refused(tmp_path: Path, second: str) -> None:
    raw = write_tree(tmp_path / "raw")
    (raw / second).write_text(json.dumps({"a": entry(1)}))
    (raw / "kinetics_train").rename(raw / ("train" if second.startswith("other") else "kinetics_train"))
    with pytest.raises(FormatError, match="a second label file of its split"):
        kinetics().list_items([raw])


def test_damage_has_its_place(tmp_path: Path) -> None:
    raw = write_tree(tmp_path / "raw")
    labels = {"a": entry(1), "b": {**entry(1), "label_index": "x"}}
    text = json.dumps(labels, indent=1)
    (raw / "kinetics_train_label.json").write_text(text)
    with pytest.raises(FormatError, match=r"^[^:]*: b\.label_index: 'label_index' of 'b' is 'x'"):
        kinetics().list_items([raw])
