from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dualhead.formats.custom.clip_file import parse_clip
from dualhead.runtime.errors import FormatError
from dualhead.skeleton import Skeleton
from tests.formats.files.test_arrays import npy, npz

PAIR = Skeleton("pair", ("a", "b"), (0, 0), ((1, 0),), (), 0, 0, None, None, 3)
JOINTS = np.arange(1, 19, dtype=np.float32).reshape(3, 2, 3)
TWO = np.stack([JOINTS, -JOINTS])
CSV = "\n".join(",".join(map(str, frame.ravel())) for frame in JOINTS)
HEADER = "b_x,b_y,b_z,a_x,a_y,a_z"
SWAPPED = "\n".join(",".join(map(str, frame[::-1].ravel())) for frame in JOINTS)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("c.npy", npy(JOINTS)),
        ("c.npy", npy(JOINTS[None].astype(np.float64))),
        ("c.npz", npz(joints=JOINTS)),
        ("c.json", json.dumps(JOINTS.tolist()).encode()),
        ("c.json", json.dumps({"joints": JOINTS.tolist()}).encode()),
        ("c.csv", CSV.encode()),
        ("c.csv", b"\xef\xbb\xbf" + CSV.replace("\n", "\r\n\r\n").encode()),
        ("c.csv", f"{HEADER}\n{SWAPPED}".encode()),
    ],
)
def test_every_kind_gives_the_same_clip(name: str, data: bytes) -> None:
    np.testing.assert_array_equal(parse_clip(data, name, PAIR).dense([0])[0], JOINTS)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("c.npy", npy(TWO)),
        ("c.json", json.dumps(TWO.tolist()).encode()),
        ("c.csv", "\n".join(",".join(map(str, frame.ravel())) for frame in TWO.swapaxes(0, 1)).encode()),
    ],
)
def test_several_bodies(name: str, data: bytes) -> None:
    np.testing.assert_array_equal(parse_clip(data, name, PAIR).dense([0, 1]), TWO)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("c.npy", npy(np.where(JOINTS == 5, np.nan, JOINTS))),
        ("c.json", json.dumps(JOINTS.tolist()).replace("5.0", "null", 1).encode()),
        ("c.csv", CSV.replace("5.0", "", 1).encode()),
        ("c.csv", CSV.replace("5.0", "NaN", 1).encode()),
    ],
)
def test_a_missing_joint_becomes_zeros(name: str, data: bytes) -> None:
    joints = parse_clip(data, name, PAIR).dense([0])[0]
    assert joints[0].tolist() == [[1, 2, 3], [0, 0, 0]]
    np.testing.assert_array_equal(joints[1:], JOINTS[1:])


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n\r\n  \n"])
def test_a_line_of_empty_cells_is_a_frame_and_a_blank_one_is_none(end: bytes) -> None:
    first, _, last = CSV.encode().splitlines()
    recording = parse_clip(b"\n".join([first, b",,, ,,", b"", last, b",,,,,"]) + end, "c.csv", PAIR)
    absent = np.zeros((2, 3))
    np.testing.assert_array_equal(recording.dense([0])[0], [JOINTS[0], absent, JOINTS[2], absent])


def test_confidence_beside_the_joints() -> None:
    scores = np.full((3, 2), 0.5)
    for name, data in (
        ("c.npz", npz(joints=JOINTS, confidence=scores)),
        ("c.json", json.dumps({"joints": JOINTS.tolist(), "confidence": scores.tolist()}).encode()),
        ("c.npy", npy(np.concatenate([JOINTS, scores[..., None]], axis=2))),
    ):
        confidence = parse_clip(data, name, PAIR).confidence
        assert confidence is not None
        np.testing.assert_array_equal(confidence, scores)


