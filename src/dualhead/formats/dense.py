"""A clip whose bodies are laid out over time, checked and turned into a recording."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualhead.formats.recording import Recording, from_dense
from dualhead.runtime.errors import FormatError
from dualhead.skeleton import Skeleton

MAX_COORDINATE = 1e6
"""Largest coordinate that is read; beyond it a number is interpreted as damage."""

_MAX_FRAMES = 1_000_000
_MISSING = 9999.0
_LARGEST_SCORE, _LEAST_PERCENT, _MOST_PERCENT = 1.5, 10.0, 100.0  # a score may go a little past 1
_LEAST_SCORE = -1.0  # networks that score a heat map go a little below 0
_LEAST_PIXELS = 20.0
_BELOW_IMAGE, _MANY_BELOW = -0.05, 0.2


def dense_recording(
    joints: NDArray[Any],
    confidence: NDArray[Any] | None,
    skeleton: Skeleton,
    where: str,
    has_confidence: bool | None,
    *,
    given: tuple[int, ...] | None = None,
    is_scored: bool = False,
) -> Recording:
    """Check a clip whose bodies are laid out over time.

    Convention: a joint is missing, all zeros and with confidence 0, where one of its coordinates is NaN or 9999 (also
    -9999), or all of them are -1, or 0 whatever its confidence.

    Args:
        joints: `(T, V, C)` or `(M, T, V, C)`; one channel more than the skeleton's is interpreted as the confidence.
        confidence: `(T, V)` or `(M, T, V)`, or None.
        skeleton: The skeleton that determines V and C.
        where: The source, for the error message.
        has_confidence: Whether the source has one. A clip without then gets 0 for a joint at zero, 1 for any other; it
            is dropped where the source has none. None: as the clip has.
        given: The shape as the file has it, for the error message; default: that of `joints`.
        is_scored: Whether the format defines the channel behind the coordinates as the confidence; otherwise its values
            must allow it.

    Returns:
        The recording; each body keeps its place, frames without it take no room.

    Raises:
        FormatError: If the shape is another or too long, or a number is infinite or too large to be a coordinate.
    """
    given = joints.shape if given is None else given
    given_confidence = None if confidence is None else confidence.shape
    if joints.ndim == 3:
        joints = joints[None]
    if confidence is not None and confidence.ndim == joints.ndim - 2:
        confidence = confidence[None]
    num_joints, channels = skeleton.num_joints, skeleton.dimensions
    if joints.ndim == 4 and joints.shape[3] == channels + 1:
        if not is_scored:
            _check_scores(joints, skeleton, where)
        # where there is a confidence beside the joints too, that one counts
        joints, confidence = joints[..., :channels], joints[..., channels] if confidence is None else confidence
    if joints.ndim != 4 or joints.shape[2:] != (num_joints, channels):
        raise FormatError(
            f"joints of shape {given}, but skeleton {skeleton.name!r} needs (frames, {num_joints}, {channels}) or "
            f"(bodies, frames, {num_joints}, {channels}): is it of another skeleton?",
            where,
        )
    if joints.shape[1] > _MAX_FRAMES:  # of no body they take no bytes in the file
        raise FormatError(f"{joints.shape[1]} frames are more than the {_MAX_FRAMES} of a recording", where)
    if confidence is not None and confidence.shape != joints.shape[:3]:
        raise FormatError(f"confidence of shape {given_confidence}, but joints of shape {given}", where)
    with np.errstate(invalid="ignore"):  # damaged bytes can be any number; what is out of range is refused below
        values: NDArray[np.float64] = np.array(joints, np.float64)
    marked = missing_marks(values)
    missing = np.isnan(values).any(axis=3) | marked  # (M, T, V)
    values[missing] = 0
    notes = [f"{int(marked.sum())} joints at -1 or 9999 are interpreted as missing"] if marked.any() else []
    if not max(values.max(initial=0), -values.min(initial=0)) <= MAX_COORDINATE:
        raise FormatError(
            f"a coordinate is infinite or beyond {MAX_COORDINATE:.0f}: expected NaN for missing joints", where
        )
    scores: NDArray[np.float64] | None = None
    if confidence is not None if has_confidence is None else has_confidence:
        seen: NDArray[Any] = np.any(values, axis=3) if confidence is None else confidence
        with np.errstate(invalid="ignore"):  # likewise
            scores = seen.astype(np.float64)
        scores[np.isnan(scores)] = 0
        if not np.abs(scores).max(initial=0) <= MAX_COORDINATE:
            raise FormatError("a confidence is infinite: expected 0 to 1", where)
        if not is_scored and scores.min(initial=0) < _LEAST_SCORE:
            raise FormatError(f"a confidence is {scores.min():.4g}, below 0: expected 0 to 1", where)
        scores[~np.any(values, axis=3)] = 0
    present: NDArray[np.bool_] = np.any(values, axis=(2, 3))
    if confidence is None and channels == 3:
        _check_depth(values, skeleton, where)
    ids = [str(body) for body in range(len(values))]
    recording = from_dense(values, present, ids, scores, keep_places=True)
    return replace(recording, drops_confidence=confidence is not None and scores is None, notes=tuple(notes))


def missing_marks(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which joints have the numbers that programs write for "missing": -1 everywhere, or 9999 somewhere.

    Args:
        values: `(..., V, C)`.

    Returns:
        `(..., V)`.
    """
    far: NDArray[np.bool_] = np.any((values == _MISSING) | (values == -_MISSING), axis=-1)
    nowhere: NDArray[np.bool_] = np.all(values == -1, axis=-1)
    return far | nowhere


