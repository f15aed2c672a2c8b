"""Units of 3D coordinates, and how large a body is."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from dualhead.skeleton import Skeleton

METRES = MappingProxyType({"m": 1.0, "cm": 0.01, "mm": 0.001, "in": 0.0254})
"""Metres of each unit."""

MOST_EXTENT = 3.0
"""Factor by which a body may be larger or smaller than expected before its unit is doubted."""

_BLOCK = 4096  # bodies
_STANDING = 1.6  # an adult from head to foot is about 1.3 to 1.9 metres for a Kinect
_HEADS = ("head", "nose", "neck")
_FEET = ("left_foot", "left_ankle", "right_foot", "right_ankle")


def body_extent(joints: NDArray[np.floating]) -> float:
    """Measure how large bodies are.

    Convention: of each body in each frame the largest extent along an axis, over the joints that are not all zeros;
    then the median. A standing adult is about 1.3 to 1.9 metres.

    Args:
        joints: `(..., V, C)`.

    Returns:
        The extent in the unit of the coordinates; 0 where no body has two joints.
    """
    return body_extents([joints])[0]


def body_extents(recordings: Sequence[NDArray[np.floating]]) -> list[float]:
    """Measure how large the bodies of each recording are, as `body_extent` does; many at once take much less time.

    Args:
        recordings: At least one, each `(..., V, C)` with the same V and C.

    Returns:
        An extent for each.
    """
    each = [joints.reshape(-1, *joints.shape[-2:]) for joints in recordings]
    bodies = each[0] if len(each) == 1 else np.concatenate(each)
    blocks = [_extents(bodies[first : first + _BLOCK]) for first in range(0, len(bodies), _BLOCK)]
    extents = np.concatenate(blocks) if blocks else np.zeros(0)
    stops = np.cumsum([len(joints) for joints in each]).tolist()
    return [_median(extents[start:stop]) for start, stop in zip([0, *stops], stops, strict=False)]


def _extents(joints: NDArray[np.floating]) -> NDArray[np.floating]:
    """Measure bodies `(B, V, C)`; one without two joints has a negative extent."""
    # bodies last: `prepare` measures every sample, and a reduction over rows is several times as fast
    values = np.ascontiguousarray(joints.transpose(2, 1, 0))  # (C, V, B)
    seen = np.asarray(values.any(axis=0))  # (V, B)
    if seen.all():
        return np.asarray((values.max(axis=1) - values.min(axis=1)).max(axis=0))
    high, low = np.where(seen, values, -np.inf), np.where(seen, values, np.inf)
    extents = (high.max(axis=1) - low.min(axis=1)).max(axis=0)
    return np.asarray(np.where(seen.sum(axis=0) > 1, extents, -1))


def _median(extents: NDArray[np.floating]) -> float:
    extents = np.sort(extents[~(extents < 0)])
    if not len(extents):
        return 0.0
    return float(extents[(len(extents) - 1) // 2] + extents[len(extents) // 2]) / 2


def usual_extent(skeleton: Skeleton) -> float | None:
    """Return the usual size of bodies of a 3D skeleton in metres; None where its joints are not a whole body.

    Args:
        skeleton: The layout of the joints.
    """
    whole = any(name in skeleton.joints for name in _HEADS) and any(name in skeleton.joints for name in _FEET)
    return _STANDING if skeleton.dimensions == 3 and whole else None


def doubt_unit(extent: float, expected: float | None) -> str:
    """Describe the probable unit of coordinates whose bodies have not the size expected in metres.

    Args:
        extent: Their size, as `body_extent` measures it; 0 where there are none.
        expected: The size expected in metres; None where that is not known.

    Returns:
        A sentence with both figures and the cure; "" where the two differ by no more than `MOST_EXTENT` times.
    """
    if not expected or not extent or 1 / MOST_EXTENT <= extent / expected <= MOST_EXTENT:
        return ""
    factors = {name: max(extent * metres / expected, expected / (extent * metres)) for name, metres in METRES.items()}
    fitting = [name for name, factor in factors.items() if factor <= MOST_EXTENT]
    best = min(factors, key=lambda name: factors[name])
    others = f" (or {', '.join(name for name in fitting if name != best)})" if len(fitting) > 1 else ""
    cure = f"pass --unit {best}{others}" if fitting else "are they the coordinates of a body?"
    return f"the bodies are {extent:.4g} units tall, but about {expected:.3g} metres are expected: {cure}"
