from __future__ import annotations

import numpy as np
import pytest

from dualhead.runtime.errors import ConfigError
from dualhead.sequence import SkeletonSequence
from dualhead.skeleton import COCO17, NTU25, OPENPOSE18
from dualhead.visualize.scene import bones, make_scene, turned

from .conftest import standing


def test_the_picture_is_seen_from_the_camera_and_not_mirrored() -> None:
    # x spans -1..1 and y 0..2, so the centre is (0, 1) and a unit of the picture is 1.08 m.
    points = make_scene(SkeletonSequence(standing(frames=1), NTU25)).points[0, 0]
    np.testing.assert_allclose(points[11, :2], [-1 / 1.08, 0.6 / 1.08], atol=1e-6)  # the right hand: viewer's left
    np.testing.assert_allclose(points[7, :2], [1 / 1.08, 0.6 / 1.08], atol=1e-6)  # the left hand: viewer's right
    np.testing.assert_allclose(points[3, :2], [0, 1 / 1.08], atol=1e-6)  # the head: up
    np.testing.assert_allclose(points[19, 1], -1 / 1.08, atol=1e-6)  # a foot: down


def test_what_is_nearer_to_the_camera_is_nearer_to_the_viewer() -> None:
    joints = standing()
    joints[:, :, 11, 2] = 2.5  # the right hand reaches towards the camera
    points = make_scene(SkeletonSequence(joints, NTU25)).points
    assert points[0, 0, 11, 2] > points[0, 0, 7, 2]


def test_the_floor_is_at_the_feet() -> None:
    assert make_scene(SkeletonSequence(standing(frames=1), NTU25)).floor == pytest.approx(-1 / 1.08, abs=1e-6)


def test_flat_recordings_have_y_down_in_the_image_and_up_in_the_picture() -> None:
    joints = np.zeros((1, 1, 18, 2), np.float32)
    joints[0, 0, 0] = 0.4, 0.2  # the nose, high up in the image
    joints[0, 0, 10] = 0.6, 0.8  # a foot
    scene = make_scene(SkeletonSequence(joints, OPENPOSE18))
    # The centre is (0.5, 0.5) and half the height 0.3.
    np.testing.assert_allclose(scene.points[0, 0, 0], [-0.1 / 0.324, 0.3 / 0.324, 0], atol=1e-5)
    np.testing.assert_allclose(scene.points[0, 0, 10], [0.1 / 0.324, -0.3 / 0.324, 0], atol=1e-5)
    assert scene.flat
    assert scene.floor is None


def test_absent_joints_are_no_numbers() -> None:
    joints = standing(bodies=2)
    joints[0, 1] = 0  # a frame without the first body
    joints[0, 2, 3] = np.nan
    scene = make_scene(SkeletonSequence(joints, NTU25))
    assert np.isnan(scene.points[0, 1]).all()
    assert np.isnan(scene.points[0, 2, 3]).all()
    assert np.isfinite(scene.points[1]).all()


def test_a_joint_of_confidence_zero_is_absent() -> None:
    joints = np.random.default_rng(0).random((1, 2, 17, 2)).astype(np.float32) + 1
    confidence = np.ones((1, 2, 17), np.float32)
    confidence[0, 1, 5] = 0
    points = make_scene(SkeletonSequence(joints, COCO17, confidence=confidence)).points
    assert np.isnan(points[0, 1, 5]).all()
    assert np.isfinite(points).sum() == (2 * 17 - 1) * 3


def test_bodies_that_never_appear_are_left_out() -> None:
    joints = standing(bodies=3)
    joints[1] = 0
    assert make_scene(SkeletonSequence(joints, NTU25)).num_bodies == 2


def test_one_wild_joint_does_not_shrink_the_rest_to_a_dot() -> None:
    joints = standing(frames=40)
    joints[0, 7, 11] = 80, 80, 80
    points = make_scene(SkeletonSequence(joints, NTU25)).points
    height = points[0, 0, 3, 1] - points[0, 0, 19, 1]
    assert 1 < height < 1.85  # of the picture's 2; 1.85 without the wild joint, 0.05 if it were shown


@pytest.mark.parametrize("bodies", [0, 2])
def test_nobody_is_an_error(bodies: int) -> None:
    empty = SkeletonSequence(np.zeros((bodies, 5, 25, 3), np.float32), NTU25, name="nobody")
    with pytest.raises(ConfigError, match=r"'nobody'.*5 frames"):
        make_scene(empty)


def test_no_frame_is_an_error(person: SkeletonSequence) -> None:
    with pytest.raises(ConfigError, match=r"4 frames.*9"):
        make_scene(person, start=9)
    with pytest.raises(ConfigError, match="has 0 frames"):
        make_scene(SkeletonSequence(np.zeros((1, 0, 25, 3), np.float32), NTU25))


def test_a_stretch_of_frames(person: SkeletonSequence) -> None:
    assert make_scene(person, start=1, stop=3).num_frames == 2
    assert make_scene(person, start=3).num_frames == 1


def test_one_joint_at_one_place_is_still_a_picture() -> None:
    joints = np.zeros((1, 1, 25, 3), np.float32)
    joints[0, 0, 4] = 1, 2, 3
    np.testing.assert_allclose(make_scene(SkeletonSequence(joints, NTU25)).points[0, 0, 4], 0)


def test_sides_of_bones() -> None:
    edges, sides = bones(NTU25)
    side = dict(zip(edges, sides, strict=True))
    assert side[4, 5] == "left"
    assert side[8, 9] == "right"
    assert side[4, 20] == "left"  # shoulder to spine
    assert side[0, 1] == "middle"
    assert len(edges) == 24
    side = dict(zip(*bones(COCO17), strict=True))
    assert side[11, 13] == "left"
    assert side[0, 2] == "right"  # nose to right eye


def test_turning() -> None:
    nearest = np.array([0, 0, 1], np.float32)
    np.testing.assert_allclose(turned(nearest, 90), [1, 0, 0], atol=1e-6)  # to the right
    np.testing.assert_allclose(turned(nearest, 0, 90), [0, -1, 0], atol=1e-6)  # down, seen from above
    np.testing.assert_allclose(turned(np.array([1, 2, 3], np.float32), 0), [1, 2, 3])


def test_bodies_that_are_drawn_are_known_by_their_place_in_the_recording() -> None:
    joints = standing(bodies=3)
    joints[1] = 0
    assert make_scene(SkeletonSequence(joints, NTU25)).bodies == (0, 2)
