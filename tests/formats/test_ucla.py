from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dualhead.formats.ucla import parse_ucla, ucla
from dualhead.runtime.errors import FormatError
from tests.formats.making import make_ucla_json


def test_a_clip_is_one_body_in_every_frame() -> None:
    joints = np.arange(120).reshape(2, 20, 3)
    data = json.dumps({"file_name": "a", "skeletons": joints.tolist(), "label": 10}).encode()
    recording, label = parse_ucla(data)
    assert label == 9
    assert recording.num_frames == 2
    assert recording.frames.tolist() == [0, 1]
    assert recording.slots.tolist() == [0, 0]
    assert recording.joints[1, 0].tolist() == [60, 61, 62]


def test_names_give_label_and_fields() -> None:
    sample = ucla().sample("a08_s01_e05_v03")
    assert sample is not None
    assert sample.label == 6  # actions 7 and 10 are not used
    assert sample.fields == {"subject": 1, "repeat": 5, "camera": 3}
    assert ucla().classes[6] == "donning"
    with pytest.raises(FormatError, match=r"07.*NW.*UCLA.*1.*2.*3.*4.*5.*6.*8.*9.*11.*12"):
        ucla().sample("a07_s01_e05_v03")
    for name in ("a1_s01_e05_v03", "val_label"):
        with pytest.raises(FormatError, match="is not a sample name"):
            ucla().sample(name)


def test_a_renamed_file_is_noticed() -> None:
    source = ucla()
    with pytest.raises(FormatError, match="label is 1, but its name says 2"):
        source.parse(make_ucla_json(label=1), "x", source.sample("a02_s01_e00_v01"))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not whole JSON"),
        (b'{"skeletons": [[[1, 2', "not whole JSON"),
        (b"[" * 100_000, "not JSON of a recording"),
        (b"\xff\xfe{}", "not"),
        (b"[]", "needs the key 'skeletons'"),
        (b'{"skeletons": [], "label": 1}', r"shape \(0,\)"),
        (b'{"skeletons": [[[1, 2, 3], [1, 2]]], "label": 1}', "array of numbers"),
        (b'{"skeletons": {"a": 1}, "label": 1}', "array of numbers"),
        (b'{"skeletons": [], "label": 11}', "label '11'"),
        (b'{"skeletons": [], "label": "1"}', "label '1'"),
        (json.dumps({"skeletons": [[[float("nan")] * 3] * 20], "label": 1}).encode(), "not a number of metres"),
        (json.dumps({"skeletons": [[[1e9] * 3] * 20], "label": 1}).encode(), "not a number of metres"),
        (json.dumps({"skeletons": [[[None] * 3] * 20], "label": 1}).encode(), "not a number of metres"),
        (json.dumps({"skeletons": [[[10**400] * 3] * 20], "label": 1}).encode(), "array of numbers"),
    ],
)
def test_damage_is_one_sentence(data: bytes, reason: str) -> None:
    with pytest.raises(FormatError, match=reason):
        parse_ucla(data, "a.json")


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("1.5", '"x"', "skeletons[0][1][0]"),
        ("1.5", "1e9", "skeletons[0][1]"),
        ("1.5", "NaN", "skeletons[0][1]"),
        ("[1.5, 0, 0]", "[0, 0]", "skeletons[0][1]"),
        ('"label": 2', '"label": 0', "label"),
    ],
)
def test_damage_has_its_place(old: str, new: str, place: str) -> None:
    rest = ", [0, 0, 0]" * 18
    text = f'{{"label": 2,\n"skeletons": [[[0, 0, 0],\n[1.5, 0, 0]{rest}]]}}'
    parse_ucla(text.encode())
    with pytest.raises(FormatError) as caught:
        parse_ucla(text.replace(old, new).encode(), "a.json")
    assert caught.value.reason.startswith(f"{place}: ")


def test_broken_json_is_named_with_its_line() -> None:
    with pytest.raises(FormatError) as caught:
        parse_ucla(b'{"label": 1,\n"skeletons": [[1, }', "a.json")
    assert caught.value.line == 2


_SEED = make_ucla_json(frames=1)
_TOKENS = [b"", b"[", b"]", b"{", b'"', b",", b"NaN", b"1e999", b"9" * 5000, b"\xff", b"null", b"true", b"Infinity"]


@given(st.lists(st.tuples(st.integers(0, len(_SEED)), st.integers(0, 30), st.sampled_from(_TOKENS)), max_size=3))
@settings(max_examples=300, deadline=None)
def test_only_format_errors_come_out_of_mutated_files(edits: list[tuple[int, int, bytes]]) -> None:
    data = _SEED
    for position, removed, token in edits:
        data = data[:position] + token + data[position + removed :]
    try:
        recording, label = parse_ucla(data)
    except FormatError as error:
        assert error.reason
    else:
        assert label is None or 0 <= label < 10
        assert np.isfinite(recording.joints).all()


def test_the_real_set_is_listed(shared: Path) -> None:
    source = ucla()
    listing = source.list_items([shared / "nw-ucla" / "all_sqe.zip"])
    assert len(listing.items) == 1484
    cameras = np.array([item.sample.fields["camera"] for item in listing.items])
    train, test = source.protocols["xview"].split(cameras)
    assert (len(train), len(test)) == (1020, 464)
    assert source.read(listing.items[0]).joints.shape[1:] == (20, 3)
