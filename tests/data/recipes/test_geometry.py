from __future__ import annotations

import math

import numpy as np
import pytest

from dualhead.data.recipes.geometry import move_image, rotation_about, transform

RIGHT = math.pi / 2


@pytest.mark.parametrize(
    ("angles", "before", "after"),
    [
        ({"x": RIGHT}, (0, 1, 0), (0, 0, 1)),
        ({"y": RIGHT}, (0, 0, 1), (1, 0, 0)),
        ({"z": RIGHT}, (1, 0, 0), (0, 1, 0)),
        ({"x": RIGHT, "z": RIGHT}, (0, 1, 0), (0, 0, 1)),  # x first: y to z, which z leaves alone
        ({"y": RIGHT, "z": RIGHT}, (0, 0, 1), (0, 1, 0)),  # z to x, then x to y
    ],
)
def test_rotation_is_right_handed_and_x_comes_first(
    angles: dict[str, float], before: tuple[int, ...], after: tuple[int, ...]
) -> None:
    np.testing.assert_allclose(rotation_about(**angles) @ before, after, atol=1e-12)


def test_transform_moves_every_joint_and_leaves_missing_ones() -> None:
    clip = np.zeros((3, 2, 2, 1), np.float32)
    clip[:, 0, 0, 0] = (1, 2, 3)
    clip[:, 1, 1, 0] = (4, 0, 0)
    turned = transform(clip, rotation_about(z=RIGHT))
    np.testing.assert_allclose(turned[:, 0, 0, 0], (-2, 1, 3), atol=1e-6)
    np.testing.assert_allclose(turned[:, 1, 1, 0], (0, 4, 0), atol=1e-6)
    assert not turned[:, 0, 1].any() and turned.dtype == np.float32


def test_move_image_by_hand() -> None:
    clip = np.zeros((3, 3, 2, 1), np.float32)
    clip[:, :, 0, 0] = np.array([1, 0, 0.5])[:, None]  # x = 1 in all three frames, and a joint that is missing
    moved = move_image(clip, angles=(0, RIGHT), scales=(1, 3), shifts_x=(0, 0), shifts_y=(10, 30))
    half = math.sqrt(0.5)  # half way: 45 degrees, twice the size, 20 up
    np.testing.assert_allclose(moved[:2, :, 0, 0].T, [(1, 10), (2 * half, 20 + 2 * half), (0, 33)], atol=1e-5)
    np.testing.assert_allclose(moved[:2, :, 1, 0].T, [(0, 10), (0, 20), (0, 30)])
    np.testing.assert_array_equal(moved[2], clip[2])
    assert clip[1].max() == 0 and moved.dtype == np.float32
