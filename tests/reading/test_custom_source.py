from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from dualhead.reading.custom_source import custom
from dualhead.runtime.errors import FormatError
from tests.formats.custom.test_skeleton_file import STICK
from tests.formats.files.test_arrays import npy
from tests.formats.making import make_zip

TABLE = """name,label,subject,room
one,wave,1,kitchen
two.npy,clap,2,hall
three,wave,3,cellar
"""
RULES = {
    "xsub": {"field": "subject", "train": [1, 2]},
    "rooms": {"field": "room", "train": ["kitchen"], "test": ["cellar"]},
}


def write(folder: Path, table: str = TABLE, **description: Any) -> Path:
    (folder / "clips" / "more").mkdir(parents=True, exist_ok=True)
    (folder / "skeleton.yaml").write_text(yaml.safe_dump(STICK))
    content = {"skeleton": "skeleton.yaml", "protocols": RULES, **description}
    (folder / "dataset.yaml").write_text(yaml.safe_dump(content))
    (folder / "table.csv").write_text(table)
    for number, place in enumerate(("one.npy", "two.npy", "more/three.npy"), 1):
        (folder / "clips" / place).write_bytes(npy(np.full((number, 4, 3), number, np.float32)))
    return folder


def test_table_clips_and_rules_come_together(tmp_path: Path) -> None:
    listing = custom().list_items([write(tmp_path / "raw")])
    source = listing.source
    assert source is not None
    assert [(item.sample.name, item.sample.label) for item in listing.items] == [("one", 1), ("three", 1), ("two", 0)]
    assert (source.classes, source.fields, source.skeleton.name) == (("clap", "wave"), ("subject", "room"), "stick")
    assert listing.items[1].sample.fields == {"subject": 3, "room": 0}  # cellar, hall, kitchen
    assert source.read(listing.items[2]).joints.shape == (2, 4, 3)
    train, test = source.protocols["rooms"].split(np.array([2, 0, 1]))
    assert (train.tolist(), test.tolist()) == ([0], [1])
    train, test = source.protocols["xsub"].split(np.array([1, 3, 2]))
    assert (train.tolist(), test.tolist()) == ([0, 2], [1])
    assert source.notes == ("room: cellar, hall, kitchen are 0 to 2",)


def test_a_zip_is_read_like_the_folder(tmp_path: Path) -> None:
    raw = write(tmp_path / "raw")
    files = {str(path.relative_to(tmp_path)): path.read_bytes() for path in raw.rglob("*") if path.is_file()}
    first, second = custom().list_items([raw]), custom().list_items([make_zip(tmp_path / "raw.zip", files)])
    assert [item.sample for item in first.items] == [item.sample for item in second.items]
    assert first.digest() == second.digest()


def test_labels_by_number_and_classes_in_order(tmp_path: Path) -> None:
    numbers = "name,label\none,0\ntwo,2\nthree,0\n"
    source = custom().list_items([write(tmp_path, numbers, protocols={})]).source
    assert source is not None
    assert source.classes == ("class 0", "class 1", "class 2")
    listing = custom().list_items([write(tmp_path, classes=["wave", "clap"])])
    assert [item.sample.label for item in listing.items] == [0, 0, 1]
    with pytest.raises(FormatError, match=r"1.*2.*0"):
        custom().list_items([write(tmp_path, "name,label\none,1\ntwo,2\n", protocols={})])


def test_what_has_no_partner_is_reported(tmp_path: Path) -> None:
    raw = write(tmp_path / "raw", TABLE + "four,wave,1,hall\n")
    (raw / "clips" / "five.npy").write_bytes(b"")
    (raw / "clips" / "one.csv").write_text("1")
    listing = custom().list_items([raw])
    assert {(item.name, item.kind, item.path) for item in listing.rejected} == {
        ("four", "missing", "raw/table.csv"),
        ("five", "name", "raw/clips/five.npy"),
    }
    assert [duplicate.name for duplicate in listing.duplicates] == ["one"]


def test_the_digest_knows_labels_and_rules(tmp_path: Path) -> None:
    digests = {
        custom().list_items([write(tmp_path, table, **more)]).digest()
        for table, more in (
            (TABLE, {}),
            (TABLE.replace("one,wave", "one,clap"), {}),
            (TABLE.replace("three,wave,3", "three,wave,4"), {}),
            (TABLE, {"protocols": {"xsub": RULES["xsub"]}}),
        )
    }
    assert len(digests) == 4


