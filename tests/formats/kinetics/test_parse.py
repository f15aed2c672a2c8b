from __future__ import annotations

import json
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dualhead.formats.kinetics.parse import kinetics, parse_kinetics
from dualhead.runtime.errors import FormatError


def person(x: float, score: float) -> dict[str, Any]:
    return {"pose": [x, 0.5] * 18, "score": [score] * 18}


def clip(frames: dict[int, list[dict[str, Any]]], label: int = 1) -> bytes:
    data = [{"frame_index": frame, "skeleton": people} for frame, people in frames.items()]
    return json.dumps({"data": data, "label": "x", "label_index": label}).encode()


def entry(label: int, has_skeleton: bool = True, name: str | None = None) -> dict[str, Any]:
    return {"has_skeleton": has_skeleton, "label": name or f"action {label}", "label_index": label}


def write_tree(folder: Path) -> Path:
    """Two clips of the train split, one without anybody, one that is labelled so; one of the val split."""
    for split, clips in {"train": {"a": 1, "b": 1, "c": 0, "e": 2}, "val": {"d": 2}}.items():
        (folder / f"kinetics_{split}").mkdir(parents=True)
        for name, label in clips.items():
            people = [] if name == "b" else [person(0.25, 0.5)]
            (folder / f"kinetics_{split}" / f"{name}.json").write_bytes(clip({1: people}, label))
        labels = {name: entry(label, name != "e") for name, label in clips.items()}
        (folder / f"kinetics_{split}_label.json").write_text(json.dumps(labels))
    return folder


def test_a_clip_by_hand() -> None:
    recording, label = parse_kinetics(clip({1: [person(0.25, 0.5), person(0.75, 1.1)], 7: [], 3: [person(1.2, 0.1)]}))
    assert label == 1
    assert recording.num_frames == 8
    assert recording.frames.tolist() == [1, 1, 3]
    assert recording.slots.tolist() == [0, 1, 0]
    assert recording.joints[1, 17].tolist() == [0.75, 0.5]
    assert recording.confidence is not None
    assert recording.confidence[:, 0].tolist() == [0.5, 1.1, 0.1]
    nobody, _ = parse_kinetics(clip({1: [], 250: []}))
    assert (nobody.num_observations, nobody.num_frames, nobody.joints.shape) == (0, 251, (0, 18, 2))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b'{"data": 1}', "needs a list 'data'"),
        (b"[]", "needs a list 'data'"),
        (clip({300: []}), "'frame_index' is '300' .* 0 to 299"),
        (clip({-1: []}), "'frame_index' is '-1'"),
        (clip({1: []}, label=-2), "'label_index' is '-2'"),
        (clip({1: []}).replace(b'"frame_index": 1', b'"frame_index": true'), "'frame_index' is 'True'"),
        (clip({1: [{"pose": [0.5] * 35, "score": [1] * 18}]}), "36 numbers in 'pose' and 18 in 'score'"),
        (clip({1: [{"pose": [0.5] * 36}]}), "36 numbers in 'pose'"),
        (clip({1: [{"pose": ["x"] * 36, "score": [1] * 18}]}), "36 numbers"),
        (clip({1: [person(float("nan"), 1)]}), "a coordinate or score that is not a number"),
        (clip({1: [person(0.5, float("inf"))]}), "a coordinate or score that is not a number"),
        (b'{"data": [{"frame_index": 1}], "label_index": 1}', "no list 'skeleton'"),
        (b'{"data": [{"frame_index": 1, "skeleton": [3]}], "label_index": 1}', "frame 1 .* record"),
        (
            b'{"data": [{"frame_index": 1, "skeleton": []}, {"frame_index": 1, "skeleton": []}], "label_index": 1}',
            "comes twice",
        ),
    ],
)
def test_damage_is_one_sentence(data: bytes, reason: str) -> None:
    with pytest.raises(FormatError, match=reason):
        parse_kinetics(data, "a.json")


def test_a_clip_of_ones_own_has_no_label() -> None:
    recording, label = parse_kinetics(clip({1: [person(0.25, 0.5)]}, label=-1))
    assert (label, recording.num_frames) == (None, 2)


