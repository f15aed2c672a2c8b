from __future__ import annotations

import io
import os
import pickle
import pickletools
import struct
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dualhead.formats.files.unpickle import unpickle
from dualhead.runtime.errors import FormatError

PLAIN = {
    "split": {"xsub_train": ["a", "b"], "n": None, "flag": True, "ratio": 0.5, "raw": b"\xff\0"},
    "annotations": [
        {"keypoint": np.arange(12, dtype=np.float16).reshape(1, 2, 3, 2), "label": np.int64(3), "shape": (1080, 1920)},
        {"keypoint": np.asfortranarray(np.arange(6, dtype=">f4").reshape(2, 3)), "names": np.array(["x", "yz"])},
        {"objects": np.array(["a", 1, None], object), "empty": np.zeros((0, 3)), "scalar": np.float32(1.5)},
    ],
    "more": OrderedDict(a={1, 2}, b=frozenset({3}), c=bytearray(b"x")),
}


def load(data: bytes) -> Any:
    return unpickle(io.BytesIO(data), "a.pkl")


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_data_come_back(protocol: int) -> None:
    back = load(pickle.dumps(PLAIN, protocol))
    assert back["split"] == PLAIN["split"]
    assert back["more"] == {"a": {1, 2}, "b": {3}, "c": bytearray(b"x")}
    for first, second in zip(back["annotations"], PLAIN["annotations"], strict=True):
        assert first.keys() == second.keys()  # type: ignore[attr-defined]
        for key, value in second.items():  # type: ignore[attr-defined]
            np.testing.assert_array_equal(first[key], value)
            assert getattr(first[key], "dtype", None) == getattr(value, "dtype", None)


def test_arrays_of_older_numpy_and_of_python_2_come_back() -> None:
    older = pickle.dumps(np.arange(3), 2).replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    np.testing.assert_array_equal(load(older), [0, 1, 2])
    # ('b', [1]) and a float32 array as Python 2 writes it: text instead of bytes
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR(I1\n(I2\ntcnumpy\ndtype\n"
        b"(S'f4'\nI0\nI1\ntR(I3\nS'<'\nNNNI-1\nI-1\nI0\ntbI00\nS'\\x00\\x00\\x80?\\x00\\x00\\x00@'\ntb."
    )
    np.testing.assert_array_equal(load(array), np.array([1, 2], np.float32))


LAUGHING = b")" + b"2\x86" * 40  # () in a pair of itself, 40 times: 2^40 values to hash


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"}(" + LAUGHING + b"K\x01u.", "a key of more than 100 values"),
        (b"}" + LAUGHING + b"K\x01s.", "a key of more than 100 values"),
        (b"(" + LAUGHING + b"K\x01d.", "a key of more than 100 values"),
        (b"\x8f(" + LAUGHING + b"\x90.", "a key of more than 100 values"),
        (b"(" + LAUGHING + b"\x91.", "a key of more than 100 values"),
        (b"cbuiltins\nset\n](" + LAUGHING + b"e\x85R.", "a key of more than 100 values"),
        (b"ccollections\nOrderedDict\n](" + LAUGHING + b"K\x01\x86e\x85R.", "a key of more than 100 values"),
        (b"cnumpy\ndtype\n" + LAUGHING + b"\x85R.", "an array of type tuple"),
        (b"}" + b"\x8b" + struct.pack("<i", 300) + b"\x7f" * 300 + b"K\x01s.", "more than 600 digits"),
        (b"}" + b"\x8a\x0a" + b"\x7f" * 10 + b"K\x01s.", "more than 64 bits as a key"),
        (b"}(K\x01\x91K\x01s.", "a frozenset as a key"),
        (b"}cnumpy\ndtype\nK\x01s.", "a method as a key"),
        (b"\x96" + struct.pack("<Q", 2**40) + b"abc.", "not a whole pickle"),
        (b"\x8e" + struct.pack("<Q", 2**40) + b"abc.", "not a whole pickle"),
        (b"\x95" + struct.pack("<Q", 2**40) + b"abc.", "not a whole pickle"),
        (b"]" * 100_000 + b"a" * 99_999 + b".", "not a whole pickle"),
        (b"cnumpy\ndtype\n}\x8c\x04evilK\x01sb.", "fills something that is not an array"),
        (pickle.dumps(np.zeros(3), 4)[2:-1] + b"K\x00]s.", "adds keys to something"),
    ],
)
def test_nothing_takes_for_ever_or_fills_the_memory(data: bytes, reason: str) -> None:
    with pytest.raises(FormatError, match=reason):
        load(b"\x80\x05" + data)


