"""Orientation of 3D poses: they are rotated to the axes of the Kinect by the direction of their bodies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dualhead.skeleton import Skeleton

_CLEAR = 0.8
"""Mean share of a body's height that must lie along an axis for it to be the one that points up."""

_UPRIGHT = {
    "y up": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "y down": ((-1, 0, 0), (0, -1, 0), (0, 0, 1)),
    "z up": ((1, 0, 0), (0, 0, 1), (0, -1, 0)),
    "z down": ((1, 0, 0), (0, 0, -1), (0, 1, 0)),
}
"""The rotations that make y point up; none mirrors."""


def stand_up(
    joints: NDArray[np.float64], skeleton: Skeleton, upper: Sequence[str], lower: Sequence[str]
) -> tuple[NDArray[np.float64], str]:
    """Rotate poses so that y points up, where their joints determine the vertical axis.

    Convention: rotations only, so that left stays left: (x, y, z) becomes (-x, -y, z) where y points down, (x, z, -y)
    where z points up, (x, -z, y) where it points down.

    Args:
        joints: `(B, V, 3)`, zeros where absent.
        skeleton: The layout of the V joints.
        upper: Joints at the top of a body.
        lower: Joints at its bottom.

    Returns:
        The joints, and a sentence that explains the decision; "" if y pointed up already or the direction is unclear.
    """
    places = [[skeleton.joints.index(name) for name in names] for names in (upper, lower)]
    present: NDArray[np.bool_] = np.any(joints, axis=2)
    seen = joints[present[:, [*places[0], *places[1]]].any(axis=1)]
    if not len(seen):
        return joints, ""
    along = (seen[:, places[0]].mean(axis=1) - seen[:, places[1]].mean(axis=1)).mean(axis=0)  # (3,)
    axis = int(np.abs(along).argmax())
    if axis == 0 or np.abs(along[axis]) < _CLEAR * float(np.linalg.norm(along)):
        return joints, ""
    name = f"{'xyz'[axis]} {'up' if along[axis] > 0 else 'down'}"
    if name == "y up":
        return joints, ""
    return joints @ np.array(_UPRIGHT[name], np.float64).T, f"{name[0]} points {name[2:]}: turned so that y points up"


def off_zero(joints: NDArray[np.float64]) -> tuple[NDArray[np.float64], str]:
    """Move bodies whose root is the origin away from it: a joint at zero would count as absent.

    Convention: only where joint 0 is at zero in every pose; all joints that are not absent are moved along z, away from
    the camera, by four times their median distance from the root.

    Args:
        joints: `(B, V, 3)`, zeros where absent.

    Returns:
        The joints, and a sentence that says that they were moved; "" where they were not.
    """
    if not len(joints) or joints[:, 0].any() or not joints.any():
        return joints, ""
    present: NDArray[np.bool_] = np.any(joints, axis=2)
    present[:, 0] = True
    distance = 4 * float(np.median(np.linalg.norm(joints[present & np.any(joints, axis=2)], axis=1)))
    return joints + present[..., None] * np.array([0, 0, distance]), "relative to the root: moved away from the camera"
