from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.pose_samples import bvh
from dualhead.formats.bvh_joints import find_parts, own_skeleton, pose_of
from dualhead.runtime.errors import FormatError
from dualhead.skeleton import COCO17, H36M17, KINECT15, KINECT20, NTU25, SMARTHOME13, SMPL22
from tests.formats.making import read_raw

SPINE = ["Hips", "Spine", "Spine1", "Spine2", "Neck", "Head"]


def test_names_of_several_programs() -> None:
    assert find_parts(["mixamorig:Hips", "mixamorig:LeftArm", "mixamorig:LeftShoulder"], [0, 2, 0]) == {
        "pelvis": 0,
        "left_shoulder": 1,
        "left_collar": 2,
    }
    assert find_parts(["hip", "lShldr", "rForeArm", "lShin"], [0, 0, 0, 0]) == {
        "pelvis": 0,
        "left_shoulder": 1,
        "right_elbow": 2,
        "left_knee": 3,
    }
    # SMPL: a hand behind the wrist, a foot behind the ankle
    found = find_parts(["L_Ankle", "L_Foot", "L_Wrist", "L_Hand", "upper_arm.R"], [0] * 5)
    assert found == {"left_ankle": 0, "left_toes": 1, "left_wrist": 2, "left_fingers": 3, "right_shoulder": 4}
    # a shoulder without an arm is where the arm begins
    assert find_parts(["LeftShoulder"], [0]) == {"left_shoulder": 0}


def test_the_spine_lies_between_pelvis_and_neck() -> None:
    found = find_parts(SPINE, [0, 0, 1, 2, 3, 4])
    assert (found["spine1"], found["spine2"], found["spine3"]) == (1, 2, 3)


@pytest.mark.parametrize("skeleton", [NTU25, KINECT20, KINECT15, SMARTHOME13, H36M17])
def test_joints_of_named_skeletons(tmp_path: Path, skeleton: object) -> None:
    (clip,) = read_raw(tmp_path, "a.bvh", bvh(), usual=skeleton)
    assert clip.skeleton == skeleton
    assert clip.recording.joints.shape[1:] == (len(clip.skeleton.joints), 3)


def test_ntu_by_hand(tmp_path: Path) -> None:
    (clip,) = read_raw(tmp_path, "a.bvh", bvh(), usual=NTU25)
    found = dict(zip(NTU25.joints, clip.recording.joints[0].tolist(), strict=True))
    # hips at 90, neck at 140, head at 150 with its end at 170; arms from 10 along x, 10 a bone
    assert found["spine_base"] == [0, 90, 0]
    assert found["spine_mid"] == [0, 115, 0]
    assert found["spine_shoulder"] == [0, 140, 0]
    assert found["neck"] == [0, 145, 0]
    assert found["head"] == [0, 160, 0]
    assert found["left_hand"] == [35, 140, 0]
    assert found["right_hand_tip"] == [-40, 140, 0]
    assert found["left_thumb"] == found["left_hand"]
    assert any("thumbs" in note for note in clip.notes)
    assert found["right_foot"] == pytest.approx([-10, 10, 20])


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="'spine1' is missing"):
        read_raw(tmp_path, "a.bvh", bvh(), usual=SMPL22)
    with pytest.raises(FormatError, match="'nose' of 'coco17'"):
        read_raw(tmp_path, "a.bvh", bvh(), usual=COCO17)


def test_a_skeleton_of_the_same_names() -> None:
    names, parents = ["Hips", "Head"], [0, 0]
    own = own_skeleton(names, parents)
    positions = np.arange(6.0).reshape(1, 2, 3)
    assert pose_of(names, parents, positions, own, "x")[0].tolist() == positions.tolist()


def test_its_own_skeleton_knows_left_and_right() -> None:
    skeleton = own_skeleton(["Hips", "LeftArm", "RightArm", "Neck", "Neck"], [0, 0, 0, 0, 3])
    assert skeleton.joints == ("Hips", "LeftArm", "RightArm", "Neck", "Neck_4")
    assert skeleton.mirror == ((1, 2),)
    assert skeleton.spine == (0, 3)
    assert skeleton.shoulders == (1, 2)
    assert own_skeleton(["a", "b"], [0, 0]).spine is None
