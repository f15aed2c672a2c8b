from __future__ import annotations

import csv
import io

import numpy as np
import pytest

from dualhead.inference.prediction import Prediction
from dualhead.inference.writing import CSV_COLUMNS, write_csv, write_jsonl, write_table
from tests.runtime.test_terminal import Terminal


def predictions() -> list[Prediction]:
    heads = {"fine": np.array([0.5, 0.5]), "coarse": np.array([0.0, 1.0])}
    return [
        Prediction("one", ("wave", "nod, twice"), np.array([0.25, 0.75]), heads, label=0),
        Prediction("[two]", ("wave", "nod, twice"), np.array([0.9, 0.1]), heads),
    ]


def test_csv_has_a_line_per_head_and_rank() -> None:
    file = io.StringIO()
    assert write_csv(iter(predictions()), file, 1) == 2
    rows = list(csv.reader(io.StringIO(file.getvalue())))
    assert rows[0] == list(CSV_COLUMNS)
    assert rows[1:] == [
        ["one", "0", "wave", "mean", "1", "1", "nod, twice", "0.750000"],
        ["one", "0", "wave", "fine", "1", "0", "wave", "0.500000"],
        ["one", "0", "wave", "coarse", "1", "1", "nod, twice", "1.000000"],
        ["[two]", "", "", "mean", "1", "0", "wave", "0.900000"],
        ["[two]", "", "", "fine", "1", "0", "wave", "0.500000"],
        ["[two]", "", "", "coarse", "1", "1", "nod, twice", "1.000000"],
    ]


def test_the_table_shows_heads_and_the_true_class() -> None:
    file = io.StringIO()
    assert write_table(iter(predictions()), file, 2) == 2
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in file.getvalue().splitlines() if "│" in line]
    assert rows == [
        ["one", "nod, twice", "75.0", "50.0", "100.0"],
        ["", "wave (true)", "25.0", "50.0", "0.0"],
        ["[two]", "wave", "90.0", "50.0", "0.0"],
        ["", "nod, twice", "10.0", "50.0", "100.0"],
    ]


def test_the_table_shows_what_is_done_when_interrupted() -> None:
    def interrupted():  # type: ignore[no-untyped-def]
        yield predictions()[0]
        raise KeyboardInterrupt

    file = io.StringIO()
    with pytest.raises(KeyboardInterrupt):
        write_table(interrupted(), file, 1)
    assert "nod, twice" in file.getvalue()


def test_lines_for_a_terminal_command_nothing() -> None:
    foreign = Prediction("\x1b[2Jone", ("\x9bwave", "nod"), np.array([0.75, 0.25]), label=0)
    for write in (write_csv, write_jsonl):
        file = Terminal()
        write(iter([foreign]), file, 2)
        assert file.getvalue().replace("\n", "").isprintable()
    file = io.StringIO()
    write_csv(iter([foreign]), file, 1)
    assert list(csv.reader(io.StringIO(file.getvalue())))[1][:3] == ["\x1b[2Jone", "0", "\x9bwave"]
