from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.pose_samples import mmpose, mmpose_instance
from dualhead.formats.file_format import RawClip, ReadingOptions
from dualhead.formats.files.member import list_members
from dualhead.formats.mmpose import parse_mmpose
from dualhead.reading.listing import find_recordings
from dualhead.runtime.errors import FormatError
from dualhead.skeleton import COCO17, H36M17, HALPE26
from tests.formats.making import kind_of, read_raw


def test_a_video_with_a_frame_of_nobody(tmp_path: Path) -> None:
    assert kind_of(tmp_path, "a.json", mmpose()) == "mmpose"
    (clip,) = read_raw(tmp_path, "a.json", mmpose(), image_size=(1280, 720))
    assert clip.skeleton == COCO17
    assert clip.recording.num_frames == 3
    assert clip.recording.frames.tolist() == [0, 2]  # frame_id counts from 1
    assert clip.recording.joints[0, 2].tolist() == [300, 30]
    assert clip.recording.confidence is not None
    assert clip.recording.confidence[0, 0] == 0.75


def test_lifted_poses_are_metres_with_y_up(tmp_path: Path) -> None:
    (clip,) = read_raw(tmp_path, "a.json", mmpose(3))
    assert (clip.skeleton, clip.unit) == (H36M17, "m")
    assert clip.recording.joints[0, 0].tolist() == [0.1, 0.3, 0.2]  # x, z, y of the file


@pytest.mark.parametrize(("count", "skeleton", "notes"), [(26, HALPE26, 0), (133, COCO17, 1)])
def test_other_layouts(count: int, skeleton: object, notes: int) -> None:
    clip = parse_mmpose(json.loads(mmpose(count=count)), "x")
    assert clip.skeleton == skeleton
    assert len(clip.notes) == notes


def test_what_the_inferencer_writes_of_a_video(tmp_path: Path) -> None:
    video = json.dumps([{"frame_id": 0, "instances": [mmpose_instance()]}, {"frame_id": 1, "instances": []}]).encode()
    assert kind_of(tmp_path, "a.json", video) == "mmpose"
    assert parse_mmpose(json.loads(video), "x").recording.num_frames == 2


@pytest.mark.parametrize(
    "content",
    [
        [mmpose_instance()],
        [[mmpose_instance()]],
        {"meta_info": {}, "instance_info": [mmpose_instance()]},
    ],
)
def test_pictures_of_one_folder_are_frames(tmp_path: Path, content: Any) -> None:
    data = json.dumps(content).encode()
    assert kind_of(tmp_path, "walk_3.json", data) == "mmpose_pictures"
    (clip,) = read_raw(tmp_path, "walk_3.json", data, image_size=(1280, 720))
    assert (clip.name, clip.recording.num_frames) == ("walk", 1)
    for frame in (4, 6):
        (tmp_path / f"walk_{frame}.json").write_bytes(data)
    (found,) = find_recordings(list(list_members([tmp_path])), ReadingOptions(image_size=(1280, 720)))
    (clip,) = found.parse()
    assert isinstance(clip, RawClip)
    assert clip.recording.frames.tolist() == [0, 1, 3]
    assert clip.recording.num_frames == 4


def test_names_of_key_points_are_checked() -> None:
    content = json.loads(mmpose())
    names = {str(number): name for number, name in enumerate(COCO17.joints)}
    content["meta_info"]["keypoint_id2name"] = names
    assert parse_mmpose(content, "x").skeleton == COCO17
    content["meta_info"]["keypoint_id2name"] = names | {"3": "left_horn"}
    with pytest.raises(FormatError, match="'left_horn'"):
        parse_mmpose(content, "x")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({}, "instance_info"),
        ({"instance_info": [{"frame_id": 1, "instances": 3}]}, "frame 0 has no list"),
        ({"instance_info": [{"frame_id": "a", "instances": []}]}, "'a' instead of an integer"),
        ({"instance_info": [{"frame_id": 1, "instances": [{}]}]}, "no 'keypoints'"),
        ([mmpose_instance(count=5)], "5 key points of 2 coordinates"),
        ([mmpose_instance() | {"keypoint_scores": [1]}], "1 scores for 17"),
        ([mmpose_instance() | {"keypoints": [1, 2]}], "shape"),
        ([], "no person"),
    ],
)
def test_damage_is_one_sentence(content: Any, reason: str) -> None:
    with pytest.raises(FormatError, match=reason):
        parse_mmpose(content, "x")