@pytest.mark.parametrize(
    ("name", "data", "reason", "line"),
    [
        ("c.doc", b"", "ends in .npy, .npz, .csv, .txt, .json", None),
        ("c.npy", npy(JOINTS)[:-1], "truncated", None),
        ("c.npy", npy(JOINTS[:, :1]), "of another skeleton", None),
        ("c.npy", npy(JOINTS[:0]), "contains no frame", None),
        ("c.csv", HEADER.encode(), "contains no frame", None),
        ("c.npz", npz(points=JOINTS, other=JOINTS), "no array 'joints', but points .*, other", None),
        ("c.json", b'{"points": 1}', "needs the key 'joints'", None),
        ("c.json", b"[[[1, 2, 3]], [[1, 2]]]", r"^c\.json: \[1\]: .* array of numbers", None),
        ("c.json", b"[[1,\n2", "not whole JSON", 2),
        ("c.json", b'{"joints":\n[[[1, 2, 3]],\n[[1, 2]]]}', r"joints\[1\]: .* array of numbers", None),
        ("c.json", b"[[[1, 2, 3]],\n[[1, 2, {}]]]", r"\[1\]\[0\]\[2\]: .* array of numbers", None),
        ("c.csv", b"1,2,3,4,5,6\n1,2,3", "3 numbers instead of 6", 2),
        ("c.csv", b"1,2,3,4,5,6\n1,2,3,4,5,x", "'x' is not a number", 2),
        ("c.csv", b"1,2,3,4,5", "5 numbers in a line, but", 1),
        ("c.csv", b"a_x,a_y,a_z,b_x,b_y,c_z\n", "holds 'c_z', which is not a coordinate", 1),
        ("c.csv", b"a_x,a_y,a_z,b_x,b_y\n", "has no 'b_z'", 1),
        ("c.csv", b"a_x,a_y,a_z,b_x,b_y,b_z,a_z\n", "has 'a_z' twice", 1),
        ("c.csv", b"", "it is empty", None),
        ("c.csv", b"\n", "it is empty", None),
        ("c.csv", b"N/A,2,3,4,5,6\n1,2,3,4,5,6", "'N/A' is not a number", 1),
        ("c.csv", b"1;2;3;4;5;6\n", "separated by ';' instead of ','", 1),
        ("c.csv", b"1,5;2,5;3,5;4,5;5,5;6,5\n", "separated by ';' .* and points in numbers", 1),
        ("c.csv", b"a_x\ta_y\n1\t2\n", "separated by tabs instead of ','", 1),
        ("c.csv", b'"1,5","2,5","3,5","4,5","5,5","6,5"\n', "'1,5' is a number with a decimal comma", 1),
        ("c.csv", b'1.5,2,3,4,5,6\n"1,5",2,3,4,5,6\n', "'1,5' is a number with a decimal comma", 2),
        ("c.csv", b"1,2,3,4,5,1e999", "infinite", None),
        ("c.csv", b"1,2,3,4,5,6\n,,\n", "3 numbers instead of 6", 2),
        ("c.csv", b"1\n\xff", "not UTF-8", 2),
    ],
)
def test_damage_is_one_sentence(name: str, data: bytes, reason: str, line: int | None) -> None:
    with pytest.raises(FormatError, match=reason) as caught:
        parse_clip(data, name, PAIR)
    assert caught.value.line == line


@given(present=st.lists(st.lists(st.booleans(), min_size=2, max_size=2), min_size=1, max_size=6))
@settings(max_examples=40, deadline=None)
def test_whatever_is_missing_csv_and_npy_give_the_same_clip(present: list[list[bool]]) -> None:
    joints = np.arange(1.0, 6 * len(present) + 1).reshape(-1, 2, 3)
    joints[~np.array(present)] = np.nan
    text = "\n".join(",".join("" if np.isnan(value) else str(value) for value in frame.ravel()) for frame in joints)
    of_text, of_array = parse_clip(text.encode(), "c.csv", PAIR), parse_clip(npy(joints), "c.npy", PAIR)
    assert of_text.num_frames == of_array.num_frames == len(present)
    np.testing.assert_array_equal(of_text.dense([0]), of_array.dense([0]))


_TOKENS = [b"", b",", b"\n", b"\n,,,,,\n", b'"', b"nan", b"1e999", b"_", b"\xff", b"\0", b"[", b"]", b"9" * 400]


@pytest.mark.parametrize(
    ("name", "seed"),
    [("c.csv", CSV.encode()), ("c.json", json.dumps(JOINTS.tolist()).encode()), ("c.npy", npy(JOINTS))],
)
@given(edits=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 30), st.sampled_from(_TOKENS)), max_size=3))
@settings(max_examples=80, deadline=None)
def test_only_format_errors_come_out_of_mutated_files(
    name: str, seed: bytes, edits: list[tuple[int, int, bytes]]
) -> None:
    data = seed
    for position, removed, token in edits:
        data = data[:position] + token + data[position + removed :]
    try:
        recording = parse_clip(data, name, PAIR)
    except FormatError as error:
        assert error.reason
    else:
        assert np.isfinite(recording.joints).all()
