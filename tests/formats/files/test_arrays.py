from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dualhead.formats.files import raw_file
from dualhead.formats.files.arrays import parse_npy, parse_npz
from dualhead.runtime.errors import FormatError

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
        (npy(VALUES)[:-1], "95 bytes of numbers instead of 96: truncated"),
        (npy(VALUES) + b"x", "97 bytes of numbers instead of 96: it is damaged, or something was added"),
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