def test_a_label_without_a_number_is_found_by_its_name() -> None:
    data = json.dumps({"data": [], "label": "dancing"}).encode()
    assert parse_kinetics(data, classes=("abseiling", "dancing"))[1] == 1
    assert parse_kinetics(data, classes=("abseiling",))[1] is None
    assert parse_kinetics(data)[1] is None
    assert parse_kinetics(json.dumps({"data": [], "label": "dancing", "label_index": 0}).encode())[1] == 0
    for content in ({"data": []}, {"data": [], "label": 7}):
        with pytest.raises(FormatError, match=r"'label_index'.*'label'"):
            parse_kinetics(json.dumps(content).encode())


def test_what_the_label_files_say_decides(tmp_path: Path) -> None:
    listing = kinetics().list_items([write_tree(tmp_path / "raw")])
    assert [(item.sample.name, item.sample.label, item.sample.fields) for item in listing.items] == [
        ("a", 1, {"side": 0}),
        ("b", 1, {"side": 0}),
        ("c", 0, {"side": 0}),
        ("d", 2, {"side": 1}),
    ]
    (rejected,) = listing.rejected
    assert (rejected.name, rejected.kind) == ("e", "missing")
    assert rejected.reason == "raw/kinetics_train_label.json says that it has no skeleton"
    source = listing.source
    assert source is not None
    assert source.classes[:4] == ("action 0", "action 1", "action 2", kinetics().classes[3])
    assert len(source.classes) == 400
    train, test = source.protocols["official"].split(np.array([0, 0, 0, 1]))
    assert (train.tolist(), test.tolist()) == ([0, 1, 2], [3])


def test_zip_tar_and_label_files_beside_give_the_same(tmp_path: Path) -> None:
    raw = write_tree(tmp_path / "raw")
    expected = [item.sample for item in kinetics().list_items([raw]).items]
    with zipfile.ZipFile(tmp_path / "k.zip", "w") as archive, tarfile.open(tmp_path / "k.tar.gz", "w:gz") as tar:
        for path in sorted(raw.rglob("*.json")):
            archive.write(path, path.relative_to(tmp_path))
        tar.add(raw, "raw")
    for source in (tmp_path / "k.zip", tmp_path / "k.tar.gz"):
        listing = kinetics().list_items([source])
        assert [item.sample for item in listing.items] == expected
        assert kinetics().read(listing.items[0]).num_observations == 1
    only = kinetics().list_items([raw / "kinetics_train"])
    assert [item.sample for item in only.items] == expected[:3]


def test_files_and_names_that_do_not_meet_are_reported(tmp_path: Path) -> None:
    raw = write_tree(tmp_path / "raw")
    (raw / "kinetics_train" / "a.json").rename(raw / "kinetics_val" / "a.json")
    (raw / "kinetics_val" / "z.json").write_bytes(clip({}))
    (raw / "more" / "kinetics_train").mkdir(parents=True)
    (raw / "more" / "kinetics_train" / "c.json").write_bytes(clip({}, 0))
    listing = kinetics().list_items([raw])
    assert [item.sample.name for item in listing.items] == ["b", "c", "d"]
    assert {(item.name, item.kind, item.reason) for item in listing.rejected} >= {
        ("a", "name", "no label file of its split names it"),
        ("z", "name", "no label file of its split names it"),
        ("a", "missing", "a.json is named here, but was not found"),
    }
    assert [item.dropped for item in listing.duplicates] == ["raw/more/kinetics_train/c.json"]


def test_a_label_that_differs_is_noticed(tmp_path: Path) -> None:
    raw = write_tree(tmp_path / "raw")
    (raw / "kinetics_val" / "d.json").write_bytes(clip({}, 1))
    source = kinetics()
    with pytest.raises(FormatError, match="its label is 1, but the label file says 2"):
        source.read(source.list_items([raw]).items[3])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("[1]", "no table of clip names"),
        ('{"a": 1}', "'a' has no 'label'"),
        (json.dumps({"a": entry(1, name="x"), "b": entry(1, name="y")}), "label_index 1 is both 'x' and 'y'"),
        (json.dumps({"a": entry(10**9)}), "'label_index' of 'a' is '1000000000'"),
    ],
)
def test_a_damaged_label_file_is_a_sentence(tmp_path: Path, content: str, reason: str) -> None:
    (tmp_path / "kinetics_train_label.json").write_text(content)
    with pytest.raises(FormatError, match=reason):
        kinetics().list_items([tmp_path])


