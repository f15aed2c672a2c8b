"""Conversions between skeletons, with numbers to check by hand."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from dualhead.runtime.errors import MismatchError
from dualhead.sequence import SkeletonSequence
from dualhead.skeleton import BODY25, COCO17, KINECT20, NTU25, OPENPOSE18, SKELETONS, Skeleton
from dualhead.skeleton_maps import MAPS, convert_skeleton, joint_sources


def numbered(skeleton: Skeleton, frames: int = 1) -> SkeletonSequence:
    """Joint v stands at (v + 1, 10 (v + 1)) or the like and has confidence (v + 1) / 100."""
    number = np.arange(1, skeleton.num_joints + 1, dtype=np.float32)
    joints = np.stack([number * 10**axis for axis in range(skeleton.dimensions)], axis=-1)
    joints = np.repeat(joints[None, None], frames, axis=1)
    return SkeletonSequence(
        joints, skeleton, "a", 3, np.broadcast_to(number / 100, joints.shape[:3]).copy(), {"width": 9}
    )


@pytest.mark.parametrize(("source", "target"), MAPS)
def test_every_map_is_complete_and_keeps_left_and_right(source: str, target: str) -> None:
    one, other = SKELETONS[source], SKELETONS[target]
    for joint, sources in zip(other.joints, joint_sources(one, other), strict=True):
        names = [one.joints[number] for number in sources]
        assert all(name.split("_")[-1] == joint.split("_")[-1] for name in names) or joint in MAPS[source, target]
        if joint.startswith(("left", "right")):
            assert [name.split("_")[0] for name in names] == [joint.split("_")[0]]


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


def test_the_same_skeleton_is_left_alone() -> None:
    sequence = numbered(COCO17)
    assert convert_skeleton(sequence, COCO17) is sequence
    assert joint_sources(COCO17, COCO17)[3] == (3,)


def test_refusals_name_both_and_what_would_do() -> None:
    with pytest.raises(MismatchError, match=r"'ntu25' cannot be converted to 'openpose18': .* 'coco17' or 'body25'"):
        convert_skeleton(numbered(NTU25), OPENPOSE18)
    with pytest.raises(MismatchError, match="'kinect20' cannot be converted to 'ntu25'"):
        convert_skeleton(numbered(KINECT20), NTU25)
    renamed = dataclasses.replace(COCO17, parents=(0,) * 17)
    with pytest.raises(
        MismatchError, match="'coco17' cannot be converted to 'coco17', which has other joints or bones"
    ):
        convert_skeleton(dataclasses.replace(numbered(COCO17), skeleton=renamed), COCO17)
    with pytest.raises(MismatchError, match="normalised by recipe 'dualhead'"):
        convert_skeleton(dataclasses.replace(numbered(NTU25), prepared="dualhead"), KINECT20)
