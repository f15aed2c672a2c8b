from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.pose_samples import coco_annotations, coco_results, detection, key_points
from dualhead.formats.coco import parse_coco_annotations
from dualhead.runtime.errors import FormatError
from dualhead.skeleton import COCO17
from tests.formats.making import kind_of, read_raw


def test_results_are_frames_by_number(tmp_path: Path) -> None:
    assert kind_of(tmp_path, "a.json", coco_results()) == "coco_results"
    (clip,) = read_raw(tmp_path, "a.json", coco_results(), image_size=(1280, 720))
    assert clip.recording.num_frames == 3
    assert clip.recording.frames.tolist() == [0, 2]
    assert clip.recording.joints[1, 0].tolist() == [101, 200]


def test_wholebody_results_keep_the_body(tmp_path: Path) -> None:
    data = json.dumps([detection(0, count=133)]).encode()
    (clip,) = read_raw(tmp_path, "a.json", data, image_size=(1280, 720))
    assert clip.skeleton == COCO17
    assert len(clip.notes) >= 1


def test_annotations_are_recordings_with_their_size(tmp_path: Path) -> None:
    assert kind_of(tmp_path, "a.json", coco_annotations()) == "coco"
    first, second = read_raw(tmp_path, "a.json", coco_annotations())
    assert (first.name, second.name) == ("a", "b")
    assert first.fields == {"width": 640, "height": 480}
    assert first.recording.num_frames == 2  # nobody is annotated in the second image
    assert first.recording.frames.tolist() == [0]
    assert first.recording.body_ids == ("3",)
    assert first.recording.confidence is not None
    assert first.recording.confidence[0, :2].tolist() == [0.5, 1]  # hidden, visible
    assert second.recording.num_observations == 1  # an annotation without key points is none


def test_videos_and_frames_by_key() -> None:
    images = [{"id": number, "file_name": "x.jpg", "vid_id": "v", "frame_id": 5 + number} for number in (0, 2)]
    annotations = [{"image_id": number, "keypoints": [1, 2, 2] * 17} for number in (0, 2)]
    (clip,) = parse_coco_annotations({"images": images, "annotations": annotations}, "x")
    assert clip.recording.frames.tolist() == [0, 2]
    assert clip.recording.num_frames == 3


def _content(**changes: Any) -> dict[str, Any]:
    content = {
        "images": [{"id": 1, "file_name": "1.jpg"}],
        "annotations": [{"image_id": 1, "keypoints": key_points(17)}],
    }
    return content | changes


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ([], "expected COCO annotations"),
        (_content(images=[{}]), "image 0 has no 'id'"),
        (_content(annotations=[3]), "annotation 0 is not a record"),
        (_content(annotations=[{"image_id": 2, "keypoints": key_points(17)}]), "image '2', which is not in 'images'"),
        (_content(annotations=[{"image_id": [], "keypoints": key_points(17)}]), "is of image"),
        (_content(annotations=[{"image_id": 1, "keypoints": [1, 2]}]), "shape"),
        (_content(annotations=[{"image_id": 1}]), "no annotation has key points"),
        (_content(categories=[{"keypoints": ["nose", "head_bottom", *["x"] * 15]}]), "'head_bottom'"),
    ],
)
def test_damage_is_one_sentence(content: Any, reason: str) -> None:
    with pytest.raises(FormatError, match=reason):
        parse_coco_annotations(content, "x")
