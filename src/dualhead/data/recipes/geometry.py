"""Rotations, and moves of flat clips: matrices and arithmetic alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

_ABOUT: tuple[Callable[[float, float], NDArray[np.float64]], ...] = (
    lambda sin, cos: np.array([(1.0, 0, 0), (0, cos, -sin), (0, sin, cos)]),
    lambda sin, cos: np.array([(cos, 0, sin), (0, 1.0, 0), (-sin, 0, cos)]),
    lambda sin, cos: np.array([(cos, -sin, 0), (sin, cos, 0), (0, 0, 1.0)]),
)


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
    turns = [_ABOUT[axis](math.sin(angle), math.cos(angle)) for axis, angle in enumerate((x, y, z)) if angle]
    matrix = turns.pop() if turns else np.eye(3)
    while turns:
        matrix = matrix @ turns.pop()
    return matrix


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


def move_image(
    clip: NDArray[np.float32],
    angles: Sequence[float],
    scales: Sequence[float],
    shifts_x: Sequence[float],
    shifts_y: Sequence[float],
) -> NDArray[np.float32]:
    """Rotate, scale and shift a flat clip, interpolated from one placement at its first frame to another at its last.

    Convention: each of the four goes linearly over the frames; (x, y) is turned about (0, 0) from x towards y, times
    the scale, plus the shift. The score stays. Missing joints and absent bodies, which lie at (0, 0), are shifted like
    all others, as published.

    Args:
        clip: `(3, T, V, M)`: x, y, score.
        angles: Radians at the first and the last frame.
        scales: Factors there.
        shifts_x: Shifts along x there, in units of the clip.
        shifts_y: Shifts along y there.

    Returns:
        A new array `(3, T, V, M)`.
    """
    angle, scale, x, y = (
        np.linspace(first, last, clip.shape[1]) for first, last in (angles, scales, shifts_x, shifts_y)
    )
    across, along = np.cos(angle) * scale, np.sin(angle) * scale  # (T,)
    turn = np.array([[across, -along], [along, across]], dtype=np.float32)  # (2, 2, T)
    moved = clip.copy()
    np.einsum("abt,btvm->atvm", turn, clip[:2], out=moved[:2])
    moved[:2] += np.stack([x, y]).astype(np.float32)[:, :, None, None]
    return moved
