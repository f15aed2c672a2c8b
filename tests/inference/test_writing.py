from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest

from dualhead.inference.prediction import Prediction
from dualhead.inference.segments import Interval, Segment
from dualhead.inference.writing import INTERVAL_COLUMNS, PREDICTION_COLUMNS, SEGMENT_COLUMNS, write_items
from tests.runtime.test_terminal import Terminal


def predictions() -> list[Prediction]:
    heads = {"fine": np.array([0.5, 0.5]), "coarse": np.array([0.0, 1.0])}
    return [
        Prediction("one", ("wave", "nod, twice"), np.array([0.25, 0.75]), heads, label=0),
        Prediction("[two]", ("wave", "nod, twice"), np.array([0.9, 0.1]), heads),
    ]


def test_csv_has_a_line_per_head_and_rank() -> None:
    file = io.StringIO()
    assert write_items(iter(predictions()), file, "csv", PREDICTION_COLUMNS, 1) == 2
    rows = list(csv.reader(io.StringIO(file.getvalue())))
    assert rows[0] == list(PREDICTION_COLUMNS)
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
    assert write_items(iter(predictions()), file, "table", PREDICTION_COLUMNS, 2) == 2
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
        write_items(interrupted(), file, "table", PREDICTION_COLUMNS, 1)
    assert "nod, twice" in file.getvalue()


def test_lines_for_a_terminal_command_nothing() -> None:
    foreign = Prediction("\x1b[2Jone", ("\x9bwave", "nod"), np.array([0.75, 0.25]), label=0)
    for form in ("csv", "jsonl"):
        file = Terminal()
        write_items([foreign], file, form, PREDICTION_COLUMNS, 2)
        assert file.getvalue().replace("\n", "").isprintable()
    file = io.StringIO()
    write_items(iter([foreign]), file, "csv", PREDICTION_COLUMNS, 1)
    assert list(csv.reader(io.StringIO(file.getvalue())))[1][:3] == ["\x1b[2Jone", "0", "\x9bwave"]


INTERVALS = (
    Interval("one", None, 0, 45, 1, "nod, twice", 0.8, 4, 30.0),
    Interval("one", 1, 45, 90, 0, "wave", 0.5, 1, 30.0),
    Interval("[two]", None, 0, 10, 0, "wave", 1.0, 1),
)


def windows() -> list[Segment]:
    heads = {"fine": np.array([0.5, 0.5]), "coarse": np.array([0.0, 1.0])}
    prediction = Prediction("one", ("wave", "nod"), np.array([0.25, 0.75]), heads)
    return [Segment(30, 60, (40, 50), 0, 30.0, prediction)]


def test_json_lines() -> None:
    file = io.StringIO()
    assert write_items(iter(INTERVALS), file, "jsonl", INTERVAL_COLUMNS, 5) == 3
    lines = [json.loads(line) for line in file.getvalue().splitlines()]
    assert lines == [interval.to_dict() for interval in INTERVALS]
    assert "start_s" not in lines[2]


def test_csv_of_intervals() -> None:
    file = io.StringIO()
    assert write_items(iter(INTERVALS), file, "csv", INTERVAL_COLUMNS, 5) == 3
    assert list(csv.reader(io.StringIO(file.getvalue()))) == [
        list(INTERVAL_COLUMNS),
        ["one", "", "0", "45", "0.0", "1.5", "1", "nod, twice", "0.800000", "4"],
        ["one", "1", "45", "90", "1.5", "3.0", "0", "wave", "0.500000", "1"],
        ["[two]", "", "0", "10", "", "", "0", "wave", "1.000000", "1"],
    ]


def test_csv_of_windows() -> None:
    file = io.StringIO()
    assert write_items(iter(windows()), file, "csv", SEGMENT_COLUMNS, 1) == 1
    assert list(csv.reader(io.StringIO(file.getvalue()))) == [
        list(SEGMENT_COLUMNS),
        ["one", "0", "30", "60", "1.0", "2.0", "mean", "1", "1", "nod", "0.750000"],
        ["one", "0", "30", "60", "1.0", "2.0", "fine", "1", "0", "wave", "0.500000"],
        ["one", "0", "30", "60", "1.0", "2.0", "coarse", "1", "1", "nod", "1.000000"],
    ]
    empty = io.StringIO()
    assert write_items(iter(()), empty, "csv", SEGMENT_COLUMNS, 1) == 0
    assert empty.getvalue().strip() == ",".join(SEGMENT_COLUMNS)


def cells(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("│")[1:-1]] for line in text.splitlines() if "│" in line]


def test_the_table_counts_bodies_from_one_and_shows_seconds() -> None:
    file = io.StringIO()
    assert write_items(iter(INTERVALS), file, "table", INTERVAL_COLUMNS, 5) == 3
    assert cells(file.getvalue()) == [
        ["one", "all", "0.00 s", "1.50 s", "nod, twice", "80.0"],
        ["", "2", "1.50 s", "3.00 s", "wave", "50.0"],
        ["[two]", "all", "0", "10", "wave", "100.0"],
    ]
    file = io.StringIO()
    write_items(iter(windows()), file, "table", SEGMENT_COLUMNS, 5)
    assert cells(file.getvalue()) == [["one", "1", "1.00 s", "2.00 s", "nod", "75.0"]]


def test_the_table_of_intervals_shows_what_is_done_when_interrupted() -> None:
    def interrupted():  # type: ignore[no-untyped-def]
        yield INTERVALS[0]
        raise KeyboardInterrupt

    file = io.StringIO()
    with pytest.raises(KeyboardInterrupt):
        write_items(interrupted(), file, "table", INTERVAL_COLUMNS, 1)
    assert "nod, twice" in file.getvalue()


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_lines_over_time_command_a_terminal_nothing(kind: str) -> None:
    intervals = [Interval("\x1b[2Jone", None, 0, 45, 1, "\x9bwave", 0.8, 4, 30.0)]
    prediction = Prediction("\x1b[2Jone", ("\x9bwave", "nod"), np.array([0.75, 0.25]))
    for items, columns in (
        (intervals, INTERVAL_COLUMNS),
        ([Segment(0, 9, (0, 9), None, None, prediction)], SEGMENT_COLUMNS),
    ):
        file = Terminal()
        write_items(items, file, kind, columns, 2)  # type: ignore[arg-type]
        assert file.getvalue().replace("\n", "").isprintable()
