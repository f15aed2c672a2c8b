from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dualhead.formats.ntu.fast import parse_regular
from dualhead.formats.ntu.parse import _parse_careful, format_skeleton
from dualhead.formats.recording import Recording, from_dense
from dualhead.runtime.errors import FormatError
from tests.formats.making import make_recording, make_skeleton


def same(first: Recording, second: Recording) -> bool:
    assert first.tracking is not None
    assert second.tracking is not None
    return (
        first.joints.tobytes() == second.joints.tobytes()
        and first.frames.tolist() == second.frames.tolist()
        and first.slots.tolist() == second.slots.tolist()
        and first.num_frames == second.num_frames
        and first.body_ids == second.body_ids
        and first.tracking.tolist() == second.tracking.tolist()
    )


def careful(data: bytes) -> Recording | None:
    try:
        return _parse_careful(data.decode("ascii").replace("\r\n", "\n"), None)
    except FormatError:
        return None


def regular(data: bytes) -> Recording:
    recording = parse_regular(data)
    assert recording is not None
    return recording


def test_lf_crlf_and_a_missing_last_line_end_take_the_fast_way() -> None:
    data = make_skeleton(frames=3, bodies=2)
    assert same(regular(data), regular(data.replace(b"\n", b"\r\n")))
    assert same(regular(data), regular(data.removesuffix(b"\n")))
    assert regular(b"2\r\n0\r\n0\r\n").num_frames == 2


def test_bodies_come_and_go() -> None:
    present = np.array([[True, False, False, True, True], [True, True, False, True, False]])
    recording = from_dense(make_recording(5, 2).joints.reshape(5, 2, 25, 3).swapaxes(0, 1), present, body_ids=[7, 8])
    read = regular(format_skeleton(recording))
    assert read.frames.tolist() == [0, 0, 1, 3, 3, 4]
    assert read.slots.tolist() == [0, 1, 0, 0, 1, 0]
    assert read.body_ids == ("7", "8", "8", "7", "8", "7")
    assert same(read, _parse_careful(format_skeleton(recording).decode(), None))


@pytest.mark.parametrize(
    "change",
    [
        (b" 1 0 0 0 2\n", b"  1 0 0 2\n"),  # a blank doubled, a field fewer
        (b" 1 0 0 0 2\n", b" 1 0 0 0 \n"),  # the last field empty
        (b" 1 0 0 0 2\n", b" 1 0 0 0 2 \n"),
        (b" 1 0 0 0 2\n", b" 1 0 0 0\t2\n"),
        (b" 1 0 0 0 2\n", b" 1 0 0 0 2\r\n"),  # one CRLF among LF
        (b"\n25\n", b"\n025\n"),
        (b"\n25\n", b"\n\n25\n"),
        (b"\n25\n", b"\n24\n"),
        (b"\n1\n", b"\n+1\n"),
        (b"2\n", b"+2\n"),
        (b"2\n", b"3\n"),
        (b" 2\n25", b" x\n25"),
        (b" 2\n25", b" 12\n25"),
        (b"2\n", b"2\n\n"),
        (b" 2\n25", b"\x002\n25"),  # what is not text, in the place of a blank
        (b" 2\n25", b"\xa02\n25"),
        (b" 2\n25", b" \xb2\n25"),
    ],
)
def test_what_is_written_otherwise_is_left_to_the_careful_way(change: tuple[bytes, bytes]) -> None:
    data = make_skeleton(frames=2)
    assert change[0] in data
    assert parse_regular(data.replace(*change, 1)) is None


def test_every_line_has_its_number_of_fields() -> None:
    data = make_skeleton(frames=2)
    lines = data.splitlines(keepends=True)
    first, second = lines[4], lines[5]
    short, word = first.rsplit(b" ", 1)
    moved = short + b"\n" + word.strip() + b" " + second  # 11 fields, then 13: as many as there should be in all
    assert parse_regular(data.replace(first + second, moved, 1)) is None
    for number in range(len(lines)):
        assert parse_regular(b"".join(lines[:number] + lines[number + 1 :])) is None


def test_crlf_behind_a_blank_is_left_to_the_careful_way() -> None:
    data = make_skeleton(frames=2).replace(b"\n", b"\r\n")
    assert parse_regular(data.replace(b" 0 2\r\n", b" 2 \r\n", 1)) is None
    assert parse_regular(data.replace(b" 0 2\r\n", b" 0 2\r\r\n", 1)) is None
    assert parse_regular(b"\r\n" + data) is None


_SEED = make_skeleton(frames=2, bodies=2)
_PIECES = [b"", b" ", b"\n", b"\r\n", b"\r", b"\t", b"0", b"1", b"25\n", b"-", b".", b"e-5", b"_", b"9" * 12, b"nan"]


@given(
    st.booleans(),
    st.lists(st.tuples(st.integers(0, len(_SEED)), st.integers(0, 3), st.sampled_from(_PIECES)), max_size=2),
)
@settings(max_examples=500, deadline=None)
def test_whatever_it_reads_the_careful_way_reads_alike(crlf: bool, edits: list[tuple[int, int, bytes]]) -> None:
    data = _SEED.replace(b"\n", b"\r\n") if crlf else _SEED
    for place, removed, piece in edits:
        data = data[:place] + piece + data[place + removed :]
    read = parse_regular(data) if data.strip() else None
    if read is not None:
        other = careful(data)
        assert other is not None
        assert same(read, other)


def test_numbers_of_any_length_are_read_bit_for_bit() -> None:
    rng = np.random.default_rng(0)
    forms = ("%.3f", "%.7g", "%.9g", "%.12g", "%.17g", "%e", "%d")
    data = re.sub(
        rb"(?m)^-?[0-9.e-]+ -?[0-9.e-]+ -?[0-9.e-]+ (?=[^\n]* 1 0 0 0 2$)",
        lambda match: b" ".join(b"%s" % (rng.choice(forms) % rng.normal()).encode() for _ in range(3)) + b" ",
        make_skeleton(frames=20, bodies=2),
    )
    assert same(regular(data), _parse_careful(data.decode(), None))
