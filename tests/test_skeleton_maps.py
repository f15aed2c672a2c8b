"""Conversions between skeletons, with numbers to check by hand."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from dualhead.runtime.errors import MismatchError
from dualhead.sequence import SkeletonSequence
from dualhead.skeleton import (
    AZURE32,
    BODY25,
    COCO17,
    HALPE26,
    KINECT20,
    MEDIAPIPE33,
    MEDIAPIPE33_IMAGE,
    NTU25,
    OPENPOSE18,
    SKELETONS,
    SMARTHOME13,
    Skeleton,
)
from dualhead.skeleton_maps import MAPS, convert_skeleton, joint_sources

CONVERTED = {
    "coco17": ("openpose18",),
    "openpose18": ("coco17",),
    "body25": ("openpose18", "coco17"),
    "halpe26": ("openpose18", "coco17", "body25"),
    "mediapipe33_image": ("openpose18", "coco17"),
    "mediapipe33": ("ntu25", "kinect20"),
    "azure32": ("ntu25", "kinect20", "smarthome13"),
    "ntu25": ("kinect20", "smarthome13"),
    "kinect20": ("smarthome13",),
    "smpl22": ("smarthome13",),
    "h36m17": ("smarthome13",),
}
"""Which of the skeletons that come with the package are converted to which."""

PAIRS = [(source, target) for source, targets in CONVERTED.items() for target in targets]


def numbered(skeleton: Skeleton, frames: int = 1) -> SkeletonSequence:
    """Joint v stands at (v + 1, 10 (v + 1)) or the like and has confidence (v + 1) / 100."""
    number = np.arange(1, skeleton.num_joints + 1, dtype=np.float32)
    joints = np.stack([number * 10**axis for axis in range(skeleton.dimensions)], axis=-1)
    joints = np.repeat(joints[None, None], frames, axis=1)
    return SkeletonSequence(
        joints, skeleton, "a", 3, np.broadcast_to(number / 100, joints.shape[:3]).copy(), {"width": 9}
    )


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_every_map_is_complete_and_keeps_left_and_right(source: str, target: str) -> None:
    one, other = SKELETONS[source], SKELETONS[target]
    for joint, sources in zip(other.joints, joint_sources(one, other), strict=True):
        names = [one.joints[number] for number in sources]
        assert names == [joint] or joint in MAPS[source, target]
        if joint.startswith(("left", "right")):
            assert {name.split("_")[0] for name in names} == {joint.split("_")[0]}


def test_no_other_pair_is_converted() -> None:
    for source in SKELETONS.values():
        for target in SKELETONS.values():
            if source != target and target.name not in CONVERTED.get(source.name, ()):
                with pytest.raises(MismatchError):
                    joint_sources(source, target)


def test_coco_to_openpose_by_hand() -> None:
    converted = convert_skeleton(numbered(COCO17), OPENPOSE18)
    # COCO counts nose 1, eyes 2 3, ears 4 5, shoulders 6 7 (left first), ... ankles 16 17
    expected = [1, 6.5, 7, 9, 11, 6, 8, 10, 13, 15, 17, 12, 14, 16, 3, 2, 5, 4]
    assert converted.joints[0, 0, :, 0].tolist() == expected
    assert converted.joints[0, 0, :, 1].tolist() == [10 * value for value in expected]
    assert converted.confidence is not None
    assert converted.confidence[0, 0, 1] == np.float32(0.06)  # no surer than the less sure shoulder
    assert converted.confidence[0, 0, 2] == np.float32(0.07)
    assert (converted.name, converted.label, converted.fields) == ("a", 3, {"width": 9})


def test_the_neck_is_absent_where_a_shoulder_is() -> None:
    sequence = numbered(COCO17, frames=2)
    sequence.joints[0, 1, COCO17.joints.index("right_shoulder")] = 0
    converted = convert_skeleton(sequence, OPENPOSE18)
    assert converted.joints[0, :, 1].tolist() == [[6.5, 65], [0, 0]]
    assert converted.confidence is not None
    assert converted.confidence[0, :, 1].tolist() == pytest.approx([0.06, 0])


def test_body25_to_openpose_by_hand() -> None:
    converted = convert_skeleton(numbered(BODY25), OPENPOSE18)
    # the same to the wrists; then the middle of the hips is left out, and toes and heels
    assert converted.joints[0, 0, :, 0].tolist() == [1, 2, 3, 4, 5, 6, 7, 8, *range(10, 20)]


def test_kinect_25_to_20_by_hand() -> None:
    converted = convert_skeleton(dataclasses.replace(numbered(NTU25), confidence=None), KINECT20)
    # NTU counts base 1, middle 2, neck 3, head 4 and between the shoulders 21, which stands third in Kinect v1
    assert converted.joints[0, 0, :, 0].tolist() == [1, 2, 21, *range(4, 21)]
    assert converted.joints[0, 0, 2].tolist() == [21, 210, 2100]
    assert converted.confidence is None


def by_name(sequence: SkeletonSequence) -> dict[str, float]:
    return dict(zip(sequence.skeleton.joints, sequence.joints[0, 0, :, 0].tolist(), strict=True))


def test_mediapipe_world_to_ntu_by_hand() -> None:
    # landmarks counted from 1: ears 8 9, mouth 10 11, shoulders 12 13, wrists 16 17, pinkies 18 19, index 20 21,
    # thumbs 22 23, hips 24 25, knees 26 27, ankles 28 29, feet 32 33
    found = by_name(convert_skeleton(numbered(MEDIAPIPE33), NTU25))
    expected = {
        "spine_base": 24.5,
        "spine_mid": (24 + 25 + 12 + 13) / 4,
        "spine_shoulder": 12.5,
        "neck": (12 + 13 + 12 + 13 + 10 + 11) / 6,
        "head": 8.5,
        "left_shoulder": 12,
        "right_wrist": 17,
        "left_hand": (16 + 20 + 18) / 3,
        "right_hand": (17 + 21 + 19) / 3,
        "left_hand_tip": 20,
        "right_thumb": 23,
        "left_ankle": 28,
        "right_foot": 33,
    }
    assert {joint: found[joint] for joint in expected} == pytest.approx(expected)


def test_mediapipe_world_to_kinect_v1_by_hand() -> None:
    found = by_name(convert_skeleton(numbered(MEDIAPIPE33), KINECT20))
    expected = {"hip_centre": 24.5, "spine": 18.5, "shoulder_centre": 12.5, "head": 8.5, "left_foot": 32}
    assert {joint: found[joint] for joint in expected} == pytest.approx(expected)


def test_mediapipe_image_to_flat_layouts_by_hand() -> None:
    found = by_name(convert_skeleton(numbered(MEDIAPIPE33_IMAGE), OPENPOSE18))
    assert (found["nose"], found["neck"], found["right_eye"], found["left_ankle"]) == (1, 12.5, 6, 28)
    assert convert_skeleton(numbered(MEDIAPIPE33_IMAGE), COCO17).joints[0, 0, :, 0].tolist() == [
        1, 3, 6, 8, 9, 12, 13, 14, 15, 16, 17, 24, 25, 26, 27, 28, 29,
    ]  # fmt: skip


def test_azure_to_kinect_by_hand() -> None:
    # counted from 1: pelvis 1, navel 2, clavicles 5 12, head 27
    found = by_name(convert_skeleton(numbered(AZURE32), NTU25))
    assert [found[name] for name in ("spine_base", "spine_mid", "spine_shoulder", "neck", "head")] == [1, 2, 8.5, 4, 27]
    found = by_name(convert_skeleton(numbered(AZURE32), KINECT20))
    assert [found[name] for name in ("hip_centre", "spine", "shoulder_centre", "right_hand")] == [1, 2, 8.5, 16]


def test_halpe_by_hand() -> None:
    found = by_name(convert_skeleton(numbered(HALPE26), BODY25))
    assert (found["neck"], found["mid_hip"], found["left_big_toe"], found["right_heel"]) == (19, 20, 21, 26)
    assert convert_skeleton(numbered(HALPE26), COCO17).joints[0, 0, :, 0].tolist() == [*range(1, 18)]


def test_a_layout_of_the_users_own_goes_by_name() -> None:
    own = dataclasses.replace(MEDIAPIPE33_IMAGE, name="mine")
    assert convert_skeleton(numbered(own), OPENPOSE18).joints[0, 0, 1].tolist() == [12.5, 125]
    own = dataclasses.replace(BODY25, name="mine")
    assert convert_skeleton(numbered(own), OPENPOSE18).joints[0, 0, 1].tolist() == [2, 20]  # its own neck
    wanted = dataclasses.replace(SMARTHOME13, name="theirs")
    assert convert_skeleton(numbered(NTU25), wanted).joints[0, 0, -1, 0] == 4  # the head
    with pytest.raises(MismatchError, match=r"'mine'.*'ntu25'"):
        convert_skeleton(numbered(dataclasses.replace(MEDIAPIPE33, name="mine")), NTU25)
    with pytest.raises(MismatchError, match=r"'mine'.*'ntu25'"):
        convert_skeleton(numbered(dataclasses.replace(NTU25, name="mine", dimensions=2)), NTU25)


def test_the_same_skeleton_is_left_alone() -> None:
    sequence = numbered(COCO17)
    assert convert_skeleton(sequence, COCO17) is sequence
    assert joint_sources(COCO17, COCO17)[3] == (3,)


def test_refusals_name_both_and_what_would_do() -> None:
    with pytest.raises(MismatchError, match=r"'ntu25'.*'openpose18'.*'coco17'.*'body25'"):
        convert_skeleton(numbered(NTU25), OPENPOSE18)
    with pytest.raises(MismatchError, match=r"'kinect20'.*'ntu25'"):
        convert_skeleton(numbered(KINECT20), NTU25)
    renamed = dataclasses.replace(COCO17, parents=(0,) * 17)
    with pytest.raises(MismatchError, match=r"'coco17'.*'coco17'"):
        convert_skeleton(dataclasses.replace(numbered(COCO17), skeleton=renamed), COCO17)
    with pytest.raises(MismatchError, match="normalised by recipe 'dualhead'"):
        convert_skeleton(dataclasses.replace(numbered(NTU25), prepared="dualhead"), KINECT20)
