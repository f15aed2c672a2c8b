from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dualhead.formats.published import published
from dualhead.runtime.errors import FormatError
from dualhead.skeleton import NTU25, OPENPOSE18

NAMES = {"train": ["S001C001P001R001A001", "S001C002P002R001A002"], "val": ["S001C003P003R001A001"]}


def values(split: str, num_joints: int = 25) -> np.ndarray:
    joints = np.random.default_rng(len(split)).normal(size=(len(NAMES[split]), 3, 6, num_joints, 2)).astype(np.float32)
    joints[0, ..., 1] = 0
    return joints


def write_arrays(folder: Path, num_joints: int = 25, end: str = "data_joint.npy") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for split, names in NAMES.items():
        np.save(folder / f"{split}_{end}", values(split, num_joints))
        labels = [int(name[-3:]) - 1 for name in names]
        content: Any = ([f"{name}.skeleton" for name in names], labels)
        (folder / f"{split}_label.pkl").write_bytes(pickle.dumps(content))
    return folder


@pytest.mark.parametrize("end", ["data_joint.npy", "data.npy"])
def test_both_sides_with_names_and_fields(tmp_path: Path, end: str) -> None:
    listing = published().list_items([write_arrays(tmp_path / "xview", end=end)])
    source = listing.source
    assert source is not None
    assert [item.sample.name for item in listing.items] == [*NAMES["train"], *NAMES["val"]]
    assert listing.items[1].sample.label == 1
    assert listing.items[2].sample.fields == {"setup": 1, "camera": 3, "subject": 3, "repeat": 1, "side": 1}
    assert (list(source.protocols), source.prepared, source.max_bodies) == (["xview"], "dualhead", 2)
    joints = source.read(listing.items[1]).dense([0, 1])
    np.testing.assert_array_equal(joints.transpose(3, 1, 2, 0), values("train")[1])
    assert set(source.read(listing.items[0]).slots.tolist()) == {0}


def test_flat_arrays_hold_scores(tmp_path: Path) -> None:
    listing = published().with_skeleton(OPENPOSE18).list_items([write_arrays(tmp_path / "kinetics", 18)])
    source = listing.source
    assert source is not None
    assert (list(source.protocols), source.has_confidence) == (["official"], True)
    recording = source.read(listing.items[1])
    np.testing.assert_array_equal(recording.dense([0]).transpose(3, 1, 2, 0), values("train", 18)[1, :2, ..., :1])
    confidence = recording.dense_confidence([1])
    assert confidence is not None
    np.testing.assert_array_equal(confidence[0], values("train", 18)[1, 2, ..., 1])


def test_another_joint_count_is_not_guessed(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"3.*25.*openpose18"):
        published().list_items([write_arrays(tmp_path, 18)])


class _Evil:
    def __reduce__(self) -> Any:
        return exec, ("raise SystemExit",)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (_Evil(), "asks for .*exec"),
        ([1, 2, 3], "no pair of names and labels"),
        ((1, 2), "names and labels are not lists"),
        ((["a"], [0]), "1 names and 1 labels, but 2 rows"),
        ((["a", "b"], [0, -1]), "label '-1'"),
        (([1, "b"], [0, 1]), "a name in it is not text"),
    ],
)
def test_a_damaged_label_file_is_a_sentence(tmp_path: Path, content: Any, reason: str) -> None:
    write_arrays(tmp_path)
    (tmp_path / "train_label.pkl").write_bytes(pickle.dumps(content))
    with pytest.raises(FormatError, match=reason):
        published().list_items([tmp_path])


def test_missing_and_doubled_files_are_a_sentence(tmp_path: Path) -> None:
    write_arrays(tmp_path / "xsub")
    (tmp_path / "xsub" / "val_data_joint.npy").rename(tmp_path / "elsewhere.npy")
    with pytest.raises(FormatError, match=r"there is no val_data_joint\.npy"):
        published().list_items([tmp_path / "xsub"])
    write_arrays(tmp_path / "xsub")
    write_arrays(tmp_path / "xview")
    with pytest.raises(FormatError, match=r"train_data_joint\.npy .* 2 times"):
        published().list_items([tmp_path])


def test_names_on_both_sides_are_reported(tmp_path: Path) -> None:
    write_arrays(tmp_path)
    (tmp_path / "val_label.pkl").write_bytes(pickle.dumps((NAMES["train"][:1], np.array([0]))))
    listing = published().list_items([tmp_path])
    assert [duplicate.name for duplicate in listing.duplicates] == NAMES["train"][:1]
    assert len(listing.items) == 2


def test_what_the_arrays_do_not_say_is_read_beside_them(tmp_path: Path) -> None:
    facts = {"protocol": "rooms", "classes": ["sit", "stand"], "skeleton": OPENPOSE18.to_dict()}
    write_arrays(tmp_path, 18)
    (tmp_path / "dualhead.json").write_text(json.dumps(facts))
    source = published().list_items([tmp_path]).source
    assert source is not None
    assert (source.skeleton, source.classes, list(source.protocols)) == (OPENPOSE18, ("sit", "stand"), ["rooms"])
    assert source.prepared == "dualhead"  # the published one, where nothing else is said
    (tmp_path / "dualhead.json").write_text(json.dumps({**facts, "recipe": "resample6"}))
    for told in (published(), published().with_skeleton(OPENPOSE18)):
        source = told.list_items([tmp_path]).source
        assert source is not None and source.prepared == "resample6"
    with pytest.raises(FormatError, match=r"shape \(2, 3, 6, 18, 2\) .* of skeleton 'ntu25'"):
        published().with_skeleton(NTU25).list_items([tmp_path])


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ([], "dualhead.json: it needs 'protocol', 'classes' and 'skeleton'"),
        ({"protocol": 3, "classes": [], "skeleton": {}}, "it needs 'protocol'"),
        ({"protocol": "xsub", "classes": "ab", "skeleton": {}}, "it needs 'protocol'"),
        ({"protocol": "xsub", "classes": [], "skeleton": {"name": "x"}}, "the skeleton has no 'joints'"),
        (
            {"protocol": "xsub", "classes": [], "skeleton": NTU25.to_dict(), "recipe": 3},
            "its recipe 3 ",
        ),
    ],
)
def test_damaged_facts_are_a_sentence(tmp_path: Path, facts: Any, reason: str) -> None:
    write_arrays(tmp_path)
    (tmp_path / "dualhead.json").write_text(json.dumps(facts))
    with pytest.raises(FormatError, match=reason):
        published().list_items([tmp_path])
