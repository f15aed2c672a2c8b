from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dualhead.formats.ntu.parse import MAX_FRAMES, _parse_careful, format_skeleton, parse_skeleton, write_skeleton
from dualhead.formats.recording import Recording
from dualhead.runtime.errors import ConfigError, FormatError
from tests.formats.making import make_recording, make_skeleton


def _joint(number: int) -> str:
    return f"{number}.5 -0.25 4.6996268e-06 261.1 209.7 962.7 564.3 -0.2 0.04 0.97 -0.1 2"


def _body(name: str = "72057594037900001", first: int = 0) -> str:
    lines = [f"{name} 0 1 1 1 1 0 -0.168 -0.0108 2", "25", *(_joint(first + joint) for joint in range(25))]
    return "\n".join(lines)


def _equal(first: Recording, second: Recording) -> bool:
    assert first.tracking is not None
    assert second.tracking is not None
    return (
        np.array_equal(first.joints, second.joints)
        and np.array_equal(first.frames, second.frames)
        and np.array_equal(first.slots, second.slots)
        and np.array_equal(first.tracking, second.tracking)
        and first.num_frames == second.num_frames
        and first.body_ids == second.body_ids
    )


def test_every_frame_and_body_is_kept_with_its_exact_id() -> None:
    text = f"3\n1\n{_body()}\n0\n2\n{_body('72057594037900002', 100)}\n{_body('72057594037900003', 200)}\n"
    recording = parse_skeleton(text.encode())
    assert recording.num_frames == 3
    assert recording.joints.shape == (3, 25, 3)
    assert recording.frames.tolist() == [0, 2, 2]
    assert recording.slots.tolist() == [0, 0, 1]
    assert recording.body_ids == ("72057594037900001", "72057594037900002", "72057594037900003")
    assert float(recording.body_ids[0]) == float("72057594037900002")  # why they are text
    assert recording.tracking is not None
    assert recording.tracking.tolist() == [2, 2, 2]
    assert recording.joints[1, 24].tolist() == [124.5, -0.25, 4.6996268e-06]


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.rstrip("\n"),
        lambda text: text + "\n\n",
        lambda text: text.replace(" 0.97 ", "  0.97\t"),
        lambda text: text.replace("\n", " \n"),
        lambda text: text.replace("0.04", "nan"),  # a field that is not used
    ],
)
def test_line_ends_and_blanks_do_not_matter(change) -> None:  # type: ignore[no-untyped-def]
    text = f"2\n1\n{_body()}\n1\n{_body()}\n"
    assert _equal(parse_skeleton(change(text).encode()), parse_skeleton(text.encode()))


@given(st.integers(1, 5), st.integers(0, 3), st.integers(0, 2**32 - 1))
@settings(max_examples=10, deadline=None)
def test_the_fast_way_equals_the_careful_one_and_writing_is_read_back(frames: int, bodies: int, seed: int) -> None:
    recording = make_recording(frames, bodies, seed)
    data = format_skeleton(recording)
    read = parse_skeleton(data)
    assert _equal(read, _parse_careful(data.decode(), None))
    assert np.array_equal(read.joints.astype(np.float32), recording.joints.astype(np.float32))
    assert read.body_ids == recording.body_ids
    assert np.array_equal(read.frames, recording.frames)
    assert np.array_equal(read.slots, recording.slots)


def test_more_than_300_frames_are_kept_whole() -> None:
    assert parse_skeleton(make_skeleton(frames=301)).joints.shape == (301, 25, 3)