def _check_scores(joints: NDArray[Any], skeleton: Skeleton, where: str) -> None:
    """Raise if a last channel cannot be a confidence: negative, or too large for a probability or a percentage.

    Raises:
        FormatError: If it cannot.
    """
    coordinates, last = joints[..., :-1], joints[..., -1]
    with np.errstate(invalid="ignore"):
        scores = last[np.isfinite(last) & np.any(coordinates != 0, axis=-1) & (last != -1)]
    if not scores.size:
        return
    low, high = float(scores.min()), float(scores.max())
    percent = high > _LARGEST_SCORE and float(np.median(scores)) > _LEAST_PERCENT
    if low < 0 or high > _MOST_PERCENT or (high > _LARGEST_SCORE and not percent):
        raise FormatError(
            f"the number behind the {skeleton.dimensions} coordinates of each joint runs from {low:.4g} to {high:.4g}, "
            f"that is not a confidence (0 to 1): is it a coordinate of another skeleton than {skeleton.name!r}?",
            where,
        )
    if skeleton.dimensions == 2:
        with np.errstate(invalid="ignore"):
            below = float((coordinates[np.any(coordinates != 0, axis=-1)] < _BELOW_IMAGE).any(axis=-1).mean())
            marked = bool((coordinates == -1).all(axis=-1).any())
        if below > _MANY_BELOW and not marked:
            raise FormatError(
                f"x or y of {below:.0%} of the joints lies below 0, outside any image, and the third number runs from "
                f"{low:.4g} to {high:.4g}: these look like 3D coordinates and not key points of {skeleton.name!r} with "
                "a confidence, name their skeleton",
                where,
            )


def _check_depth(joints: NDArray[np.float64], skeleton: Skeleton, where: str) -> None:
    """Raise if a recording holds x and y in pixels with a score in the place of z.

    Raises:
        FormatError: If the third coordinate runs from 0 to 1 while the others are pixels.
    """
    if not (joints[..., 2].min(initial=0) >= 0 and 0 < joints[..., 2].max(initial=0) <= 1):  # also in absent joints
        return
    seen = joints[np.any(joints != 0, axis=-1)]
    across, depth = np.abs(seen[:, :2]), seen[:, 2]
    if float(np.median(across.max(axis=1))) > _LEAST_PIXELS:
        raise FormatError(
            f"the third number of each joint runs from {depth.min():.3g} to {depth.max():.3g} while the others, up to "
            f"{across.max():.4g}, are pixels: it is a score, not a coordinate, so these are 2D key points and not "
            f"skeleton {skeleton.name!r} (pass --skeleton, such as body25)",
            where,
        )
