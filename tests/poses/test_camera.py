"""The axes of a Kinect, and where a person stands."""

import numpy as np
import pytest

from dualhead.poses.camera import AXES, fit_hip_position, focal_length, to_camera


def person() -> np.ndarray:
    rng = np.random.default_rng(3)
    return rng.uniform((-0.4, -0.9, -0.3), (0.4, 0.9, 0.3), (33, 3))


def seen(world: np.ndarray, hips: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """See world landmarks (x right, y down, z away) with a pinhole camera."""
    points = world + hips
    return points[:, :2] / points[:, 2:] * focal_length(*size) + np.array(size) / 2


def test_focal_length_of_sixty_degrees() -> None:
    assert focal_length(640, 360) == pytest.approx(320 * np.sqrt(3))
    assert focal_length(360, 640) == focal_length(640, 360)  # the longer side counts
    assert focal_length(200, 100, 90) == pytest.approx(100)


@pytest.mark.parametrize("size", [(640, 480), (480, 854)])
def test_hips_are_found_exactly_where_the_picture_is_exact(size: tuple[int, int]) -> None:
    hips = np.array([0.7, -0.2, 3.1])
    world = person()
    assert fit_hip_position(seen(world, hips, size), world, np.ones(33), size) == pytest.approx(hips)


def test_landmarks_without_weight_do_not_count() -> None:
    hips, world = np.array([0.1, 0.0, 2.5]), person()
    image = seen(world, hips, (640, 480))
    image[:5] += 300
    weights = np.ones(33)
    weights[:5] = 0
    assert fit_hip_position(image, world, weights, (640, 480)) == pytest.approx(hips, abs=0.05)


def test_a_wrong_field_of_view_scales_the_distance_alone() -> None:
    hips, world = np.array([0.3, -0.1, 3.0]), person() * (1, 1, 0.01)  # nearly flat
    image = seen(world, hips, (640, 480))
    wide = fit_hip_position(image, world, np.ones(33), (640, 480), 80)
    assert wide[:2] == pytest.approx(hips[:2], abs=0.02)
    assert wide[2] / hips[2] == pytest.approx(focal_length(640, 480, 80) / focal_length(640, 480), rel=0.02)


def test_camera_space_is_turned_and_not_mirrored() -> None:
    world = person()
    joints = to_camera(seen(world, np.array([0, 0, 3.0]), (640, 480)), world, np.ones(33), (640, 480))
    assert joints == pytest.approx((world + np.array([0, 0, 3])) * AXES, abs=1e-5)
    assert np.prod(AXES) == 1  # an odd number of signs would turn left into right