class _Call:
    def __init__(self, function: Any, *arguments: Any):
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (_Call(os.system, "touch pwned"), "system"),
        (_Call(eval, "1 + 1"), "eval"),
        (_Call(getattr, "x", "upper"), "getattr"),
        (_Call(np.load, "x.npy"), "load"),
        (_Call(np.frombuffer, b"12345678"), "frombuffer"),
        (os.system, "system"),
        (PLAIN | {"bad": _Call(exec, "raise SystemExit")}, "exec"),
    ],
)
def test_a_malicious_pickle_is_refused_and_runs_nothing(
    value: Any, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FormatError, match=rf"a.pkl: it asks for '\S*{name}', .* refused"):
        load(pickle.dumps(value))
    assert not list(tmp_path.iterdir())


def _short(text: str) -> bytes:
    return b"\x8c" + struct.pack("B", len(text)) + text.encode()


def test_names_with_dots_lead_nowhere() -> None:
    data = b"\x80\x04" + _short("numpy") + _short("ndarray.__class__") + b"\x93."
    with pytest.raises(FormatError, match=r"asks for 'numpy\.ndarray.__class__'"):
        load(data)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not a whole pickle"),
        (pickle.dumps(PLAIN)[:-20], "not a whole pickle"),
        (b"\x80\x04\x95garbage", "not a whole pickle"),
        (b"Pabc\n.", "outside the file"),
        (b"\x80\x04cnumpy\nndarray\n.", "a name instead of data"),
        (b"\x80\x04" + b"]" + b"\x94" + b"h\x00a.", "holds itself"),
        (b"\x80\x04cbuiltins\nbytearray\nJ\xff\xff\xff\x7f\x85R.", "invalid bytes"),
        (b"\x80\x04cnumpy\ndtype\n\x8c\x02M8\x85R.", "type 'M8'"),
        (pickle.dumps(np.zeros(3, [("a", "f4")]), 2), "type 'V4'"),
        (pickle.dumps(np.zeros(4)).replace(b"\x04\x85", b"\x05\x85"), "not a whole pickle|damaged"),
    ],
)
def test_damage_is_one_sentence(data: bytes, reason: str) -> None:
    with pytest.raises(FormatError, match=reason):
        load(data)


def test_a_pickle_cannot_change_the_reader() -> None:
    # BUILD with slot state on what stands for numpy.dtype: would set attributes where it can
    data = b"\x80\x04cnumpy\ndtype\nN}\x8c\x04evilK\x01s\x86b."
    with pytest.raises(FormatError):
        load(data)
    np.testing.assert_array_equal(load(pickle.dumps(np.arange(2))), [0, 1])


_SEED = pickle.dumps({"a": np.arange(3, dtype=np.float32), "b": [1, "x", (2.5, None)]}, 2)
_TOKENS = [bytes([code]) for code in (0, 1, 255)] + [opcode.code.encode("latin-1") for opcode in pickletools.opcodes]
_TOKENS += [LAUGHING, b"}" + LAUGHING + b"K\x01s", b"2" + LAUGHING + b"K\x01s"]


@given(st.lists(st.tuples(st.integers(0, len(_SEED)), st.integers(0, 8), st.sampled_from(_TOKENS)), max_size=4))
@settings(max_examples=200, deadline=None)
def test_only_format_errors_come_out_of_mutated_files(edits: list[tuple[int, int, bytes]]) -> None:
    data = _SEED
    for position, removed, token in edits:
        data = data[:position] + token + data[position + removed :]
    try:
        load(data)
    except FormatError as error:
        assert error.reason and error.path == "a.pkl"
