from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.pose_samples import ultralytics, ultralytics_detection, ultralytics_frame, ultralytics_label
from dualhead.formats.file_format import RawClip, ReadingOptions
from dualhead.formats.files.member import list_members
from dualhead.formats.ultralytics import parse_label_line, parse_ultralytics
from dualhead.reading.listing import find_recordings
from dualhead.runtime.errors import FormatError
from tests.formats.making import kind_of, read_raw


def read_folder(folder: Path, **options: Any) -> list[RawClip]:
    """Read the recordings of a folder of one file a frame."""
    found = find_recordings(list(list_members([folder])), ReadingOptions(**options))
    return [clip for item in found for clip in item.parse() if isinstance(clip, RawClip)]


def test_frames_in_one_file(tmp_path: Path) -> None:
    assert kind_of(tmp_path, "a.json", ultralytics()) == "ultralytics"
    (clip,) = read_raw(tmp_path, "a.json", ultralytics(), image_size=(1280, 720))
    assert clip.recording.num_frames == 3
    assert clip.recording.frames.tolist() == [0, 2]
    assert clip.recording.joints[1, 1].tolist() == [111, 105]
    assert clip.recording.body_ids == ("4", "4")
    assert (clip.unit, clip.recording.confidence is not None) == ("px", True)


def test_detections_that_number_their_frames(tmp_path: Path) -> None:
    data = json.dumps([ultralytics_detection() | {"frame": number} for number in (3, 5, 5)]).encode()
    (clip,) = read_raw(tmp_path, "a.json", data, image_size=(1280, 720))
    assert clip.recording.num_frames == 3


def test_one_json_a_frame(tmp_path: Path) -> None:
    for frame in (2, 4):
        (tmp_path / f"walk_{frame}.json").write_bytes(ultralytics_frame())
    (clip,) = read_folder(tmp_path, image_size=(1280, 720))
    assert clip.recording.num_frames == 3
    assert clip.recording.slots.tolist() == [0, 1, 0, 1]


def test_the_first_frames_may_hold_nobody(tmp_path: Path) -> None:
    for frame, data in enumerate([b"[]", b"[]", ultralytics_frame()]):
        (tmp_path / f"walk_{frame}.json").write_bytes(data)
    (clip,) = read_folder(tmp_path, image_size=(1280, 720))
    assert (clip.recording.num_frames, clip.recording.frames.tolist()) == (3, [2, 2])


def test_label_files_are_one_recording(tmp_path: Path) -> None:
    for frame in (1, 2, 4):
        (tmp_path / f"walk_{frame}.txt").write_bytes(ultralytics_label())
    (tmp_path / "walk_3.txt").write_bytes(b"")
    (tmp_path / "notes.txt").write_bytes(b"nothing of this kind\n")
    (clip,) = read_folder(tmp_path)
    assert clip.name == "walk"
    assert clip.recording.num_frames == 4
    assert clip.recording.frames.tolist() == [0, 1, 3]
    assert clip.recording.joints[0, 0].tolist() == [0.5, 0.25]
    assert clip.recording.confidence is not None
    assert clip.recording.confidence[0, 0] == 0.75
    assert clip.recording.body_ids == ("3", "3", "3")
    assert clip.unit == "fraction"


@pytest.mark.parametrize(
    ("person", "confidence", "expected"), [(3, 0.5, "3"), (3, None, "3"), (None, 0.5, ""), (None, None, "")]
)
def test_what_stands_behind_the_key_points(person: int | None, confidence: float | None, expected: str) -> None:
    assert parse_label_line(ultralytics_label(person, confidence).decode(), "x", 1)[2] == expected


def test_labels_without_visibility() -> None:
    joints, scores, _ = parse_label_line(" ".join(["0", *["0.5"] * 4, *["0.125"] * 34]), "x", 1)
    assert joints.shape == (17, 2)
    assert scores.tolist() == [1] * 17


@pytest.mark.parametrize(
    ("line", "reason"), [("1 2 3", "3 numbers"), (" ".join(["x"] * 56), "other than numbers"),
                         (" ".join(["nan"] * 56), "infinite")]
)  # fmt: skip
def test_a_damaged_label_names_its_line(line: str, reason: str) -> None:
    with pytest.raises(FormatError, match=reason) as caught:
        parse_label_line(line, "x", 7)
    assert caught.value.line == 7


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({}, "expected a list"),
        ([3], "frame 0 is not a list"),
        ([[{"keypoints": 3}]], "no 'keypoints' with 'x' and 'y'"),
        ([[{"keypoints": {"x": [1], "y": [2]}}]], "a person of Ultralytics has 17"),
    ],
)
def test_damage_is_one_sentence(content: Any, reason: str) -> None:
    with pytest.raises(FormatError, match=reason):
        parse_ultralytics(content, "x")
