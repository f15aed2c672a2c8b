from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.pose_samples import mediapipe_csv, mediapipe_frame, mediapipe_json, mediapipe_world_csv, world_landmarks
from dualhead.formats.file_format import RawClip, ReadingOptions
from dualhead.formats.files.member import list_members
from dualhead.formats.mediapipe import describe_points, parse_mediapipe_csv, parse_mediapipe_json
from dualhead.reading.listing import find_recordings
from dualhead.runtime.errors import ConfigError, FormatError
from dualhead.sequence import SkeletonSequence
from dualhead.skeleton import COCO17, HAND21, MEDIAPIPE33, MEDIAPIPE33_IMAGE, NTU25, OPENPOSE18
from dualhead.skeleton_maps import convert_skeleton
from tests.formats.making import kind_of, read_raw


def test_a_log_of_landmarks_in_the_image(tmp_path: Path) -> None:
    assert kind_of(tmp_path, "a.csv", mediapipe_csv()) == "mediapipe"
    (clip,) = read_raw(tmp_path, "a.csv", mediapipe_csv())
    assert (clip.skeleton, clip.unit) == (MEDIAPIPE33_IMAGE, "fraction")
    assert clip.recording.num_frames == 4
    assert clip.recording.frames.tolist() == [0, 1, 3]
    assert clip.recording.fps == 25
    assert clip.recording.joints[2, 4].tolist() == [0.23, 0.05]
    assert clip.recording.confidence is not None
    assert clip.recording.confidence[0, 0] == 0.9


def test_world_landmarks_are_turned_to_the_axes_of_the_kinect(tmp_path: Path) -> None:
    (clip,) = read_raw(tmp_path, "a.csv", mediapipe_world_csv())
    assert (clip.skeleton, clip.unit) == (MEDIAPIPE33, "m")
    # of (-0.235, -0.47, 0.1): x left, y up
    assert clip.recording.joints[0, 0].tolist() == pytest.approx([0.235, 0.47, 0.1], abs=1e-3)
    assert clip.class_name == "squat"
    assert clip.recording.confidence is None
    assert any("hips" in note for note in clip.notes)


def test_the_middle_of_the_hips_is_not_absent() -> None:
    landmarks = np.array(world_landmarks())
    landmarks[23], landmarks[24] = [0.1, 0, 0], [-0.1, 0, 0]
    clip = parse_mediapipe_json([landmarks.tolist()], "x")
    sequence = SkeletonSequence(clip.recording.joints[None].astype(np.float32), MEDIAPIPE33)
    assert convert_skeleton(sequence, NTU25).joints[0, 0, 0].any()
    assert np.abs(clip.recording.joints[0] - landmarks * [-1, -1, 1]).max() < 1e-3


def test_json_has_both(tmp_path: Path) -> None:
    assert kind_of(tmp_path, "a.json", mediapipe_json()) == "mediapipe"
    (clip,) = read_raw(tmp_path, "a.json", mediapipe_json())
    assert clip.skeleton == MEDIAPIPE33
    assert clip.recording.frames.tolist() == [0, 2]
    assert (clip.recording.num_frames, clip.recording.fps) == (3, 30)
    assert any("hands" in note for note in clip.notes)
    (flat,) = read_raw(tmp_path, "a.json", mediapipe_json(), usual=OPENPOSE18)
    assert flat.skeleton == MEDIAPIPE33_IMAGE
    assert flat.recording.joints[0, 1].tolist() == [0.25, 0.02]


@pytest.mark.parametrize(
    "content",
    [
        [world_landmarks(), None, world_landmarks()],
        [world_landmarks(), [], world_landmarks()],
        [[world_landmarks()], [], [world_landmarks()]],
        {"poses": [world_landmarks(), None, world_landmarks()]},
        {"frames": [{"worldLandmarks": [world_landmarks()]}, {}, {"worldLandmarks": [world_landmarks()]}]},
        [{"pose_world_landmarks": {"landmark": world_landmarks()}}, {"pose_world_landmarks": None},
         {"pose_world_landmarks": {"landmark": world_landmarks()}}],
    ],
)  # fmt: skip
def test_ways_to_write_frames(content: Any) -> None:
    clip = parse_mediapipe_json(content, "x")
    assert clip.skeleton == MEDIAPIPE33
    assert clip.recording.num_frames == 3
    assert clip.recording.frames.tolist() == [0, 2]


def test_a_single_frame() -> None:
    points = [{"x": 0.5, "y": 0.5, "z": 0, "visibility": 1}] * 33
    clip = parse_mediapipe_json({"pose_landmarks": points}, "x")
    assert clip.recording.num_frames == 1
    assert clip.skeleton == MEDIAPIPE33_IMAGE


