"""A folder of videos for each class: labels, folds and persons from the folders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dualhead.reading import videos_source as module
from dualhead.reading.sources import get_source
from dualhead.reading.videos_source import videos
from dualhead.runtime.errors import FormatError
from dualhead.skeleton import COCO17, NTU25


@pytest.fixture(autouse=True)
def _no_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "require_pose_networks", lambda: None)


def put(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def test_classes_and_folds_follow_from_the_folders(tmp_path: Path) -> None:
    put(tmp_path, *(f"wave/{number}.mp4" for number in range(6)), "clap/a.MOV", "clap/b.webm", "clap/notes.txt")
    listing = videos().list_items([tmp_path])
    source = listing.source
    assert source is not None and source.classes == ("clap", "wave") and source.skeleton == NTU25
    assert [(item.sample.name, item.sample.label) for item in listing.items] == [
        ("0", 1), ("1", 1), ("2", 1), ("3", 1), ("4", 1), ("5", 1), ("a", 0), ("b", 0),
    ]  # fmt: skip
    folds = np.array([item.sample.fields["fold"] for item in listing.items])
    assert folds.tolist() == [0, 1, 2, 3, 4, 0, 0, 1]
    train, test = source.protocols["fold"].split(folds)
    assert test.tolist() == [1, 7] and len(train) == 6
    assert "xsub" not in source.protocols


def test_persons_in_folders_are_subjects(tmp_path: Path) -> None:
    put(tmp_path, *(f"{action}/{who}/1.mp4" for action in ("clap", "wave") for who in ("ann", "bob", "cem", "dan")))
    listing = videos().list_items([tmp_path])
    assert listing.source is not None
    rule = listing.source.protocols["xsub"]
    names = {item.sample.name: item.sample.fields["subject"] for item in listing.items}
    assert names["clap_ann_1"] == 0 and names["wave_dan_1"] == 3
    subjects = np.array([item.sample.fields["subject"] for item in listing.items])
    train, test = rule.split(subjects)
    assert set(subjects[train]) == {0, 1, 2} and set(subjects[test]) == {3}


def test_names_that_come_twice_are_told_apart(tmp_path: Path) -> None:
    put(tmp_path, "clap/a.mp4", "clap/a.mov", "wave/a.mp4", "wave/b.mp4")
    names = [item.sample.name for item in videos().list_items([tmp_path]).items]
    assert len(set(names)) == 4 and "b" in names and "wave_a" in names


@pytest.mark.parametrize(
    ("names", "words"), [((), "CLASS"), (("a.mp4",), "CLASS"), (("clap/a.mp4",), "'clap' has one video")]
)
def test_what_cannot_be_trained_on_is_refused(tmp_path: Path, names: tuple[str, ...], words: str) -> None:
    put(tmp_path, *names)
    with pytest.raises(FormatError, match=words):
        videos().list_items([tmp_path])


def test_a_video_outside_of_a_class_is_left_out_with_a_reason(tmp_path: Path) -> None:
    put(tmp_path, "clap/a.mp4", "clap/b.mp4", "c.mp4")
    (rejected,) = videos().list_items([tmp_path]).rejected
    assert rejected.name == "c.mp4" and "CLASS" in rejected.reason


def test_another_skeleton_may_be_chosen() -> None:
    flat = get_source("videos").with_skeleton(COCO17)
    assert flat.skeleton == COCO17 and flat.has_confidence
