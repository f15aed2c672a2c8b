from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.pose_samples import alphapose, alphapose_by_image, alphapose_cmu, detection, key_points
from dualhead.data.bodies.selection import get_selection
from dualhead.formats.alphapose import parse_alphapose
from dualhead.runtime.errors import ConfigError, FormatError
from dualhead.skeleton import COCO17, HALPE26, OPENPOSE18
from tests.formats.making import kind_of, read_raw


def test_detections_are_ordered_by_number_with_gaps(tmp_path: Path) -> None:
    (clip,) = read_raw(tmp_path, "a.json", alphapose(), image_size=(1280, 720))
    recording = clip.recording
    assert clip.skeleton == COCO17
    assert (clip.unit, clip.body_selection) == ("px", "people")
    assert recording.num_frames == 11
    assert recording.frames.tolist() == [0, 0, 2, 10, 10]  # "10.jpg" stands before "2.jpg"
    assert recording.slots.tolist() == [0, 1, 0, 0, 1]
    assert recording.body_ids == ("1", "2", "1", "1", "2")
    assert recording.joints[2, 3].tolist() == [131, 215]  # joint 3 of the person who moved by 1
    assert recording.confidence is not None
    assert recording.confidence[0].tolist() == [0.5] * 17


def test_two_people_keep_their_places(tmp_path: Path) -> None:
    (clip,) = read_raw(tmp_path, "a.json", alphapose(), image_size=(1280, 720))
    joints, _ = get_selection(clip.body_selection)(clip.recording, 2)
    assert joints.shape == (2, 11, 17, 2)
    assert joints[0, [0, 2, 10], 0, 0].tolist() == [100, 101, 102]
    assert joints[1, [0, 2, 10], 0, 0].tolist() == [400, 0, 402]


@pytest.mark.parametrize(("count", "notes"), [(26, 0), (136, 1)])
def test_halpe_keeps_the_body(tmp_path: Path, count: int, notes: int) -> None:
    (clip,) = read_raw(tmp_path, "a.json", alphapose(count), image_size=(1280, 720))
    assert clip.skeleton == HALPE26
    assert clip.recording.joints.shape == (5, 26, 2)
    assert clip.recording.joints[0, 25].tolist() == [350, 325]
    assert len(clip.notes) == notes


def test_a_record_by_image(tmp_path: Path) -> None:
    assert kind_of(tmp_path, "a.json", alphapose_by_image()) == "alphapose"
    (clip,) = read_raw(tmp_path, "a.json", alphapose_by_image(), image_size=(1280, 720))
    assert clip.recording.num_frames == 3
    assert clip.recording.frames.tolist() == [0, 2]
    assert clip.recording.body_ids == ("7", "7")


def test_the_layout_of_openpose(tmp_path: Path) -> None:
    (clip,) = read_raw(tmp_path, "a.json", alphapose_cmu(), image_size=(1280, 720))
    assert clip.skeleton == OPENPOSE18
    assert clip.recording.joints[0, 17].tolist() == [270, 285]


def test_images_of_several_recordings() -> None:
    found = parse_alphapose([detection("walk/0001.jpg"), detection("wave/0001.jpg"), detection("walk/0002.jpg")], "x")
    assert [(clip.name, clip.recording.num_frames) for clip in found] == [("walk", 2), ("wave", 1)]


def test_a_video_begins_with_frame_0_though_nobody_is_in_it() -> None:
    for content in (
        [detection("3.jpg"), detection("5.jpg")],
        {"3.jpg": [{"keypoints": key_points(17)}], "5.jpg": [{"keypoints": key_points(17)}]},
    ):
        (clip,) = parse_alphapose(content, "x")
        assert (clip.recording.num_frames, clip.recording.frames.tolist()) == (6, [3, 5])
    for names in (("0003.jpg", "0005.jpg"), (3, 5), ("walk_3.jpg", "walk_5.jpg")):
        (clip,) = parse_alphapose([detection(name) for name in names], "x")
        assert (clip.recording.num_frames, clip.recording.frames.tolist()) == (3, [0, 2])
    (clip,) = parse_alphapose([detection("3.jpg")], "x")
    assert clip.recording.num_frames == 1  # a picture


def test_identities_count_only_where_all_have_one() -> None:
    (clip,) = parse_alphapose([detection("0.jpg", idx=1), detection("1.jpg")], "x")
    assert clip.recording.body_ids == ()
    (clip,) = parse_alphapose([detection("0.jpg", idx=1), detection("0.jpg", 300, idx=1)], "x")
    assert clip.recording.body_ids == ()  # nobody is twice in a frame


def test_a_joint_without_score_or_place_is_absent() -> None:
    numbers = key_points(17)
    numbers[2] = 0
    numbers[3:6] = [0, 0, 0.4]
    (clip,) = parse_alphapose([{"image_id": 0, "keypoints": numbers}], "x")
    assert not clip.recording.joints[0, :2].any()
    assert clip.recording.confidence is not None
    assert clip.recording.confidence[0, :3].tolist() == [0, 0, 0.5]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ([{"image_id": "0.jpg"}], "entry 0 .* 'keypoints'"),
        ([7], "entry 0"),
        ([detection("0.jpg", count=15)], r"shape \(45,\).*17, 26, 133, 136"),
        ([{"image_id": "0.jpg", "keypoints": ["x"] * 51}], "expected an array of numbers in 'keypoints'"),
        ([{"image_id": "0.jpg", "keypoints": [1e300] * 51}], "beyond 1000000"),
        ([{"image_id": None, "keypoints": key_points(17)}], "an image is called 'None'"),
        ([detection("0.jpg"), detection("1.jpg", count=26)], "26 joints after people of 17"),
        ([detection(0), detection(500_000)], "single pictures"),
        ({"0.jpg": 3}, "image '0.jpg' has no list of people"),
        ({"0.jpg": {"bodies": [{"joints": [1, 2, 3]}]}}, "3 numbers, but OpenPose's 18 joints have 54"),
        ([], "no person"),
        ("x", "expected a list"),
    ],
)
def test_damage_is_one_sentence(content: Any, reason: str) -> None:
    with pytest.raises(FormatError, match=reason):
        parse_alphapose(content, "x")


def test_another_skeleton_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="coco17"):
        read_raw(tmp_path, "a.json", alphapose(), skeleton=OPENPOSE18)


def test_truncated_json_is_damaged(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="not whole JSON"):
        read_raw(tmp_path, "a.json", alphapose()[:-9])


def test_missing_coordinates_are_absent() -> None:
    numbers = json.loads(json.dumps([None, None, 0.5, *key_points(16)]))
    (clip,) = parse_alphapose([{"image_id": 0, "keypoints": numbers}], "x")
    assert np.array_equal(clip.recording.joints[0, :2], [[0, 0], [100, 200]])
