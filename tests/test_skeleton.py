"""The skeletons that come with the package, and what a skeleton refuses."""

from __future__ import annotations

import dataclasses
import json

import pytest

from dualhead.runtime.errors import ConfigError
from dualhead.skeleton import BODY25, COCO17, KINECT20, NTU25, OPENPOSE18, SKELETONS, Skeleton, get_skeleton

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
    }
    assert [skeleton.dimensions for skeleton in ALL] == [3, 2, 3, 2, 2]


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
    assert paired == {joint for joint, name in enumerate(skeleton.joints) if name.startswith(("left", "right"))}


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
    with pytest.raises(ConfigError, match="names joint 25: joints are numbered 0 to 24"):
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
