from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from dualhead.formats.custom.columns import read_numbers, read_table
from dualhead.formats.files.text_lines import MAX_LINES
from dualhead.runtime.errors import FormatError
from dualhead.skeleton import COCO17, Skeleton

PAIR = Skeleton("pair", ("a", "b"), (0, 0), ((1, 0),), (), 0, 0, None, None, 2)
ROW = ",".join(f"0.{number}" for number in range(10, 44))
NUMBERS = ",".join(map(str, range(34)))


def read(text: str, skeleton: Skeleton = COCO17) -> tuple[np.ndarray, list[str]]:
    table = read_numbers(text.encode(), "a.csv", skeleton)
    return table.values, list(table.notes)


def test_a_first_line_of_numbers_from_0_or_1_is_a_header() -> None:
    bare, notes = read(f"{ROW}\n{ROW}\n")
    assert (bare.shape, notes) == ((2, 34), [])
    for header in (NUMBERS, ",".join(map(str, range(1, 35)))):
        values, notes = read(f"{header}\n{ROW}\n{ROW}\n")
        np.testing.assert_array_equal(values, bare)
        assert notes == ["line 1 numbers the columns and is left out"]
    assert read(f"{ROW}\n{NUMBERS}\n")[0].shape == (2, 34)  # only in the first line


def test_row_numbers_are_left_out() -> None:
    bare, _ = read(f"{ROW}\n{ROW}\n")
    for text in (f"0,{ROW}\n1,{ROW}\n", f"1,{ROW}\n2,{ROW}\n", f",{NUMBERS}\n0,{ROW}\n1,{ROW}\n"):
        values, notes = read(text)
        np.testing.assert_array_equal(values, bare)
        assert any("numbers the rows" in note for note in notes)


def test_a_column_of_one_word_is_the_class() -> None:
    table = read_numbers(f"{ROW},chair\n{ROW},chair\n".encode(), "a.csv", COCO17)
    assert (table.class_name, table.values.shape) == ("chair", (2, 34))
    with pytest.raises(FormatError, match=r"35.*'chair'.*'tree'"):
        read(f"{ROW},chair\n{ROW},tree\n")


def test_times_give_the_frame_rate() -> None:
    for times, rate in (("0.0 0.04 0.08", 25), ("0 40 80", 25), ("0 40000 80000", 25), ("3 3 3", None)):
        lines = [f"{time},1,2,3,4" for time in times.split()]
        table = read_numbers("\n".join(["timestamp,a_x,a_y,b_x,b_y", *lines]).encode(), "a.csv", PAIR)
        assert table.fps == rate
        assert table.values.tolist() == [[[1, 2], [3, 4]]] * 3


def test_named_columns_may_have_scores() -> None:
    table = read_numbers(b"frame,b_x,b_y,b_score,a_x,a_y,a_score\n7,3,4,0.5,1,2,0.25\n", "a.csv", PAIR)
    assert table.values.tolist() == [[[1, 2, 0.25], [3, 4, 0.5]]]


@pytest.mark.parametrize("text", ['"' + "x" * 500 + '",2,3,4\n1,2,3,4\n', "a_x,a_y,b_x," + "y" * 500 + "\n1,2,3,4\n"])
def test_an_error_quotes_little_of_the_file(text: str) -> None:
    with pytest.raises(FormatError) as caught:
        read(text, PAIR)
    assert not any(letter * 61 in caught.value.reason for letter in "xy")


@pytest.mark.parametrize("head", ["frame,a_x,a_y,b_x,b_y\n", ""])
def test_frame_numbers_put_rows_in_their_places(head: str) -> None:
    """Frames 5, 6 and 8, of which 6 comes twice: 7 is nobody, and the last of two counts."""
    table = read_numbers(f"{head}5,1,1,1,1\n6,2,2,2,2\n6,3,3,3,3\n8,4,4,4,4\n".encode(), "a.csv", PAIR)
    values = table.values.reshape(len(table.values), 4)
    assert values[:, 0].tolist()[:2] == [1, 3]
    assert np.isnan(values[2]).all()
    assert (len(values), values[3, 0], table.first_frame) == (4, 4, 5)
    assert "1 are missing and stay empty, 1 come again" in table.notes[0]
    with pytest.raises(FormatError, match=r"5.*9000000.*2"):
        read_numbers(b"frame,a_x,a_y,b_x,b_y\n5,1,1,1,1\n9000000,2,2,2,2\n", "a.csv", PAIR)
    with pytest.raises(FormatError, match="ascending integers"):
        read_numbers(b"frame,a_x,a_y,b_x,b_y\n5,1,1,1,1\n4,2,2,2,2\n", "a.csv", PAIR)


def test_a_text_file_has_blanks_between_its_numbers() -> None:
    table = read_numbers(b" 1  2.5 3 4\n\n5 6\t7 8 \n", "a.txt", PAIR)
    assert table.values.tolist() == [[1, 2.5, 3, 4], [5, 6, 7, 8]]


@pytest.mark.parametrize(("data", "most"), [(b"\n" * (MAX_LINES + 1), MAX_LINES), (b"0, " * 100_001, 100_000)])
def test_lines_and_cells_beyond_any_recording_are_refused(data: bytes, most: int) -> None:
    for path, text in (("a.csv", data), ("a.txt", data.replace(b",", b""))):
        with pytest.raises(FormatError, match=str(most)):
            read_table(text, path)


@pytest.mark.parametrize("path", ["a.csv", "a.txt"])
@pytest.mark.parametrize("cell", ["7", "42", "123", "1234"])
def test_short_numbers_take_at_most_20_times_the_file(path: str, cell: str) -> None:
    data = ((", " if path == "a.csv" else " ").join([cell] * 34) + "\n").encode() * 1000
    tracemalloc.start()
    read_numbers(data, path, COCO17)
    assert tracemalloc.get_traced_memory()[1] < 20 * len(data)
    tracemalloc.stop()


def test_lines_are_counted_as_an_editor_does() -> None:
    assert read_table(b'\xef\xbb\xbfa,"b\r\nc"\r\n\r\n,\n1,2', "a.csv") == [
        (2, ["a", "b\r\nc"]), (4, ["", ""]), (5, ["1", "2"]),
    ]  # fmt: skip
    assert read_table("1 2\x0c3 4\r\n\r5\u20286".encode(), "a.txt") == [
        (1, ["1", "2"]), (2, ["3", "4"]), (4, ["5"]), (5, ["6"]),
    ]  # fmt: skip
    with pytest.raises(FormatError, match="UTF-8") as caught:
        read_table(b"1,2\n" * 9000 + b"\xff", "a.csv")
    assert caught.value.line == 9001
