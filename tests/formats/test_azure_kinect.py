from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.pose_samples import azure_kinect
from dualhead.data.bodies.selection import get_selection
from dualhead.formats.azure_kinect import parse_azure_kinect
from dualhead.runtime.errors import ConfigError, FormatError
from dualhead.sequence import SkeletonSequence
from dualhead.skeleton import AZURE32, NTU25
from dualhead.skeleton_maps import convert_skeleton
from tests.formats.making import kind_of, read_raw


def test_a_session_in_metres(tmp_path: Path) -> None:
    assert kind_of(tmp_path, "a.json", azure_kinect()) == "azure_kinect"
    (clip,) = read_raw(tmp_path, "a.json", azure_kinect())
    assert (clip.skeleton, clip.unit, clip.body_selection) == (AZURE32, "m", "tracked")
    assert (clip.recording.num_frames, clip.recording.fps) == (3, 30)
    assert clip.recording.frames.tolist() == [0, 2]
    assert clip.recording.body_ids == ("1", "5")
    assert clip.recording.joints[0, 3].tolist() == pytest.approx([-0.3, -0.03, 2])  # x left, y up


def test_one_person_under_two_identities(tmp_path: Path) -> None:
    (clip,) = read_raw(tmp_path, "a.json", azure_kinect())
    joints, _ = get_selection(clip.body_selection)(clip.recording, 2)
    assert joints.shape == (1, 3, 32, 3)


def test_it_becomes_the_joints_of_kinect_v2(tmp_path: Path) -> None:
    (clip,) = read_raw(tmp_path, "a.json", azure_kinect())
    sequence = SkeletonSequence(clip.recording.joints[:1, None].astype(np.float32), AZURE32)
    assert convert_skeleton(sequence, NTU25).joints[0, 0, 0].tolist() == [0, 0, 2]  # the pelvis


def test_joints_go_by_the_names_that_there_are() -> None:
    content = json.loads(azure_kinect())
    content["joint_names"][:2] = content["joint_names"][1::-1]
    joints = parse_azure_kinect(content, "x").recording.joints
    assert joints[0, 0].tolist() == pytest.approx([-0.1, -0.01, 2])


def test_a_joint_without_confidence_is_absent() -> None:
    content = json.loads(azure_kinect())
    content["frames"][0]["bodies"][0]["confidence_levels"] = [0, *[2] * 31]
    assert parse_azure_kinect(content, "x").recording.joints[0, 0].tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"frames": 3}, "'frames'"),
        ({"frames": [{"bodies": 3}]}, "frame 0 has no list"),
        ({"frames": [{"frame_id": "a", "bodies": []}]}, "'frame_id' is 'a'"),
        ({"frames": [{"bodies": [{}]}]}, "no 'joint_positions'"),
        ({"frames": [{"bodies": [{"joint_positions": [[1, 2, 3]]}]}]}, r"\(1, 3\) instead of \(32, 3\)"),
        ({"joint_names": ["PELVIS"]}, "not a list of 32"),
        ({"joint_names": ["PELVIS"] * 32}, "no 'spine_navel'"),
    ],
)
def test_damage_is_one_sentence(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(FormatError, match=reason):
        parse_azure_kinect(json.loads(azure_kinect()) | change, "x")


def test_another_skeleton_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="azure32"):
        read_raw(tmp_path, "a.json", azure_kinect(), skeleton=NTU25)
