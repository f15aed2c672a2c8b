from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dualhead.formats.files.json_file import parse_json
from dualhead.formats.files.member import list_members
from dualhead.formats.frame_files import group_frames
from dualhead.formats.openpose import is_openpose_frame, parse_openpose, parse_people
from dualhead.runtime.errors import FormatError
from dualhead.skeleton import BODY25, OPENPOSE18
from tests.formats.making import make_zip


def person(x: float = 0.5, joints: int = 25, confidence: float = 0.9, **more: Any) -> dict[str, Any]:
    return {"person_id": [-1], "pose_keypoints_2d": [x, 0.25, confidence] * joints, **more}


def frame(*people: dict[str, Any]) -> bytes:
    return json.dumps({"version": 1.3, "people": people}).encode()


def write(folder: Path, frames: dict[int, bytes], name: str = "dance") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number, data in frames.items():
        (folder / f"{name}_{number:012d}_keypoints.json").write_bytes(data)
    return folder


def test_names() -> None:
    assert is_openpose_frame("a_000000000012_keypoints.json")
    assert is_openpose_frame("000123_keypoints.json")
    assert not is_openpose_frame("a_000000000012.json")


def test_a_recording_by_hand(tmp_path: Path) -> None:
    """Numbers begin anywhere and leave gaps: frames 5, 6 and 8 are 0, 1 and 3 of 4."""
    write(tmp_path / "out", {8: frame(person(0.3)), 5: frame(person(0.1), person(0.2)), 6: frame()})
    (clip,) = group_frames(list_members([tmp_path / "out"]))
    assert (clip.name, clip.where) == ("dance", "out/dance")
    found = parse_openpose(clip)
    recording = found.recording
    assert found.skeleton == BODY25
    assert recording.num_frames == 4
    assert recording.frames.tolist() == [0, 0, 3]
    assert recording.slots.tolist() == [0, 1, 0]
    assert recording.joints[:, 24].tolist() == [[0.1, 0.25], [0.2, 0.25], [0.3, 0.25]]
    assert recording.confidence is not None
    assert recording.confidence[2].tolist() == [0.9] * 25
    assert recording.body_ids == ()


def test_recordings_of_one_folder_are_told_apart_by_name(tmp_path: Path) -> None:
    write(tmp_path / "out", {0: frame(), 1: frame()}, "a")
    write(tmp_path / "out", {0: frame()}, "a_2")
    write(tmp_path / "out" / "below", {0: frame()}, "a")
    (tmp_path / "out" / "below" / "000000000007_keypoints.json").write_bytes(frame())
    (tmp_path / "out" / "notes.json").write_text("{}")
    clips = group_frames(list_members([tmp_path / "out"]))
    assert [(clip.name, clip.where, sorted(clip.frames)) for clip in clips] == [
        ("a", "out/a", [0, 1]),
        ("a_2", "out/a_2", [0]),
        ("below", "out/below", [7]),
        ("a", "out/below/a", [0]),
    ]


def test_frames_in_an_archive(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", {f"x/v_{number:012d}_keypoints.json": frame(person()) for number in (0, 1, 2)})
    (clip,) = group_frames(list_members([path]))
    assert parse_openpose(clip).recording.frames.tolist() == [0, 1, 2]


def test_18_joints_and_what_is_not_seen() -> None:
    numbers = [0.4, 0.5, 0.8] * 17 + [0.4, 0.5, 0]
    ((pose, identity, skeleton),) = parse_people(json.loads(frame({"pose_keypoints": numbers})), "x")
    assert (skeleton, identity) == (OPENPOSE18, "")
    assert pose[16].tolist() == [0.4, 0.5, 0.8]
    assert pose[17].tolist() == [0, 0, 0]
    assert parse_people(json.loads(frame({"pose_keypoints_2d": [], "face_keypoints_2d": [1]})), "x") == []


def test_people_whom_openpose_followed_have_ids(tmp_path: Path) -> None:
    write(tmp_path, {0: frame(person(person_id=[7]), person(person_id=[2])), 1: frame(person(person_id=[2]))})
    assert parse_openpose(group_frames(list_members([tmp_path]))[0]).recording.body_ids == ("7", "2", "2")


def test_nobody_at_all_is_a_recording(tmp_path: Path) -> None:
    (clip,) = group_frames(list_members([write(tmp_path, {0: frame(), 9: frame()})]))
    recording = parse_openpose(clip).recording
    assert (recording.num_frames, recording.joints.shape) == (10, (0, 25, 2))


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        ({0: b"[]"}, "needs a list 'people'"),
        ({0: b"{"}, "not whole JSON"),
        ({0: b'{"people": [1]}'}, "needs a list 'people'"),
        ({0: frame({})}, "no list 'pose_keypoints_2d'"),
        ({0: frame(person(joints=15))}, r"45 numbers, which is neither BODY_25 \(75\) nor COCO \(54\)"),
        ({0: frame(person(float("nan")))}, "not a number"),
        ({0: frame({"pose_keypoints_2d": ["a"] * 75})}, "not a number"),
        ({0: frame(person()), 1: frame(person(joints=18))}, "18 joints, but the frames before have 25"),
        ({0: frame(), 2_000_000: frame()}, "numbered 0 to 2000000, more than the 1000000"),
        ({0: frame(person(-0.5), person(0.5))}, "run from -1 to 1"),
    ],
)
def test_damage_is_one_sentence(tmp_path: Path, frames: dict[int, bytes], reason: str) -> None:
    (clip,) = group_frames(list_members([write(tmp_path, frames)]))
    with pytest.raises(FormatError, match=reason):
        parse_openpose(clip)


def test_two_files_of_one_frame_are_refused(tmp_path: Path) -> None:
    write(tmp_path, {1: frame()})
    (tmp_path / "dance_1_keypoints.json").write_bytes(frame())
    (clip,) = group_frames(list_members([tmp_path]))
    assert clip.conflict is not None and "frame 1 is in" in clip.conflict.reason


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 400), st.binary(max_size=4))
def test_whatever_the_bytes_only_format_errors_come_out(place: int, junk: bytes) -> None:
    data = frame(person(), person(0.1, 18))
    try:
        found = parse_people(parse_json(data[:place] + junk + data[place + 1 :], "x"), "x")
    except FormatError:
        return
    assert all(np.isfinite(pose).all() for pose, _, _ in found)
