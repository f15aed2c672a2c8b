from __future__ import annotations

from pathlib import Path

import pytest

from dualhead.formats.custom.table import CustomTable, read_custom_table
from dualhead.formats.files.member import FileMember
from dualhead.runtime.errors import FormatError


def read(folder: Path, text: str, classes: tuple[str, ...] | None = None) -> CustomTable:
    path = folder / "table.csv"
    path.write_text(text, encoding="utf-8")
    return read_custom_table(FileMember("raw/table.csv", len(text), 0, str(path)), classes)


def test_lines_become_samples(tmp_path: Path) -> None:
    table = read(tmp_path, "label,name,room,subject\nwave,one.npy,hall,7\nclap,two,cellar,-2\n")
    assert [(name, sample.label, sample.fields) for name, sample in table.samples.items()] == [
        ("one", 1, {"room": 1, "subject": 7}),
        ("two", 0, {"room": 0, "subject": -2}),
    ]
    assert (table.classes, table.columns) == (("clap", "wave"), ("room", "subject"))
    assert (table.codes, table.rejected) == ({"room": ["cellar", "hall"]}, ())


def test_bad_lines_are_rejected_and_the_others_go_on(tmp_path: Path) -> None:
    lines = "name,label,subject a,0,1 b,,1 c,1 , d.npy,2, a.csv,1,2 e,7,05 f,x,1 g,1,2,3 h,1,2"
    table = read(tmp_path, lines.replace(" ", "\n"), classes=("sit", "stand"))
    assert [(name, sample.label) for name, sample in table.samples.items()] == [("a", 0), ("h", 1)]
    assert [(item.name, item.line, item.reason) for item in table.rejected] == [
        ("b", 3, "column 'label' is empty"),
        ("c", 4, "2 cells instead of 3"),
        ("d", 6, "column 'subject' is empty"),
        ("a", 7, "'a' is in line 2 already"),
        ("e", 8, "label '7' is not a number from 0 to 1, as other lines have"),
        ("f", 9, "label 'x' is not a number from 0 to 1, as other lines have"),
        ("g", 10, "4 cells instead of 3"),
    ]
    assert {(item.path, item.kind) for item in table.rejected} == {("raw/table.csv", "damaged")}
    assert table.seen == {"subject": {"1", "2", "5"}}


def test_a_word_among_numbers_makes_no_classes_of_the_numbers(tmp_path: Path) -> None:
    table = read(tmp_path, "name,label\na,0\nb,10\nc,-1\nd,wave\n")
    assert [sample.label for sample in table.samples.values()] == [0, 10]
    assert len(table.classes) == 11
    assert [item.line for item in table.rejected] == [4, 5]


def test_whole_numbers_with_a_point_are_whole_numbers(tmp_path: Path) -> None:
    lines = [f"c{label},{label}.0,{label}." for label in range(11)]
    table = read(tmp_path, "\n".join(["name,label,subject", *lines, "d,1,-3.00", "e,1.5,7", "f,,8"]))
    assert [sample.label for sample in table.samples.values()] == [*range(11), 1]
    assert [sample.fields["subject"] for sample in table.samples.values()] == [*range(11), -3]
    assert table.classes == tuple(f"class {label}" for label in range(11))
    assert table.seen["subject"] == {*map(str, range(11)), "-3"}
    assert [(item.name, item.reason) for item in table.rejected] == [
        ("e", "label '1.5' is not a number from 0 to 10, as other lines have"),
        ("f", "column 'label' is empty"),
    ]


def test_lines_of_empty_cells_alone_are_passed_over(tmp_path: Path) -> None:
    table = read(tmp_path, "name,label\na,wave\n , \nb,wave\n,\n\n")
    assert (list(table.samples), table.rejected) == (["a", "b"], ())


def test_an_unknown_class_is_rejected_with_the_nearest(tmp_path: Path) -> None:
    table = read(tmp_path, "name,label\na,wave\nb,wavee\n", classes=("wave", "clap"))
    assert list(table.samples) == ["a"]
    assert table.rejected[0].reason == "unknown class 'wavee': did you mean 'wave'? valid: wave, clap"


@pytest.mark.parametrize(
    ("text", "reason", "line"),
    [
        ("", "it is empty", None),
        (",\n", "it is empty", None),
        ("one,label\n", "no column 'name'", 1),
        ("name;label\na;1\n", "separated by ';' instead of ','", 1),
        ("name\tlabel\na\t1\n", "separated by tabs instead of ','", 1),
        ("name,subject\n", "no column 'label'", 1),
        ("name,label\n", "names no clip", None),
        ("name,label,bodies\n", "column 'bodies'", 1),
        ("name,label,a b\n", "column 'a b'", 1),
        ("name,label,label\n", "column 'label'", 1),
        ("name,label\none,wave,3\n", "none of its 1 lines can be used: 3 cells instead of 2", 2),
        ("name,label\n\none,\n", "none of its 1 lines can be used: column 'label' is empty", 3),
        ("name,label\none,0\ntwo,99999999\n", "number them on", None),
        ("name,label\none,1\ntwo,2\n", "from 1 to 2: count them from 0 on, or write class names", None),
    ],
)
def test_a_wrong_table_is_one_sentence(tmp_path: Path, text: str, reason: str, line: int | None) -> None:
    with pytest.raises(FormatError, match=reason) as caught:
        read(tmp_path, text)
    assert caught.value.line == line
