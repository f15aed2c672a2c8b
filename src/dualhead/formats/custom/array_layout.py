"""The order of the axes and columns of an array of numbers: as documented, as its numbers show, or as the user says.

Letters represent axes: M bodies, T frames, V joints, C coordinates (with a confidence behind them, where there is one).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualhead.runtime.errors import FormatError
from dualhead.skeleton import Skeleton

AXES = tuple(
    "".join(letters) for count in (3, 4) for letters in permutations("MTVC", count) if {"T", "V", "C"} <= {*letters}
)
"""Valid values of `axes`, such as "TMVC"; T are the lines of a table of numbers."""

_FEWEST_JOINTS = 5  # of fewer joints the numbers do not determine the order of columns
_MOST_BODIES = 8  # more than that and fewer frames: bodies and frames are probably swapped
_MOST_CROWD = 16  # more bodies than that over many frames are many clips
_CLEAR_MOVE = 0.1  # of a body
_CLEAR_STEP = 2.0  # how many times smaller steps along time are than from body to body
_CLEAR, _ALIKE = 1.6, 1.25  # how many times shorter bones must be for a reading to be taken, and may be for none
_MEASURED_FRAMES = 64


def order_axes(
    values: NDArray[Any], skeleton: Skeleton, where: str, axes: str | None = None
) -> tuple[NDArray[Any], list[str]]:
    """Transpose an array to `(M, T, V, C)`, C with or without a confidence.

    Convention: `(T, V, C)` and `(M, T, V, C)` are documented and taken wherever they fit and the numbers do not clearly
    say otherwise. Other orders are taken where only they fit, or where the numbers say so: along time neighbours differ
    less than from body to body, and bones are short.

    Args:
        values: An array of two to four axes.
        skeleton: The skeleton that determines V and C.
        where: The source, for the error message.
        axes: The order of its axes, one of `AXES`; None: found out.

    Returns:
        The array in that order, and what was decided by evidence, a sentence each. An array that fits in no order is
        returned as it is.

    Raises:
        FormatError: If it fits in two orders and the numbers leave open which, or not in the order that is said.
    """
    if axes is not None:
        return _as_said(values, skeleton, where, axes.upper()), []
    if values.ndim == 2:
        if len(values) == skeleton.num_joints and _fits(values.shape[1], skeleton) and skeleton.num_joints > 3:
            return values[None, None], ["its axes are interpreted as (joints, coordinates) of a single frame"]
        return _columns(values, skeleton, where)
    fitting = list(_fitting(values.shape, skeleton))
    documented = "MTVC"[-values.ndim :] if values.ndim in (3, 4) else ""
    if not fitting:
        return values, []
    if documented not in fitting:
        order = fitting[0]
        if (
            len({frozenset((letter, size) for letter, size in zip(one, values.shape, strict=True)) for one in fitting})
            > 1
        ):
            readings = " or ".join(map(str, fitting))
            raise FormatError(f"an array of shape {values.shape} could be {readings}: pass --axes", where)
        return _ordered(values, order), [f"its axes are interpreted as {_spelled(order)}"]
    if values.ndim == 4 and values.shape[0] > values.shape[1]:
        return _bodies_or_frames(values, where)
    return _ordered(values, documented), []


def _fits(count: int, skeleton: Skeleton) -> bool:
    return count in (skeleton.dimensions, skeleton.dimensions + 1)


def _fitting(shape: tuple[int, ...], skeleton: Skeleton) -> Iterator[str]:
    """List the orders in which joints and coordinates fit, the documented one and those with time in front first."""
    known = {"MTVC": 0, "TMVC": 1, "TVC": 0}
    for order in sorted((order for order in AXES if len(order) == len(shape)), key=lambda order: known.get(order, 2)):
        sizes = dict(zip(order, shape, strict=True))
        few = sizes.get("M", 1) <= _MOST_BODIES or order == "MTVC"
        if sizes["V"] == skeleton.num_joints and _fits(sizes["C"], skeleton) and few:
            yield order


def _ordered(values: NDArray[Any], order: str) -> NDArray[Any]:
    if len(order) == 3:
        values, order = values[None], f"M{order}"
    return values.transpose([order.index(letter) for letter in "MTVC"])


def _spelled(order: str) -> str:
    names = {"M": "bodies", "T": "frames", "V": "joints", "C": "coordinates"}
    return f"({', '.join(names[letter] for letter in order)})"


def _bodies_or_frames(values: NDArray[Any], where: str) -> tuple[NDArray[Any], list[str]]:
    """Detect `(T, M, V, C)` instead of `(M, T, V, C)` where there are more bodies than frames: people move little.

    Convention: along time neighbours are less than half as far apart as along bodies; of a single frame, they are less
    apart than a tenth of a body.
    """
    bodies, frames = values.shape[:2]
    count = "1 body" if frames == 1 else f"{frames} bodies"
    swapped = f"its axes are interpreted as (frames, bodies, ...): {count} of {bodies} frames"
    if frames > _MOST_BODIES:
        if bodies <= _MOST_CROWD:
            return values, []
        raise FormatError(
            f"{bodies} bodies of {frames} frames: is it an array of many clips? give a file for each, or --axes MTVC",
            where,
        )
    between_first, between_second = _step(values, 0), _step(values, 1)
    if frames == 1:
        is_time = bodies > _MOST_BODIES or between_first < _CLEAR_MOVE * _size(values)
    else:
        is_time = between_second > _CLEAR_STEP * between_first
    if is_time:
        return values.swapaxes(0, 1), [swapped]
    if bodies > _MOST_BODIES and not between_first > _CLEAR_STEP * between_second:
        raise FormatError(
            f"{bodies} bodies of {frames} frames: are the axes swapped? pass --axes TMVC (frames first) or MTVC",
            where,
        )
    return values, []


def _size(values: NDArray[Any]) -> float:
    """Measure how large bodies are along an axis, in the median. `(..., V, C)`."""
    with np.errstate(invalid="ignore", over="ignore"):
        sizes = np.ptp(values.astype(np.float64), axis=-2).max(axis=-1)
    sizes = sizes[np.isfinite(sizes)]
    return float(np.median(sizes)) if sizes.size else 0.0


def _step(values: NDArray[Any], axis: int) -> float:
    """Measure how far neighbours along an axis are apart, in the median."""
    if values.shape[axis] < 2:
        return 0.0
    with np.errstate(invalid="ignore", over="ignore"):  # damaged bytes can be any number
        steps = np.abs(np.diff(values.astype(np.float64), axis=axis))
    steps = steps[np.isfinite(steps)]
    return float(np.median(steps)) if steps.size else 0.0


def _as_said(values: NDArray[Any], skeleton: Skeleton, where: str, axes: str) -> NDArray[Any]:
    if axes not in AXES:
        raise FormatError(
            f"axes {axes[:10]!r} are invalid: pass the letters M, T, V, C in their order, such as TMVC", where
        )
    if values.ndim == 3 and len(axes) == 4:
        axes = axes.replace("M", "")  # one body, without the axis of bodies
    joints, channels = skeleton.num_joints, skeleton.dimensions
    if values.ndim == 2 and axes[0] == "T":
        for count in (channels, channels + 1):
            bodies, rest = divmod(values.shape[1], joints * count)
            if not rest and bodies and (bodies == 1 or "M" in axes):
                sizes = {"T": len(values), "M": bodies, "V": joints, "C": count}
                return _ordered(values.reshape([sizes[letter] for letter in axes]), axes)
    elif values.ndim == len(axes):
        ordered = _ordered(values, axes)
        if ordered.shape[2] == joints and _fits(ordered.shape[3], skeleton):
            return ordered
    raise FormatError(f"an array of shape {values.shape} is not {_spelled(axes)} of skeleton {skeleton.name!r}", where)


def _columns(values: NDArray[Any], skeleton: Skeleton, where: str) -> tuple[NDArray[Any], list[str]]:
    """Split the columns of a table `(T, n)` into bodies, joints and coordinates.

    The documented order is body after body, joint after joint, its coordinates side by side. The ends of a bone lie
    close together, and so do their scores; a wrong reading makes bones of numbers that lie far apart. (Of Kinect
    skeletons, centred or not, bones are more than twice as long in the wrong order.)
    """
    frames, width = values.shape
    readings: list[tuple[float, str, NDArray[Any]]] = []
    for count in (skeleton.dimensions, skeleton.dimensions + 1):
        bodies, rest = divmod(width, skeleton.num_joints * count)
        if rest or not bodies:
            continue
        scored = "" if count == skeleton.dimensions else " with a confidence"
        people = f"{bodies} {'body' if bodies == 1 else 'bodies'}{scored}"
        by_joint = values.reshape(frames, bodies, skeleton.num_joints, count)
        by_axis = values.reshape(frames, bodies, count, skeleton.num_joints).swapaxes(2, 3)
        readings.append((_bone_length(by_joint, skeleton), f"{people}, joint after joint", by_joint))
        readings.append((_bone_length(by_axis, skeleton), f"{people}, coordinate after coordinate", by_axis))
    if not readings:
        return values, []
    if skeleton.num_joints < _FEWEST_JOINTS:
        return readings[0][2].swapaxes(0, 1), []
    length, said, best = min(readings, key=lambda reading: reading[0])
    if readings[0][0] <= _ALIKE * length or len(readings) == 1:
        return readings[0][2].swapaxes(0, 1), []
    others = [reading for reading in readings if reading[2] is not best]
    if min(reading[0] for reading in others) < _CLEAR * length:
        fitting = sorted(readings, key=lambda reading: reading[0])[:2]
        raise FormatError(
            f"{width} numbers per line could be {fitting[0][1]}, or {fitting[1][1]}: pass --axes TMVC "
            "(joint after joint) or TMCV, or give .npz with 'joints' and 'confidence'",
            where,
        )
    return best.swapaxes(0, 1), [f"{width} numbers per line are interpreted as {said}"]


def _bone_length(values: NDArray[Any], skeleton: Skeleton) -> float:
    """Measure how far the ends of bones are apart, per coordinate and in the mean. `(T, M, V, C)`."""
    children = [joint for joint, parent in enumerate(skeleton.parents) if parent != joint]
    parents = [skeleton.parents[joint] for joint in children]
    with np.errstate(invalid="ignore", over="ignore"):  # damaged bytes can be any number
        held = values[:_MEASURED_FRAMES].astype(np.float64)
        seen = np.any(held != 0, axis=3) & np.isfinite(held).all(axis=3)  # (T, M, V)
        both = seen[:, :, children] & seen[:, :, parents]
        lengths = np.sqrt(((held[:, :, children] - held[:, :, parents]) ** 2).mean(axis=3))[both]
    lengths = lengths[np.isfinite(lengths)]
    return float(lengths.mean()) if lengths.size else 0.0
