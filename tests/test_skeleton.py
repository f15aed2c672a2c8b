"""The skeletons that come with the package, and what a skeleton refuses."""

from __future__ import annotations

import dataclasses
import json

import pytest

from dualhead.runtime.errors import ConfigError
from dualhead.skeleton import (
    AZURE32,
    BODY25,
    COCO17,
    H36M17,
    HALPE26,
    HAND21,
    HAND22,
    KINECT15,
    KINECT20,
    MEDIAPIPE33,
    MEDIAPIPE33_IMAGE,
    NTU25,
    OPENPOSE18,
    SKELETONS,
    SMARTHOME13,
    SMPL22,
    Skeleton,
    get_skeleton,
)

ALL = list(SKELETONS.values())


def named(skeleton: Skeleton, *names: str) -> tuple[int, ...]:
    return tuple(skeleton.joints.index(name) for name in names)


def test_sizes() -> None:
    assert {name: skeleton.num_joints for name, skeleton in SKELETONS.items()} == {
        "ntu25": 25,
        "openpose18": 18,
        "kinect20": 20,
        "coco17": 17,
        "body25": 25,
        "halpe26": 26,
        "mediapipe33": 33,
        "mediapipe33_image": 33,
        "azure32": 32,
        "kinect15": 15,
        "h36m17": 17,
        "smpl22": 22,
        "smarthome13": 13,
        "hand21": 21,
        "hand22": 22,
    }
    flat = {"openpose18", "coco17", "body25", "halpe26", "mediapipe33_image"}
    assert {skeleton.name for skeleton in ALL if skeleton.dimensions == 2} == flat
    assert all((skeleton.spine is None) == (skeleton.shoulders is None) == (skeleton.name in flat) for skeleton in ALL)


@pytest.mark.parametrize("skeleton", ALL, ids=lambda skeleton: skeleton.name)
def test_graph_is_a_tree(skeleton: Skeleton) -> None:
    assert len(set(skeleton.joints)) == skeleton.num_joints
    reached = {skeleton.centre}
    for _ in skeleton.joints:
        reached |= {end for edge in skeleton.edges if reached & set(edge) for end in edge}
    assert reached == set(range(skeleton.num_joints))
    children = [child for child, _ in skeleton.edges]
    assert len(children) == len(set(children)) == skeleton.num_joints - 1


@pytest.mark.parametrize("skeleton", ALL, ids=lambda skeleton: skeleton.name)
def test_bones_lead_to_a_root(skeleton: Skeleton) -> None:
    for joint in range(skeleton.num_joints):
        for _ in skeleton.joints:
            joint = skeleton.parents[joint]
        assert skeleton.parents[joint] == joint


@pytest.mark.parametrize("skeleton", ALL, ids=lambda skeleton: skeleton.name)
def test_mirror_pairs_are_left_and_right_of_the_same_joint(skeleton: Skeleton) -> None:
    for left, right in skeleton.mirror:
        assert skeleton.joints[left].replace("left", "right") == skeleton.joints[right]
    paired = {joint for pair in skeleton.mirror for joint in pair}
    assert paired == {joint for joint, name in enumerate(skeleton.joints) if {"left", "right"} & {*name.split("_")}}


def test_ntu_by_name() -> None:
    assert NTU25.centre == 20
    assert NTU25.joints[NTU25.origin] == "spine_mid"
    assert NTU25.spine == named(NTU25, "spine_base", "spine_mid")
    assert NTU25.shoulders == named(NTU25, "left_shoulder", "right_shoulder")
    hand, elbow = named(NTU25, "left_hand", "left_elbow")
    assert NTU25.parents[elbow] == NTU25.joints.index("left_shoulder")
    assert NTU25.parents[hand] == NTU25.joints.index("left_wrist")
    assert NTU25.parents[20] == 20


def test_openpose_graph_and_bones_have_different_roots() -> None:
    nose, neck = named(OPENPOSE18, "nose", "neck")
    assert (nose, neck) in OPENPOSE18.edges
    assert OPENPOSE18.parents[neck] == nose
    assert OPENPOSE18.parents[nose] == nose


def test_body25_begins_as_openpose18_does() -> None:
    assert BODY25.joints[:8] == OPENPOSE18.joints[:8]
    (hip,) = named(BODY25, "mid_hip")
    assert BODY25.parents[hip] == BODY25.centre == BODY25.joints.index("neck")
    assert {BODY25.joints[child] for child, parent in BODY25.edges if parent == hip} == {"left_hip", "right_hip"}