@pytest.mark.parametrize(
    ("description", "reason"),
    [
        ({"skeleton": None}, "needs the fields"),
        ({"skeleton": "other.yaml"}, "names 'other.yaml', which is not beside it"),
        ({"skeleton": "ntu"}, "did you mean 'ntu25'"),
        ({"skelton": "ntu25"}, "did you mean 'skeleton'"),
        ({"bodies": 0}, "'bodies' is '0': expected an integer from 1 on"),
        ({"bodies": "two"}, "'bodies' is 'two': expected an integer from 1 on"),
        ({"bodies": True}, "'bodies' is 'True': expected an integer"),
        ({"confidence": 1}, "'confidence' is '1': expected true or false"),
        ({"classes": ["a", "a"]}, "'classes' is not a list of different names"),
        ({"classes": ["sit"]}, "none of its 3 lines can be used: unknown class 'wave'"),
        ({"protocols": [1]}, "'protocols' is not a table"),
        ({"protocols": {"x": {"field": "subject"}}}, "needs 'field' and 'train'"),
        ({"protocols": {"x": {"field": "subjects", "train": [1]}}}, "did you mean 'subject'"),
        ({"protocols": {"x": {"field": "subject", "train": ["a"]}}}, "integers"),
        (
            {"protocols": {"x": {"field": "room", "train": ["kitchn"]}}},
            "no line of the table has room kitchn, but cellar, hall, kitchen",
        ),
        ({"protocols": {"x": {"field": "room", "train": []}}}, "'train' of protocol 'x' is not a list"),
    ],
)
def test_a_wrong_description_is_one_sentence(tmp_path: Path, description: dict[str, Any], reason: str) -> None:
    with pytest.raises(FormatError, match=reason):
        custom().list_items([write(tmp_path, **description)])


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        (
            {"field": "subject", "train": [1, 2], "test": [1, 3]},
            "protocol 'x' has subject 1 in both splits: leave it out of 'train' or of 'test'",
        ),
        (
            {"field": "room", "train": ["kitchen", "hall"], "test": ["hall"]},
            "protocol 'x' has room hall in both splits",
        ),
        (
            {"field": "subject", "train": [1, 4]},
            "'train' of protocol 'x': no line of the table has subject 4, but 1, 2, 3$",
        ),
        (
            {"field": "subject", "train": [1], "test": [-1]},
            "'test' of protocol 'x': no line of the table has subject -1, but 1, 2, 3",
        ),
        ({"field": "subject", "train": [3, 2, 1]}, "protocol 'x' leaves no line of the table to test on"),
        ({"field": "room", "train": ["kitchen", "hall", "cellar"]}, "leaves no line of the table to test on"),
    ],
)
def test_a_rule_without_two_sides_is_refused(tmp_path: Path, rule: dict[str, Any], reason: str) -> None:
    with pytest.raises(FormatError, match=reason):
        custom().list_items([write(tmp_path, protocols={"x": rule})])


def test_a_bad_line_is_rejected_with_its_clip(tmp_path: Path) -> None:
    raw = write(tmp_path / "raw", TABLE.replace("two.npy,clap", "two.npy,"))
    listing = custom().list_items([raw])
    assert [item.sample.name for item in listing.items] == ["one", "three"]
    assert [str(item) for item in listing.rejected] == ["raw/table.csv, line 3: column 'label' is empty"]


def test_a_table_of_other_names_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="none of the 1 names"):
        custom().list_items([write(tmp_path, "name,label\nzero,wave\n", protocols={})])


def test_the_table_must_lie_beside(tmp_path: Path) -> None:
    (write(tmp_path) / "dataset.yaml").write_text("{skeleton: ntu25, table: ../table.csv}")
    with pytest.raises(FormatError, match=r"names '\.\./table.csv', which is not beside it"):
        custom().list_items([tmp_path])


def test_one_description_is_needed(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"0 files dataset.yaml among 0: .* docs/custom-data.md"):
        custom().list_items([tmp_path])


def test_the_ending_of_a_clip_counts_in_any_case(tmp_path: Path) -> None:
    raw = write(tmp_path / "raw", TABLE.replace("two.npy", "two.NPY"))
    for name in ("one", "two"):
        (raw / "clips" / f"{name}.npy").rename(raw / "clips" / f"{name}.NPY")
    listing = custom().list_items([raw])
    assert [item.sample.name for item in listing.items] == ["one", "three", "two"]
    assert not listing.rejected
