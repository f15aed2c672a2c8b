from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dualhead.formats.files.array_rows import npy_rows, npz_rows
from dualhead.formats.files.member import list_members
from dualhead.runtime.errors import DamageError, FormatError
from tests.formats.files.test_arrays import VALUES, npy, npz
from tests.formats.making import make_zip


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
        (np.float32(3), "no rows"),
        (VALUES[:0], "no rows"),
        (np.array([None]), "instead of numbers"),
    ):
        path.write_bytes(npy(values))
        with pytest.raises(FormatError, match=reason):
            npy_rows(*list_members([path]))
    path.write_bytes(npy(VALUES)[:-1])
    with pytest.raises(FormatError, match=r"95.*96"):
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
    with pytest.raises(DamageError, match="x: the npz is damaged"):
        rows.member(49).read()


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_the_last_row_answers_for_the_checksum_of_all(tmp_path: Path, save: Any) -> None:
    path = tmp_path / "a.npz"
    values = np.random.default_rng(0).integers(0, 4, size=(300, 50)).astype(np.float32)
    save(path, x=values)
    whole = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo("x.npy")
    start = info.header_offset + info.compress_size // 2  # behind what is unpacked to read the head
    for place in range(start, info.header_offset + info.compress_size, 901):
        damaged = bytearray(whole)
        damaged[place] ^= 8
        path.write_bytes(damaged)
        rows = npz_rows(*list_members([path]), ("x",))["x"]
        with pytest.raises(DamageError, match=r"x: the npz is damaged .* again"):
            rows.member(299).read()


def test_a_named_pipe_has_no_rows(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.npy")
    with pytest.raises(FormatError, match="it is a named pipe"):
        npy_rows(*list_members([tmp_path / "a.npy"]))
