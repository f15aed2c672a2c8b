from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dualhead.formats.pyskl import pyskl
from dualhead.runtime.errors import FormatError
from dualhead.skeleton import COCO17, NTU25, OPENPOSE18
from tests.formats.making import make_zip

FIRST, SECOND, THIRD = "S001C001P001R001A001", "S001C002P002R001A002", "S001C003P003R002A003"


def annotation(name: str, label: int, shape: tuple[int, ...] = (1, 4, 25, 3), **more: Any) -> dict[str, Any]:
    joints = np.random.default_rng(label).normal(size=shape).astype(np.float16)
    return {"frame_dir": name, "label": label, "total_frames": shape[1], "keypoint": joints, **more}


def write(path: Path, content: Any) -> Path:
    path.write_bytes(pickle.dumps(content))
    return path


def solid(path: Path) -> Path:
    split = {"xsub_train": [FIRST], "xsub_val": [SECOND], "xview_train": [FIRST, SECOND], "xview_val": [THIRD]}
    annotations = [annotation(name, label) for label, name in enumerate((FIRST, SECOND, THIRD))]
    return write(path, {"split": split, "annotations": annotations})


def test_solid_annotations_with_splits_and_fields(tmp_path: Path) -> None:
    listing = pyskl().list_items([solid(tmp_path / "ntu60_3danno.pkl")])
    source = listing.source
    assert source is not None
    assert (source.skeleton, source.has_confidence, len(source.classes)) == (NTU25, False, 60)
    assert source.fields == ("setup", "camera", "subject", "repeat", "xsub_side", "xview_side")
    fields = {item.sample.name: item.sample.fields for item in listing.items}
    assert fields[THIRD] == {"setup": 1, "camera": 3, "subject": 3, "repeat": 2, "xsub_side": 3, "xview_side": 1}
    train, test = source.protocols["xsub"].split(np.array([fields[name]["xsub_side"] for name in sorted(fields)]))
    assert (train.tolist(), test.tolist()) == ([0], [1])  # the third is in neither split
    joints = annotation(FIRST, 0)["keypoint"].astype(np.float32)
    np.testing.assert_array_equal(source.read(listing.items[0]).dense([0]), joints)


def test_flat_annotations_keep_scores_and_image_size(tmp_path: Path) -> None:
    score = np.full((1, 4, 17), 0.5, np.float16)
    content = {
        "split": {"train1": ["a"], "test1": ["b"], "train2": ["b"], "test2": ["a"]},
        "annotations": [
            annotation("a", 0, (1, 4, 17, 2), keypoint_score=score, img_shape=(1080, 1920)),
            annotation("b", 1, (1, 4, 17, 2), keypoint_score=score, img_shape=(240, np.int64(320))),
        ],
    }
    listing = pyskl().list_items([write(tmp_path / "hmdb51.pkl", content)])
    source = listing.source
    assert source is not None
    assert (source.skeleton, source.has_confidence, source.classes) == (COCO17, True, ("class 0", "class 1"))
    assert listing.items[1].sample.fields == {"split1_side": 1, "split2_side": 0, "height": 240, "width": 320}
    confidence = source.read(listing.items[0]).confidence
    assert confidence is not None
    assert (confidence == 0.5).all()


def test_a_given_skeleton_counts(tmp_path: Path) -> None:
    path = write(tmp_path / "a.pkl", [annotation("a", 0, (1, 4, 18, 2))])
    listing = pyskl().with_skeleton(OPENPOSE18).list_items([path])
    assert listing.source is not None
    assert listing.source.read(listing.items[0]).joints.shape == (4, 18, 2)
    guessed = pyskl().list_items([path])
    assert guessed.source is not None
    with pytest.raises(FormatError, match=r"'coco17' needs .* of another skeleton"):
        guessed.source.read(guessed.items[0])


def test_older_files_without_splits_say_the_side_in_their_names(tmp_path: Path) -> None:
    write(tmp_path / "ntu60_xsub_train.pkl", [annotation(FIRST, 0)])
    write(tmp_path / "ntu60_xsub_val.pkl", [annotation(SECOND, 1)])
    listing = pyskl().list_items([tmp_path])
    assert listing.source is not None
    assert list(listing.source.protocols) == ["ntu60_xsub"]
    assert [item.sample.fields["ntu60_xsub_side"] for item in listing.items] == [0, 1]


def test_where_there_is_a_test_side_validation_is_neither(tmp_path: Path) -> None:
    split = {"train": ["a"], "val": ["b"], "test": ["c"]}
    path = write(tmp_path / "a.pkl", {"split": split, "annotations": [annotation(name, 0) for name in "abcd"]})
    listing = pyskl().list_items([path])
    assert [item.sample.fields["official_side"] for item in listing.items] == [0, 2, 1, 3]


