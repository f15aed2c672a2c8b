from __future__ import annotations

import io

import numpy as np
import pytest

from benchmarks.pose_samples import object_npy
from dualhead.formats.files.object_array import parse_object_npy, parse_object_npz
from dualhead.runtime.errors import FormatError
from tests.formats.files.test_arrays import npy


def test_one_record() -> None:
    held = parse_object_npy(object_npy({"a": np.arange(3), "b": ["x"]}))
    assert held["a"].tolist() == [0, 1, 2]
    assert held["b"] == ["x"]


def test_a_record_in_an_archive() -> None:
    stream = io.BytesIO()
    np.savez(stream, a=np.array({"b": 1}, object), c=np.zeros(2))
    assert parse_object_npz(stream.getvalue(), "a") == {"b": 1}
    with pytest.raises(FormatError, match="no array 'd'"):
        parse_object_npz(stream.getvalue(), "d")
    with pytest.raises(FormatError, match=r"\(2,\)"):
        parse_object_npz(stream.getvalue(), "c")
    with pytest.raises(FormatError, match="not a whole"):
        parse_object_npz(stream.getvalue()[:40], "a")


@pytest.mark.parametrize("data", [b"", b"\x93NUMPY", npy(np.zeros(3)), object_npy({"a": 1})[:-3], object_npy(print)])
def test_everything_else_is_refused(data: bytes) -> None:
    with pytest.raises(FormatError):
        parse_object_npy(data)
