from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest

from dualhead.runtime.npz import NPZ_DAMAGE, read_npz


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