def test_files_of_one_frame_each(tmp_path: Path) -> None:
    for frame in (3, 5):
        (tmp_path / f"walk_{frame}.json").write_bytes(mediapipe_frame())
    points = [{"x": 0.5, "y": 0.5, "z": 0, "visibility": 1}] * 33
    for content in ({"pose_landmarks": points}, {"landmarks": [points]}, {"landmark": points}, points):
        assert kind_of(tmp_path, "a_1.json", json.dumps(content).encode()) == "mediapipe_frames"
    (tmp_path / "a_1.json").unlink()
    (found,) = find_recordings(list(list_members([tmp_path])), ReadingOptions())
    (clip,) = found.parse()
    assert isinstance(clip, RawClip)
    assert (clip.name, clip.skeleton) == ("walk", MEDIAPIPE33)
    assert clip.recording.frames.tolist() == [0, 2]


def test_a_hand_in_space() -> None:
    hand = [[0.01 * joint - 0.1, 0.02, 0.03] for joint in range(21)]
    clip = parse_mediapipe_json([hand], "x")
    assert clip.skeleton == HAND21
    assert clip.recording.joints[0, 0].tolist() == [0.1, -0.02, 0.03]
    with pytest.raises(FormatError, match="world landmarks"):
        parse_mediapipe_json([[[0.5, 0.6, 0.0]] * 21], "x")


def test_pixels_are_told_by_their_values() -> None:
    points = np.full((1, 33, 3), 400.0)
    joints, skeleton, unit, _ = describe_points(points, "x")
    assert (skeleton, unit) == (MEDIAPIPE33_IMAGE, "px")
    assert joints.shape == (1, 33, 2)


@pytest.mark.parametrize("total", [75, 501, 543])
def test_hands_and_face_behind_the_body_are_left_out(tmp_path: Path, total: int) -> None:
    header = ["class", *(f"{axis}{joint}" for joint in range(1, total + 1) for axis in "xyzv")]
    values = [f"{value:.3f}" for joint in range(total) for value in (0.3, 0.001 * (joint + 1), 0, 1)]
    data = "\n".join([",".join(header), ",".join(["sad", *values])]).encode()
    (clip,) = read_raw(tmp_path, "a.csv", data)
    assert clip.skeleton == MEDIAPIPE33_IMAGE
    assert clip.recording.joints[0, 32].tolist() == [0.3, 0.033]
    assert clip.class_name == "sad"
    assert any("left out" in note for note in clip.notes[1:])


def test_a_frame_of_zeros_is_nobody() -> None:
    lines = mediapipe_csv(visible=False).decode().splitlines()
    lines[2] = ",".join(["1", "0.04", *["0"] * 99])
    clip = parse_mediapipe_csv("\n".join(lines).encode(), "x")
    assert not clip.recording.joints[clip.recording.frames == 1].any()


def test_a_skeleton_of_ones_own_with_the_same_joints(tmp_path: Path) -> None:
    own = dataclasses.replace(MEDIAPIPE33_IMAGE, name="mine", parents=tuple(range(33)))
    (clip,) = read_raw(tmp_path, "a.csv", mediapipe_csv(), skeleton=own)
    assert clip.skeleton == own
    with pytest.raises(ConfigError, match="mediapipe33_image"):
        read_raw(tmp_path, "a.csv", mediapipe_csv(), skeleton=COCO17)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"a": 1}, "expected a list of frames"),
        ([[1, 2, 3]], "frame 0 holds something other"),
        ([[[0, 0, 0]] * 12], "12 landmarks instead of 33"),
        ([[["a", 0, 0]] * 33], "frame 0"),
        ([[[0.5, 0.5, 0]] * 468], "landmarks of a face"),
        ([[[[[0, 0]] * 33]]], "frame 0 holds something other"),
        ([None, []], "no person in any of its 2 frames"),
        ([world_landmarks(), [[0.0, 0.0, 0.0]] * 21], "different numbers"),
        ([{"pose_landmarks": 3}], "frame 0 is not a list"),
    ],
)
def test_damage_is_one_sentence(content: Any, reason: str) -> None:
    with pytest.raises(FormatError, match=reason):
        parse_mediapipe_json(content, "x")


def test_a_damaged_table_names_its_line() -> None:
    with pytest.raises(FormatError) as caught:
        parse_mediapipe_csv(mediapipe_csv() + b"\n4,x", "x")
    assert caught.value.line == 5
    with pytest.raises(FormatError, match="33 or 21"):
        parse_mediapipe_csv(b"a,b\n1,2\n", "x")


def test_what_is_something_else(tmp_path: Path) -> None:
    assert kind_of(tmp_path, "a.json", json.dumps([[[0.5, 0.5]] * 17] * 3).encode()) == "array"
