from __future__ import annotations

import numpy as np
import pytest

from dualhead.formats.intervals import (
    Interval,
    cut_recording,
    fill_background,
    is_label_file,
    make_interval,
    parse_intervals,
)
from dualhead.formats.recording import from_dense
from dualhead.runtime.errors import FormatError


def test_lines_of_pku_mmd_count_classes_from_one() -> None:
    found = parse_intervals(b"7,300,420,2\r\n1,0,90,1\r\n", "a.txt")
    assert found == [Interval(0, 90, "0"), Interval(300, 420, "6")]


def test_plain_lines_are_frames_or_seconds() -> None:
    assert parse_intervals(b"0 40 clap\n40 80 stand up\n\n", "a.txt") == [
        Interval(0, 40, "clap"),
        Interval(40, 80, "stand up"),
    ]
    assert parse_intervals(b"0.0 1.5 clap", "a.txt") == [Interval(0, 1.5, "clap", True)]
    assert Interval(0.5, 1.5, "clap", True).frames(30, "a") == (15, 45)
    with pytest.raises(FormatError, match="frame rate is not known"):
        Interval(0.5, 1.5, "clap", True).frames(None, "a")


@pytest.mark.parametrize(
    ("data", "line"),
    [(b"0 40 clap\nnothing", 2), (b"0 40 clap\n80 40 wave", 2), (b"1,5,5,1", 1), (b"\xff\n", None), (b"a b c", 1)],
)
def test_what_is_no_interval_is_a_sentence(data: bytes, line: int | None) -> None:
    with pytest.raises(FormatError) as caught:
        parse_intervals(data, "a.txt")
    assert (caught.value.path, caught.value.line) == ("a.txt", line)


def test_label_files_are_told_from_recordings() -> None:
    assert is_label_file(b"7,300,420,2\n")
    assert is_label_file(b"0 40 clap\n40 80 stand up\n")
    assert not is_label_file(b" ".join([b"0.25"] * 150) + b"\n")
    assert not is_label_file(b"")
    assert not is_label_file(b"the licence of this data\n")


def test_cells_that_are_no_times() -> None:
    assert make_interval("3", "9", "x", False) == Interval(3, 9, "x")
    assert "not two numbers" in str(make_interval("-1", "9", "x", False))
    assert "not behind" in str(make_interval("9", "9", "x", False))


def test_what_lies_between() -> None:
    intervals = [Interval(50, 80, "a"), Interval(10, 40, "b")]
    assert fill_background(intervals, 100, "rest", 10) == [
        Interval(0, 10, "rest"),
        Interval(40, 50, "rest"),
        Interval(80, 100, "rest"),
    ]
    assert fill_background(intervals, float("inf"), "rest", 11) == []


def test_a_stretch_of_a_recording() -> None:
    joints = np.arange(1, 61, dtype=float).reshape(1, 10, 2, 3)
    recording = from_dense(joints, body_ids=["7"])
    cut = cut_recording(recording, 4, 7, "a")
    assert (cut.num_frames, cut.frames.tolist(), cut.body_ids) == (3, [0, 1, 2], ("7",) * 3)
    np.testing.assert_array_equal(cut.dense([0]), joints[:, 4:7])
    assert cut_recording(recording, 8, 99, "a").num_frames == 2
    with pytest.raises(FormatError, match="10 frames"):
        cut_recording(recording, 10, 12, "a")