def test_what_cannot_be_used_is_listed_with_its_reason(tmp_path: Path) -> None:
    wrong: list[Any] = [
        {"label": 1},
        {"frame_dir": "a", "label": 1, "total_frames": 4},
        annotation("b", 0) | {"total_frames": 5},
        annotation("c", 0) | {"label": "x"},
        annotation("d", 0) | {"keypoint_score": [1]},
        {key: value for key, value in annotation("e", 0).items() if key != "label"},
        annotation("good", 0),
        annotation("good", 0),
    ]
    listing = pyskl().list_items([write(tmp_path / "a.pkl", {"annotations": wrong})])
    assert [item.sample.name for item in listing.items] == ["good"]
    reasons = [(rejected.path, rejected.reason) for rejected in listing.rejected]
    assert [path for path, _ in reasons] == [f"a.pkl, annotation {number}" for number in range(6)]
    words = ("frame_dir", "no array 'keypoint'", "'total_frames' is 5", "label 'x'", "keypoint_score", "no key 'label'")
    for (_, reason), expected in zip(reasons, words, strict=True):
        assert expected in reason
    assert [duplicate.dropped for duplicate in listing.duplicates] == ["a.pkl, annotation 7"]
    assert str(listing.items[0].member.read()[:2]) != ""


def test_names_of_a_split_without_an_annotation_are_listed_once(tmp_path: Path) -> None:
    split = {"xsub_train": ["a", "gone"], "xsub_val": ["b"], "xview_train": ["gone"], "xview_val": ["bad", "a"]}
    annotations = [annotation("a", 0), annotation("b", 1), annotation("bad", 0) | {"total_frames": 5}]
    listing = pyskl().list_items([write(tmp_path / "a.pkl", {"split": split, "annotations": annotations})])
    assert [item.sample.name for item in listing.items] == ["a", "b"]
    assert [(item.name, item.kind, str(item)) for item in listing.rejected[1:]] == [
        ("gone", "missing", "a.pkl: annotation 'gone' is named by split 'xsub_train', but missing or unusable"),
        ("bad", "missing", "a.pkl: annotation 'bad' is named by split 'xview_val', but missing or unusable"),
    ]


@pytest.mark.parametrize(
    ("shape", "fields"),
    [
        ((480, 640), {"height": 480, "width": 640}),
        (np.array([480, 640]), {"height": 480, "width": 640}),
        (480, {"height": 0, "width": 0}),
        ("480x640", {"height": 0, "width": 0}),
        (None, {"height": 0, "width": 0}),
    ],
)
def test_the_size_of_images_may_be_anything(tmp_path: Path, shape: Any, fields: dict[str, int]) -> None:
    path = write(tmp_path / "a.pkl", [annotation("a", 0, (1, 4, 17, 2), img_shape=shape)])
    (item,) = pyskl().list_items([path]).items
    assert {name: item.sample.fields[name] for name in fields} == fields


def test_a_number_of_frames_that_is_none_is_listed(tmp_path: Path) -> None:
    several = annotation("a", 0) | {"total_frames": np.array([4, 4])}
    (rejected,) = pyskl().list_items([write(tmp_path / "a.pkl", [several, annotation("b", 0)])]).rejected
    assert rejected.reason == "'total_frames' is [4 4], but 'keypoint' has 4 frames"


class _Evil:
    def __reduce__(self) -> Any:
        return os.system, ("touch pwned",)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"annotations": [_Evil()]}, "asks for .*system"),
        ({"split": {}}, "needs 'annotations'"),
        ({"annotations": [{}]}, "no usable annotation among 1, the first: "),
        ({"annotations": [], "split": {"train": 3}}, "'split' is not a table"),
        (
            {"annotations": [annotation("a", 0)], "split": {"train": ["a"], "val": ["a"]}},
            "'a' is in both splits of 'official'",
        ),
        ({"annotations": [annotation("a", 0)], "skeleton": {"name": "x"}}, "the skeleton has no 'joints'"),
    ],
)
def test_a_pickle_of_another_kind_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: Any, reason: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FormatError, match=reason):
        pyskl().list_items([write(tmp_path / "a.pkl", content)])
    assert [path.name for path in tmp_path.iterdir()] == ["a.pkl"]


def test_which_file_must_be_clear(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no pickle"):
        pyskl().list_items([tmp_path])
    solid(tmp_path / "a.pkl")
    solid(tmp_path / "b.pkl")
    with pytest.raises(FormatError, match="2 pickles with splits of their own"):
        pyskl().list_items([tmp_path])
    with pytest.raises(FormatError, match="unpack the archive first"):
        pyskl().list_items([make_zip(tmp_path / "c.zip", {"a.pkl": (tmp_path / "a.pkl").read_bytes()})])
