from __future__ import annotations

import io
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from dualhead.runtime.npz import NPZ_DAMAGE, map_of, read_npz


def packed(compressed: bool = False, **arrays: object) -> io.BytesIO:
    file = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(file, **arrays)  # type: ignore[arg-type]
    return file


def test_the_arrays_that_are_needed_are_read() -> None:
    found = read_npz(packed(a=np.arange(3), b=np.array("x")), ["a"])
    assert list(found) == ["a"] and found["a"].tolist() == [0, 1, 2]
    with pytest.raises(KeyError, match="c"):
        read_npz(packed(a=np.arange(3)), ["a", "c"])


def test_what_grows_more_than_a_hundredfold_is_refused() -> None:
    with pytest.raises(ValueError, match="hundredfold"):
        read_npz(packed(compressed=True, a=np.zeros(10**6)), ["a"])


def test_damage_and_pickles_are_errors_of_one_list() -> None:
    good = packed(a=np.arange(3), b=np.arange(5.0)).getvalue()
    rng = np.random.default_rng(0)
    for _ in range(300):
        bad = bytearray(good)
        bad[rng.integers(len(bad))] ^= 1 << int(rng.integers(8))
        try:
            read_npz(io.BytesIO(bytes(bad)), ["a", "b"])
        except NPZ_DAMAGE:
            continue
    with pytest.raises(NPZ_DAMAGE):
        read_npz(packed(a=np.array([{}], object)), ["a"])
    with pytest.raises(NPZ_DAMAGE):
        read_npz(io.BytesIO(b"PK"), ["a"])
    empty = io.BytesIO()
    zipfile.ZipFile(empty, "w").close()
    with pytest.raises(KeyError):
        read_npz(empty, ["a"])


@pytest.mark.parametrize("values", [np.arange(6.0).reshape(2, 3), np.arange(6.0).reshape(3, 2).T, np.empty((0, 3))])
def test_a_mapped_array_is_the_one_that_was_saved(tmp_path: Path, values: np.ndarray) -> None:
    for compressed in (False, True):
        path = tmp_path / "a.npz"
        path.write_bytes(packed(compressed, a=values, b=np.arange(3)).getvalue())
        with path.open("rb") as file:
            found = read_npz(file, ["a", "b"], mapped=["a"])
        assert np.array_equal(found["a"], values) and found["b"].tolist() == [0, 1, 2]
        assert (map_of(found["a"]) is None) == (compressed or not values.size or sys.platform == "win32")


def test_a_flipped_bit_never_gives_another_mapped_array(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    good = packed(a=np.arange(20.0)).getvalue()
    refused = 0
    for place in range(len(good)):
        bad = bytearray(good)
        bad[place] ^= 1 << place % 8
        path.write_bytes(bytes(bad))
        try:
            with path.open("rb") as file:
                found = read_npz(file, ["a"], mapped=["a"])["a"]
        except NPZ_DAMAGE:
            refused += 1
        else:
            assert np.array_equal(found, np.arange(20.0))
    assert refused > len(good) / 2
