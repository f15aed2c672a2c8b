"""Random changes of a clip; every draw comes from the generator that is passed in."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def rotation_about(x: float = 0.0, y: float = 0.0, z: float = 0.0) -> NDArray[np.float64]:
    """Build the rotation R = Rz Ry Rx: about the x axis first, about z last.

    Convention: angles in radians; right-handed, counter-clockwise when the axis points at the viewer; for column
    vectors, so x turned by 90 degrees about z becomes y.

    Args:
        x: Angle about the x axis.
        y: Angle about the y axis.
        z: Angle about the z axis.

    Returns:
        `(3, 3)`.
    """
    sin_x, cos_x, sin_y, cos_y, sin_z, cos_z = (f(angle) for angle in (x, y, z) for f in (math.sin, math.cos))
    about_x = np.array([[1, 0, 0], [0, cos_x, -sin_x], [0, sin_x, cos_x]])
    about_y = np.array([[cos_y, 0, sin_y], [0, 1, 0], [-sin_y, 0, cos_y]])
    about_z = np.array([[cos_z, -sin_z, 0], [sin_z, cos_z, 0], [0, 0, 1]])
    return np.asarray(about_z @ about_y @ about_x)


def transform(clip: NDArray[np.float32], matrix: NDArray[np.float64]) -> NDArray[np.float32]:
    """Apply one matrix to every joint of a clip.

    Convention: joints are column vectors (new = matrix @ old), about the point 0, where a missing joint stays.

    Args:
        clip: `(3, T, V, M)`.
        matrix: `(3, 3)`.

    Returns:
        A new array `(3, T, V, M)`.
    """
    return (matrix.astype(np.float32) @ clip.reshape(3, -1)).reshape(clip.shape)


def random_rotation(limit: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw a rotation R = Rz Ry Rx with three angles, each uniform within a limit (Chen et al., CTR-GCN, ICCV 2021).

    Args:
        limit: Largest angle in radians, either way.
        rng: Source of the three draws, in the order x, y, z.

    Returns:
        `(3, 3)`.
    """
    return rotation_about(*rng.uniform(-limit, limit, size=3).tolist())


def random_view(limit: float, smallest: float, largest: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw another point of view: a rotation about y, then about x, and a change of size, as for Northwestern-UCLA.

    Args:
        limit: Largest angle in radians, either way, for both.
        smallest: Lower bound of the scale factor.
        largest: Upper bound of the scale factor.
        rng: Source of the three draws, in the order angle about x, angle about y, scale.

    Returns:
        `(3, 3)`, the scale times Rx Ry.
    """
    x, y = rng.uniform(-limit, limit, size=2).tolist()
    return rng.uniform(smallest, largest) * (rotation_about(x=x) @ rotation_about(y=y))