def test_places_in_the_files_of_others() -> None:
    # numbers that the makers of the formats publish
    assert {HALPE26.joints[17 + place]: place for place in range(3)} == {"head": 0, "neck": 1, "hip": 2}
    assert [MEDIAPIPE33.joints[place] for place in (0, 11, 16, 23, 32)] == [
        "nose", "left_shoulder", "right_wrist", "left_hip", "right_foot_index",
    ]  # fmt: skip
    assert [AZURE32.joints[place] for place in (0, 4, 11, 18, 26, 31)] == [
        "pelvis", "left_clavicle", "right_clavicle", "left_hip", "head", "right_ear",
    ]  # fmt: skip
    assert [H36M17.joints[place] for place in (0, 1, 4, 7, 10, 11, 16)] == [
        "hip", "right_hip", "left_hip", "spine", "head", "left_shoulder", "right_wrist",
    ]  # fmt: skip
    assert [SMPL22.joints[place] for place in (3, 6, 9, 12, 15, 20, 21)] == [
        "spine1", "spine2", "spine3", "neck", "head", "left_wrist", "right_wrist",
    ]  # fmt: skip
    assert [KINECT15.joints[place] for place in (0, 2, 5, 11, 14)] == [
        "head", "torso", "left_hand", "left_foot", "right_foot",
    ]  # fmt: skip
    assert [SMARTHOME13.joints[place] for place in (0, 6, 11, 12)] == [
        "right_ankle", "right_wrist", "left_shoulder", "head",
    ]  # fmt: skip
    assert [HAND21.joints[place] for place in (0, 4, 8, 20)] == ["wrist", "thumb_tip", "index_tip", "pinky_tip"]
    assert [HAND22.joints[place] for place in (0, 1, 5, 9, 21)] == [
        "wrist", "palm", "thumb_tip", "index_tip", "pinky_tip",
    ]  # fmt: skip


def test_the_landmarks_in_an_image_are_those_in_space() -> None:
    assert MEDIAPIPE33_IMAGE.joints == MEDIAPIPE33.joints
    assert MEDIAPIPE33_IMAGE.edges == MEDIAPIPE33.edges


def test_centres() -> None:
    assert [skeleton.joints[skeleton.centre] for skeleton in (OPENPOSE18, KINECT20, COCO17)] == [
        "neck",
        "shoulder_centre",
        "nose",
    ]


@pytest.mark.parametrize("skeleton", ALL, ids=lambda skeleton: skeleton.name)
def test_round_trip_through_json(skeleton: Skeleton) -> None:
    assert Skeleton.from_dict(json.loads(json.dumps(skeleton.to_dict()))) == skeleton


def test_refusals() -> None:
    with pytest.raises(ConfigError, match=r"25.*0.*24"):
        dataclasses.replace(NTU25, centre=25)
    with pytest.raises(ConfigError, match="25 joints, 24 parents"):
        dataclasses.replace(NTU25, parents=NTU25.parents[1:])
    with pytest.raises(ConfigError, match="has no 'centre'"):
        Skeleton.from_dict({key: value for key, value in NTU25.to_dict().items() if key != "centre"})
    with pytest.raises(ConfigError, match="did you mean 'centre'"):
        Skeleton.from_dict({**NTU25.to_dict(), "center": 1})


def test_lookup() -> None:
    assert get_skeleton("ntu25") is NTU25
    assert get_skeleton(COCO17) is COCO17
    with pytest.raises(ConfigError, match="did you mean 'ntu25'"):
        get_skeleton("ntu26")


def test_parts_are_chains_between_branchings() -> None:
    named = [[KINECT20.joints[joint] for joint in part] for part in KINECT20.parts]
    assert named == [
        ["hip_centre", "spine"],
        ["shoulder_centre"],
        ["head"],
        ["left_shoulder", "left_elbow", "left_wrist", "left_hand"],
        ["right_shoulder", "right_elbow", "right_wrist", "right_hand"],
        ["left_hip", "left_knee", "left_ankle", "left_foot"],
        ["right_hip", "right_knee", "right_ankle", "right_foot"],
    ]


@pytest.mark.parametrize("skeleton", ALL, ids=lambda skeleton: skeleton.name)
def test_every_joint_is_in_one_part(skeleton: Skeleton) -> None:
    assert sorted(joint for part in skeleton.parts for joint in part) == list(range(skeleton.num_joints))
    assert len(skeleton.parts) > 4