def test_without_label_files_nothing_is_guessed(tmp_path: Path) -> None:
    raw = write_tree(tmp_path / "raw")
    for path in raw.glob("*_label.json"):
        path.unlink()
    with pytest.raises(FormatError, match=r"5.*JSON.*0 label"):
        kinetics().list_items([raw])


def _changed(change: Callable[[dict[str, Any]], object]) -> bytes:
    content = json.loads(clip({1: [], 3: [person(0.25, 0.5), person(0.5, 0.5)]}))
    change(content)
    return json.dumps(content).encode()


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda content: content.update(label_index=-2), "label_index"),
        (lambda content: content["data"][1].update(frame_index=300), "data[1].frame_index"),
        (lambda content: content["data"].append({"frame_index": 1.0, "skeleton": []}), "data[2].frame_index"),
        (
            lambda content: content["data"][1].update(skeleton=[{"pose": [7.5], "score": [1]}]),
            "data[1].skeleton[0].pose",
        ),
        (lambda content: content["data"][1]["skeleton"].append(7.5), "data[1].skeleton[2]"),
        (lambda content: content["data"][1]["skeleton"][1].update(score=["x"] * 18), "data[1].skeleton[1].score"),
        (lambda content: content["data"][1]["skeleton"][1]["pose"].__setitem__(3, 1e9), "data[1].skeleton[1].pose"),
    ],
)
def test_damage_has_its_place(change: Callable[[dict[str, Any]], object], place: str) -> None:
    with pytest.raises(FormatError) as caught:
        parse_kinetics(_changed(change), "a.json")
    assert caught.value.reason.startswith(f"{place}: ")


def test_a_missing_list_is_heeded(tmp_path: Path) -> None:
    raw = write_tree(tmp_path / "raw")
    (tmp_path / "list.txt").write_text("Names\na\nc\n")
    assert kinetics().list_items([raw], tmp_path / "list.txt").missing == {"a": "list.txt", "c": "list.txt"}
    (tmp_path / "list.txt").write_text("Names\n")
    with pytest.raises(FormatError, match="no line is the name of a sample"):
        kinetics().list_items([raw], tmp_path / "list.txt")


def test_shipped_names_are_those_of_the_real_label_files(shared: Path) -> None:
    listing = kinetics().list_items([shared / "kinetics-mini"])
    assert listing.source is not None
    assert listing.source.classes == kinetics().classes
    assert (kinetics().classes[0], kinetics().classes[5], kinetics().classes[399]) == ("abseiling", "archery", "zumba")
    assert len(listing.items) == 15


_SEED = clip({1: [person(0.25, 0.5)]})
_TOKENS = [b"", b"[", b"]", b"{", b'"', b",", b"NaN", b"1e999", b"9" * 5000, b"\xff", b"null", b"true", b"-1"]


@given(st.lists(st.tuples(st.integers(0, len(_SEED)), st.integers(0, 30), st.sampled_from(_TOKENS)), max_size=3))
@settings(max_examples=120, deadline=None)
def test_only_format_errors_come_out_of_mutated_files(edits: list[tuple[int, int, bytes]]) -> None:
    data = _SEED
    for position, removed, token in edits:
        data = data[:position] + token + data[position + removed :]
    try:
        recording, label = parse_kinetics(data)
    except FormatError as error:
        assert error.reason
    else:
        assert label is None or 0 <= label < 10_000
        assert np.isfinite(recording.joints).all()
        assert recording.num_frames <= 300


def test_the_ending_of_a_clip_counts_in_any_case(tmp_path: Path) -> None:
    path = write_tree(tmp_path) / "kinetics_train" / "a.json"
    path.rename(path.with_suffix(".JSON"))
    assert "a" in [item.sample.name for item in kinetics().list_items([tmp_path]).items]


@pytest.mark.parametrize("key", ["pose", "score"])
@pytest.mark.parametrize("value", [None, float("nan"), float("inf"), "0.5", True, -1e9])
def test_what_is_no_number_is_damage_in_any_list_of_a_person(key: str, value: object) -> None:
    content = json.loads(clip({0: [person(0.25, 0.5)], 3: [person(0.25, 0.59), person(0.5, 0.5)]}))
    content["data"][1]["skeleton"][1][key][7] = value
    with pytest.raises(FormatError, match="person"):
        parse_kinetics(json.dumps(content).encode())


def test_a_score_below_zero_is_damage() -> None:
    with pytest.raises(FormatError, match="below 0"):
        parse_kinetics(clip({0: [person(0.25, -5)]}))
