"""Tests that tell tracked people from chairs, reflections and flashes.

With the limits of CTR-GCN (Chen et al., ICCV 2021) and its successors for NTU RGB+D:

- length: a body is seen in at least 12 frames;
- spread: it is not wide (its extent along x more than 0.8 of that along y) in more than 69.754 % of its frames;
- size: the sum over coordinates of the variance over all its joints and frames is at least 0.089925 square metres.

Their code also has an upper limit of the last, 2 square metres, and applies neither: a person who walks through the
room exceeds it. The lower one is applied here, against small ghosts.

A test that would reject every body is skipped, so that a single body is kept; and the main actor, who moves most,
passes those of spread and size.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

MIN_FRAMES = 12
"""Fewest frames of a person."""

WIDE = 0.8
"""Extent along x over extent along y above which a body is wide."""

MAX_WIDE = 0.69754
"""Largest share of frames in which a person is wide."""


MIN_MOTION = 0.089925
"""Least motion of a person, in square metres."""


def wide_share(joints: NDArray[np.float64]) -> float:
    """Measure how often a body is wide, as people who stand or sit are not.

    Args:
        joints: `(F, V, C)`, the frames in which the body was seen; x and y are the first two coordinates.

    Returns:
        The share of frames in which its extent along x is more than `WIDE` of its extent along y, 0 to 1.
    """
    by_joint = np.ascontiguousarray(joints[..., :2].transpose(1, 0, 2))  # numpy compares rows at once, pairs slowly
    extent = by_joint.max(axis=0) - by_joint.min(axis=0)  # (F, 2)
    return float((extent[:, 0] > WIDE * extent[:, 1]).mean())


def motion(joints: NDArray[np.float64]) -> float:
    """Measure how much room a body takes and covers.

    Args:
        joints: `(F, V, C)`, the frames in which the body was seen.

    Returns:
        The sum over coordinates of the variance over all joints and frames, in square units of the coordinates.
    """
    return float(np.ascontiguousarray(joints.reshape(-1, joints.shape[2]).T).var(axis=1).sum())


def movement(joints: NDArray[np.float64]) -> float:
    """Measure how much a body acts, whatever its posture.

    Args:
        joints: `(F, V, C)`, the frames in which the body was seen.

    Returns:
        F times the mean over joints of the variance over frames, summed over coordinates: 0 for a body that stands
        still.
    """
    return float(len(joints) * joints.var(axis=0).sum(axis=1).mean())


def keep_people(bodies: Sequence[NDArray[np.float64]], metre: float = 1.0) -> list[int]:
    """Choose the bodies that are people.

    Args:
        bodies: Each `(F, V, C)`, the frames in which it was seen.
        metre: The length of a metre in the units of the coordinates.

    Returns:
        Their numbers, by frames times motion, the highest first, so that who acts all the time comes before who passes
        by; equal ones keep their order. Empty only if `bodies` is.
    """
    if len(bodies) < 2:
        return list(range(len(bodies)))
    motions = [motion(joints) for joints in bodies]
    kept = [number for number, joints in enumerate(bodies) if len(joints) >= MIN_FRAMES] or list(range(len(bodies)))
    main = max(kept, key=lambda number: movement(bodies[number]))
    for passes in (
        [wide_share(joints) <= MAX_WIDE for joints in bodies],
        [value >= MIN_MOTION * metre**2 for value in motions],
    ):
        if any(passes[number] for number in kept):
            kept = [number for number in kept if passes[number] or number == main]
    return sorted(kept, key=[-len(joints) * value for joints, value in zip(bodies, motions, strict=True)].__getitem__)