def test_a_file_without_a_body_is_a_recording_of_nobody() -> None:
    recording = parse_skeleton(b"2\r\n0\r\n0\r\n")
    assert (recording.num_frames, recording.num_observations) == (2, 0)


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("", None, "is empty"),
        ("\0" * 4096, None, "only blanks"),
        ("x\n", 1, "frame count is 'x'"),
        ("-1\n", 1, "frame count is '-1'"),
        (f"{MAX_FRAMES + 1}\n0\n", 1, "from 0 to 200000"),
        ("3\n0\n0\n", 3, "ends before the body count of frame 3 of 3: it is truncated"),
        (f"1\n1\n{_body()}\n0\n", 30, "more after the last of 1 frames"),
        (f"1\n1\n{_body()}".replace("\n25\n", "\n20\n"), 4, "20 joints instead of 25"),
        (f"1\n1\n{_body()}".replace(_joint(3), "1 2 3"), 8, "joint 4 of body 1 in frame 1 of 1 has 3 fields"),
        (f"1\n1\n{_body()}".replace("3.5 ", "3.5x ", 1), 8, "coordinate '3.5x'"),
        (f"1\n1\n{_body()}".replace("3.5 ", "nan ", 1), 8, "coordinate 'nan'"),
        (f"1\n1\n{_body()}".replace("3.5 ", "3_5 ", 1), 8, "coordinate '3_5'"),
        (f"1\n1\n{_body()}".replace("3.5 ", "1e30 ", 1), 8, "coordinate '1e30'"),
        (f"1\n1\n{_body()}".replace("-0.0108 2", "2"), 3, "body 1 in frame 1 of 1 has 9 fields instead of 10"),
        (f"1\n1\n{_body()}"[:-30], 29, "the file ends inside joint 25"),
    ],
)
def test_damage_is_named_with_its_line(text: str, line: int | None, reason: str) -> None:
    with pytest.raises(FormatError, match=reason) as caught:
        parse_skeleton(text.encode(), "S001.skeleton")
    assert caught.value.line == line
    assert str(caught.value).startswith(f"S001.skeleton{'' if line is None else f', line {line}'}: ")


def test_a_field_moved_to_the_next_line_is_noticed() -> None:
    first, second = _joint(3), _joint(4)
    moved = f"1\n1\n{_body()}".replace(f"{first}\n{second}", f"{first[:-2]}\n2 {second}")
    with pytest.raises(FormatError) as caught:
        parse_skeleton(moved.encode())
    assert caught.value.line == 8


def test_bytes_that_are_no_text_are_named_with_their_line() -> None:
    with pytest.raises(FormatError, match="byte 0xff") as caught:
        parse_skeleton(b"1\n\xff\n")
    assert caught.value.line == 2


_SEED = make_skeleton(frames=2, bodies=2)
_TOKENS = [
    b"",
    b"\n",
    b" ",
    b"\r\n",
    b"-",
    b"25\n",
    b"1e999",
    b"nan",
    b"9" * 30,
    b"9" * 5000,
    b"\xff",
    b"\0",
    b"2\n0\n",
]


@given(st.lists(st.tuples(st.integers(0, len(_SEED)), st.integers(0, 40), st.sampled_from(_TOKENS)), max_size=4))
@settings(max_examples=400, deadline=None)
def test_only_format_errors_come_out_of_mutated_files(edits: list[tuple[int, int, bytes]]) -> None:
    data = _SEED
    for position, removed, token in edits:
        data = data[:position] + token + data[position + removed :]
    try:
        recording = parse_skeleton(data)
    except FormatError as error:
        assert error.reason
    else:
        assert recording.joints.shape == (len(recording.frames), 25, 3)
        assert np.isfinite(recording.joints).all()
        assert (recording.frames < max(recording.num_frames, 1)).all()


@given(st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_only_format_errors_come_out_of_noise(data: bytes) -> None:
    try:
        assert parse_skeleton(data).num_frames >= 0
    except FormatError as error:
        assert error.reason


def test_only_recordings_of_25_finite_joints_are_written(tmp_path: Path) -> None:
    recording = make_recording()
    recording.joints[0, 0, 0] = np.nan
    with pytest.raises(ConfigError, match="finite"):
        write_skeleton(tmp_path / "a.skeleton", recording)
    assert list(tmp_path.iterdir()) == []
    write_skeleton(tmp_path / "a.skeleton", make_recording())
    assert parse_skeleton((tmp_path / "a.skeleton").read_bytes()).num_frames == 4


def test_the_reference_recordings_are_read(shared: Path) -> None:
    raw = shared / "ntu-mini" / "raw"
    read = {path.stem: parse_skeleton(path.read_bytes(), path) for path in sorted(raw.rglob("*.skeleton"))}
    assert len(read) == 18
    assert read["S006C001P022R002A036"].num_frames == 300
    assert read["S017C002P017R002A017"].num_observations == 0
    assert max(read["S003C002P016R001A013"].slots) == 4
    assert len(set(read["S007C002P015R001A002"].body_ids)) == 2


@pytest.mark.parametrize("end", [b"\n", b" \n"])
def test_a_byte_order_mark_is_passed_over(end: bytes) -> None:
    data = make_skeleton().replace(b"\n", end)
    marked = parse_skeleton(b"\xef\xbb\xbf" + data)
    np.testing.assert_array_equal(marked.joints, parse_skeleton(data).joints)
    with pytest.raises(FormatError, match=r"3.*0xef"):
        parse_skeleton(data.replace(end, end + end + b"\xef\xbb\xbf", 1), "a")
