"""Convert hip-centred world landmarks to camera space: the axes of a Kinect and the position in the room."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

FIELD_OF_VIEW = 60.0
"""Degrees that the longer side of a picture is taken to show; a wrong value scales the distance alone."""

AXES = (-1.0, -1.0, 1.0)
"""From world landmarks (x right, y down, z away) to camera space (x to the camera's left, y up, z away): a turn by half
a circle about z. Turning y alone would mirror people."""

_LEAST_WEIGHT = 1e-3


def focal_length(width: int, height: int, field_of_view: float = FIELD_OF_VIEW) -> float:
    """Compute the focal length in pixels of a camera whose longer side shows `field_of_view` degrees."""
    return max(width, height) / 2 / math.tan(math.radians(field_of_view) / 2)


def fit_hip_position(
    image: NDArray[np.floating],
    world: NDArray[np.floating],
    weights: NDArray[np.floating],
    size: tuple[int, int],
    field_of_view: float = FIELD_OF_VIEW,
) -> NDArray[np.float64]:
    """Fit the position of the hips: weighted least squares with a pinhole camera.

    With u = (x - width / 2) / f, a landmark (X, Y, Z) at hips (a, b, c) is seen where u (Z + c) = X + a and
    v (Z + c) = Y + b: linear in a, b and c.

    Args:
        image: `(V, 2 or more)`, pixels.
        world: `(V, 3)`, metres around the hips, x right, y down, z away.
        weights: `(V,)`, 0 or more.
        size: Width and height of the picture.
        field_of_view: Degrees that the longer side shows.

    Returns:
        `(3,)`, the middle of the hips in metres: x right, y down, z away from the camera, at least 0.1.
    """
    focal = focal_length(*size, field_of_view)
    seen = (np.asarray(image, np.float64)[:, :2] - np.array(size) / 2) / focal  # (V, 2)
    metres = np.asarray(world, np.float64)
    weight = np.maximum(np.asarray(weights, np.float64), _LEAST_WEIGHT)
    u, v = seen.T
    one, none = np.ones_like(u), np.zeros_like(u)
    matrix = np.concatenate([np.stack([one, none, -u], axis=1), np.stack([none, one, -v], axis=1)])
    target = np.concatenate([u * metres[:, 2] - metres[:, 0], v * metres[:, 2] - metres[:, 1]])
    root = np.sqrt(np.concatenate([weight, weight]))
    hips = np.linalg.lstsq(matrix * root[:, None], target * root, rcond=None)[0]
    hips[2] = max(hips[2], 0.1)
    return np.asarray(hips)


def to_camera(
    image: NDArray[np.floating],
    world: NDArray[np.floating],
    weights: NDArray[np.floating],
    size: tuple[int, int],
    field_of_view: float = FIELD_OF_VIEW,
) -> NDArray[np.float32]:
    """Transform world landmarks to camera space.

    Args:
        image: As for `fit_hip_position`.
        world: As for `fit_hip_position`.
        weights: As for `fit_hip_position`.
        size: As for `fit_hip_position`.
        field_of_view: As for `fit_hip_position`.

    Returns:
        `(V, 3)` in metres: x to the camera's left, y up, z away from it, as from a Kinect.
    """
    metres = np.asarray(world, np.float64) + fit_hip_position(image, world, weights, size, field_of_view)
    return (metres * AXES).astype(np.float32)
