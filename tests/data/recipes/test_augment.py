from __future__ import annotations

import math

import numpy as np
import pytest

from dualhead.data.recipes.augment import (
    move_image,
    random_move,
    random_rotation,
    random_view,
    rotation_about,
    transform,
)

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


def test_random_rotation_keeps_lengths_and_its_limit() -> None:
    rng = np.random.default_rng(0)
    matrices = [random_rotation(0.3, rng) for _ in range(500)]
    for matrix in matrices:
        np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(matrix) == pytest.approx(1)
    about_y = [math.asin(-matrix[2, 0]) for matrix in matrices]
    about_x = [math.atan2(matrix[2, 1], matrix[2, 2]) for matrix in matrices]
    about_z = [math.atan2(matrix[1, 0], matrix[0, 0]) for matrix in matrices]
    for angles in (about_x, about_y, about_z):
        assert -0.3 <= min(angles) < -0.28 and 0.28 < max(angles) <= 0.3


def test_random_view_is_a_scaled_rotation_about_y_then_x() -> None:
    rng = np.random.default_rng(0)
    matrices = [random_view(math.radians(60), 0.5, 1.5, rng) for _ in range(500)]
    scales = [float(np.cbrt(np.linalg.det(matrix))) for matrix in matrices]
    assert 0.5 <= min(scales) < 0.52 and 1.48 < max(scales) <= 1.5
    for matrix, scale in zip(matrices, scales, strict=True):
        np.testing.assert_allclose(matrix @ matrix.T, scale**2 * np.eye(3), atol=1e-9)
        assert matrix[0, 1] == pytest.approx(0)  # Rx Ry: the first row is that of Ry


def test_the_same_generator_state_gives_the_same_draw() -> None:
    np.testing.assert_array_equal(
        random_rotation(0.3, np.random.default_rng(5)), random_rotation(0.3, np.random.default_rng(5))
    )


def test_move_image_by_hand() -> None:
    clip = np.zeros((3, 3, 2, 1), np.float32)
    clip[:, :, 0, 0] = np.array([1, 0, 0.5])[:, None]  # x = 1 in all three frames, and a joint that is missing
    moved = move_image(clip, angles=(0, RIGHT), scales=(1, 3), shifts_x=(0, 0), shifts_y=(10, 30))
    half = math.sqrt(0.5)  # half way: 45 degrees, twice the size, 20 up
    np.testing.assert_allclose(moved[:2, :, 0, 0].T, [(1, 10), (2 * half, 20 + 2 * half), (0, 33)], atol=1e-5)
    np.testing.assert_allclose(moved[:2, :, 1, 0].T, [(0, 10), (0, 20), (0, 30)])
    np.testing.assert_array_equal(moved[2], clip[2])
    assert clip[1].max() == 0 and moved.dtype == np.float32


def test_random_move_draws_from_the_published_values() -> None:
    rng = np.random.default_rng(0)
    clip = np.zeros((3, 5, 2, 1), np.float32)
    clip[0, :, 0] = 1
    found: dict[str, set[float]] = {"angle": set(), "scale": set(), "shift": set()}
    for _ in range(200):
        moved = random_move(clip, rng)[:2, [0, -1]].astype(float)  # (2, 2, V, 1): only the ends are whole values
        shifts = moved[:, :, 1, 0]
        x, y = moved[:, :, 0, 0] - shifts
        found["angle"].update(np.round(np.degrees(np.arctan2(y, x)), 3).tolist())
        found["scale"].update(np.round(np.hypot(x, y), 5).tolist())
        found["shift"].update(np.round(shifts, 5).ravel().tolist())
    assert sorted(found["angle"]) == [-10, -5, 0, 5, 10]
    assert sorted(found["scale"]) == [0.9, 1.0, 1.1]
    assert sorted(found["shift"]) == [-0.2, -0.1, 0, 0.1, 0.2]
