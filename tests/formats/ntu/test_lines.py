from __future__ import annotations

import numpy as np

from dualhead.formats.ntu.lines import first_lines, parse_beginning
from dualhead.formats.ntu.parse import format_skeleton, parse_skeleton
from dualhead.formats.recording import from_dense
from tests.formats.making import make_skeleton


def test_lines_are_those_of_the_file() -> None:
    present = np.array([[True, False, True], [True, False, False]])
    joints = np.random.default_rng(0).normal(size=(2, 3, 25, 3))
    recording = from_dense(joints, present, body_ids=["111", "222"])
    lines = format_skeleton(recording).decode().split("\n")
    frames, bodies = first_lines(recording)
    assert frames.tolist() == [2, 57, 58]  # two bodies of 27 lines stand before the second frame
    assert bodies.tolist() == [3, 30, 59]
    assert [lines[line - 1] for line in frames] == ["2", "0", "1"]
    assert [lines[line - 1].split()[0] for line in bodies] == ["111", "222", "111"]


def test_the_whole_frames_before_the_damage() -> None:
    data = make_skeleton(frames=4, bodies=2)
    lines = data.split(b"\n")
    cut = b"\n".join(lines[:120])  # frames of 55 lines from line 2 on: two are whole
    part = parse_beginning(cut, 120)
    assert part.num_frames == 2
    np.testing.assert_array_equal(part.joints, parse_skeleton(data).joints[:4])
    assert parse_beginning(data.replace(b"\n", b"\r\n"), 57).num_frames == 1
    assert parse_beginning(data, 57).num_frames == 1
    assert parse_beginning(data, 56).num_frames == 0
    assert parse_beginning(data, None).num_frames == 0
    assert parse_beginning(b"\xff\xff\n1\n", 1).num_frames == 0
    assert parse_beginning(b"9\n0\n0\n99999999999999\n", 4).num_frames == 2
