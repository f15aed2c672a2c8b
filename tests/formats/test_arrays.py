from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dualhead.errors import FormatError
from dualhead.formats import raw_file
from dualhead.formats.arrays import npy_rows, npz_rows, parse_npy, parse_npz
from dualhead.formats.member import list_members
from tests.formats.making import make_zip

VALUES = np.arange(24, dtype=np.float32).reshape(4, 2, 3)


def npy(values: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, values)
    return stream.getvalue()


def npz(**arrays: Any) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()


@pytest.mark.parametrize("values", [VALUES, VALUES.T, VALUES.astype(">f8"), np.float16(3), np.zeros((0, 2), int)])
def test_npy_content(values: Any) -> None:
    np.testing.assert_array_equal(parse_npy(npy(values)), values)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not a whole .npy"),
        (npy(VALUES)[:20], "not a whole .npy"),
        (npy(VALUES)[:-1], "95 bytes of numbers instead of 96"),
        (npy(VALUES) + b"x", "97 bytes of numbers instead of 96"),
        (npy(VALUES).replace(b"(4, 2, 3)", b"(9**9**9)"), "not a whole .npy"),
        (npy(VALUES).replace(b"(4, 2, 3)", b"(4, 2,-3)"), "impossible shape"),
        (npy(np.array([None])), "an array of object instead of numbers"),
        (npy(np.array(["x"])), "instead of numbers"),
        (npy(VALUES).replace(b"NUMPY\1", b"NUMPY\3"), "version"),
    ],
)
def test_a_damaged_npy_is_one_sentence(data: bytes, reason: str) -> None:
    with pytest.raises(FormatError, match=reason):
        parse_npy(data, "a.npy")


def test_npz_content() -> None:
    arrays = parse_npz(npz(joints=VALUES, other=np.array([None])), ("joints", "confidence"))
    assert list(arrays) == ["joints"]
    np.testing.assert_array_equal(arrays["joints"], VALUES)
    with pytest.raises(FormatError, match=r"a\.npz, other: an array of object"):
        parse_npz(npz(other=np.array([None])), ("other",), "a.npz")


def test_a_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw_file, "MAX_BYTES", 100)
    with pytest.raises(FormatError, match="unpacks to more than the 100 bytes"):
        parse_npz(npz(joints=VALUES), ("joints",))


_SEED = npz(joints=VALUES)


@given(st.lists(st.tuples(st.integers(0, len(_SEED)), st.integers(0, 9), st.binary(max_size=4)), max_size=3))
@settings(max_examples=100, deadline=None)
def test_only_format_errors_come_out_of_a_mutated_npz(edits: list[tuple[int, int, bytes]]) -> None:
    data = _SEED
    for position, removed, token in edits:
        data = data[:position] + token + data[position + removed :]
    try:
        arrays = parse_npz(data, ("joints",), "a.npz")
    except FormatError as error:
        assert error.reason
    else:
        assert set(arrays) <= {"joints"}


def test_rows_of_a_npy_are_read_in_place(tmp_path: Path) -> None:
    (tmp_path / "a.npy").write_bytes(npy(VALUES))
    rows = npy_rows(*list_members([tmp_path]))
    assert len(rows) == 4
    member = rows.member(2)
    assert (member.where, member.size) == (f"{tmp_path.name}/a.npy, row 2", 24)
    np.testing.assert_array_equal(rows.parse(member.read()), VALUES[2])
    np.testing.assert_array_equal(rows.all(), VALUES)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_rows_of_a_npz_are_read_in_place(tmp_path: Path, save: Any) -> None:
    save(tmp_path / "a.npz", x=VALUES, y=VALUES[::-1])
    found = npz_rows(next(list_members([tmp_path / "a.npz"])), ("x", "y"))
    for row in (3, 0, 2):
        np.testing.assert_array_equal(found["x"].parse(found["x"].member(row).read()), VALUES[row])
        np.testing.assert_array_equal(found["y"].parse(found["y"].member(row).read()), VALUES[3 - row])


def test_what_has_no_rows_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    for values, reason in (
        (VALUES.T, "Fortran order"),
        (VALUES[0, 0], "without rows"),
        (VALUES[:0], "without rows"),
        (np.array([None]), "instead of numbers"),
    ):
        path.write_bytes(npy(values))
        with pytest.raises(FormatError, match=reason):
            npy_rows(*list_members([path]))
    path.write_bytes(npy(VALUES)[:-1])
    with pytest.raises(FormatError, match="95 bytes of numbers instead of 96: truncated"):
        npy_rows(*list_members([path]))
    packed = make_zip(tmp_path / "b.zip", {"a.npy": npy(VALUES)})
    with pytest.raises(FormatError, match="unpack the archive first"):
        npy_rows(*list_members([packed]))


def test_a_npz_of_another_kind_or_damaged_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    path.write_bytes(npz(x=VALUES))
    with pytest.raises(FormatError, match="it needs the arrays x, y"):
        npz_rows(*list_members([path]), ("x", "y"))
    path.write_bytes(b"PK nothing")
    with pytest.raises(FormatError, match=r"not a whole \.npz"):
        npz_rows(*list_members([path]), ("x",))


def test_a_row_of_a_damaged_npz_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    values = np.random.default_rng(0).normal(size=(50, 200)).astype(np.float32)
    path.write_bytes(npz(x=values))
    rows = npz_rows(*list_members([path]), ("x",))["x"]
    with zipfile.ZipFile(path) as archive:
        start = archive.getinfo("x.npy").header_offset + 2000
    data = bytearray(path.read_bytes())
    data[start : start + 2000] = b"\xff" * 2000
    path.write_bytes(data)
    with pytest.raises(FormatError, match="row 49: the npz is damaged"):
        rows.member(49).read()
