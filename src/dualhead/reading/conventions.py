"""Conventions that recordings of every format are converted to: units, confidence, absent joints, image size.

Nothing is guessed silently: a decision by evidence is reported in a note, an ambiguity raises an error that names the
option to resolve it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from dualhead.formats.file_format import RawClip, ReadingOptions, Unit
from dualhead.formats.recording import Recording
from dualhead.formats.units import METRES, body_extent, doubt_unit, usual_extent
from dualhead.runtime.errors import ConfigError, FormatError
from dualhead.skeleton import Skeleton

LARGEST_FRACTION = 2.0
"""Largest mean of 2D coordinates that are interpreted as fractions of the image."""

_LARGEST_SCORE = 1.5  # a confidence may go a little past 1
_OUTSIDE, _FEW_OUTSIDE, _SOME_OUTSIDE = 1.1, 0.1, 0.01
_BELOW_IMAGE, _MANY_BELOW = -0.05, 0.2
_SAME_PLACE = 0.03  # of a body's extent
_FEWEST_SHARED = 5
_UPPER = ("head", "nose", "neck", "left_shoulder", "right_shoulder", "shoulder_centre", "spine_shoulder")
_LOWER = ("left_foot", "right_foot", "left_ankle", "right_ankle", "left_knee", "right_knee")


def apply_conventions(clip: RawClip, options: ReadingOptions) -> RawClip:
    """Check a parsed recording, and bring it to known units.

    Args:
        clip: The result of the parser.
        options: Facts that are known from elsewhere.

    Returns:
        The recording: 3D in metres where its unit is known, 2D with the fields `width` and `height` where it is in
        pixels; joints at zero without a confidence, people who were reported twice once; with a note for each thing
        that was decided by evidence.

    Raises:
        ConfigError: If an option is not valid.
        FormatError: If the unit is not the expected one, a confidence is invalid, or the size of the image is missing
            or given for fractions.
    """
    recording, notes = clip.recording, list(clip.notes)
    if options.fps is not None:
        recording = replace(recording, fps=options.fps)
    recording, scaled = scale_confidence(recording, clip.where)
    notes += scaled
    if clip.body_selection == "people":
        recording, repeated = drop_repeated(recording)
        notes += repeated
    clip = replace(clip, recording=recording, notes=tuple(notes))
    return _check_flat(clip, options) if clip.skeleton.dimensions == 2 else _check_solid(clip, options)


def scale_confidence(recording: Recording, where: str = "") -> tuple[Recording, list[str]]:
    """Scale confidences to 0..1, and set those of joints at zero to 0: an absent joint has no confidence.

    Args:
        recording: The recording.
        where: The place, for the error message.

    Returns:
        The recording, and what was decided by evidence.

    Raises:
        FormatError: If they run from 0 to neither 1 nor 100.
    """
    scores = recording.confidence
    if scores is None or not scores.size:
        return recording, []
    absent = ~recording.joints.any(axis=2)  # (B, V)
    if scores[absent].any():
        scores = np.where(absent, 0, scores)
        recording = replace(recording, confidence=scores)
    highest, lowest = float(scores.max()), float(scores.min())
    if highest <= _LARGEST_SCORE and lowest >= -_LARGEST_SCORE:
        return recording, []
    positive = scores[scores > 0]
    if lowest >= 0 and highest <= 100 and len(positive) and float(np.median(positive)) > 10:
        told = f"confidences run to {highest:.4g}: interpreted as percent and divided by 100"
        return replace(recording, confidence=scores / 100), [told]
    if recording.drops_confidence:
        return recording, []
    raise FormatError(
        f"the number behind the coordinates runs from {lowest:.4g} to {highest:.4g}, that is not a confidence "
        "(0 to 1, or 0 to 100): is it a coordinate of another skeleton?",
        where,
    )


def drop_repeated(recording: Recording) -> tuple[Recording, list[str]]:
    """Remove people who are reported more than once in a frame: all joints of two coincide.

    Convention: the same place is within 3 % of the body's extent in the mean over at least 5 shared joints (or all, of
    fewer). The one with more joints stays, of equal ones the first.

    Args:
        recording: The recording.

    Returns:
        The recording, and what was left out.
    """
    frames = recording.frames
    crowded = np.flatnonzero(np.bincount(frames, minlength=1) > 1)
    if not len(crowded):
        return recording, []
    present: NDArray[np.bool_] = np.any(recording.joints, axis=2)  # (B, V)
    keep = np.ones(len(frames), np.bool_)
    starts = np.searchsorted(frames, crowded)
    for start, stop in zip(starts.tolist(), np.searchsorted(frames, crowded, side="right").tolist(), strict=True):
        rows = sorted(range(start, stop), key=lambda row: -int(present[row].sum()))
        kept: list[int] = []
        for row in rows:
            if any(_same_place(recording.joints, present, row, other) for other in kept):
                keep[row] = False
            else:
                kept.append(row)
    if keep.all():
        return recording, []
    count = int((~keep).sum())
    return _take(recording, keep), [f"{count} bodies that repeat another in the same frame are left out"]


def _same_place(joints: NDArray[np.float64], present: NDArray[np.bool_], one: int, other: int) -> bool:
    both = present[one] & present[other]
    if both.sum() < min(_FEWEST_SHARED, max(int(present[one].sum()), 1)):
        return False
    distance = np.linalg.norm(joints[one, both] - joints[other, both], axis=1).mean()
    return bool(distance <= _SAME_PLACE * body_extent(joints[other]))


def _take(recording: Recording, keep: NDArray[np.bool_]) -> Recording:
    """Return a recording with some of its observations, whose slots move up."""
    frames = recording.frames[keep]
    first = np.searchsorted(frames, frames)
    return replace(
        recording,
        joints=recording.joints[keep],
        frames=frames,
        slots=np.arange(len(frames)) - first,
        body_ids=tuple(name for name, kept in zip(recording.body_ids, keep.tolist(), strict=False) if kept),
        tracking=None if recording.tracking is None else recording.tracking[keep],
        confidence=None if recording.confidence is None else recording.confidence[keep],
    )


def _check_solid(clip: RawClip, options: ReadingOptions) -> RawClip:
    """Convert 3D coordinates to metres and compare the size of the bodies with the one expected."""
    recording, notes = clip.recording, list(clip.notes)
    unit: Unit = clip.unit
    if options.unit is not None:
        factor = METRES[options.unit]
        # a format that defines its unit is left as it is, unless its bodies say that this file has another
        expected = options.extent or usual_extent(clip.skeleton)
        if factor != 1 and (clip.unit != "m" or doubt_unit(body_extent(recording.joints), expected)):
            recording = replace(recording, joints=recording.joints * factor)
        unit = "m"
    doubt = doubt_unit(body_extent(recording.joints), options.extent)
    if doubt:
        raise FormatError(doubt, clip.where)
    if options.unit is None and clip.unit == "" and _are_all_fractions(recording.joints, clip.skeleton):
        told = (
            "all numbers lie between 0 and 1: are they fractions of an image with a score in the place of z? name the "
            "skeleton of the key points, or --unit m if they are metres"
        )
        if not options.any_scale:
            raise FormatError(told, clip.where)
        notes.append(told)
    down = points_down(recording.joints, clip.skeleton)
    if down:
        notes.append(down)
    if len(recording.joints) and not recording.joints[..., 2].any():
        notes.append("every z is 0: are these 2D coordinates?")
    return replace(clip, recording=recording, unit=unit, notes=tuple(notes))


def _are_all_fractions(joints: NDArray[np.floating], skeleton: Skeleton) -> bool:
    """Return whether x and y are fractions with a score in the place of z, not numbers scaled to 0..1 on purpose."""
    seen = joints[joints.any(axis=2)]
    if usual_extent(skeleton) is None or not len(seen):
        return False
    low, high = seen.min(axis=0), seen.max(axis=0)
    is_scaled = bool((low == 0).all() and (high == 1).all())
    return bool(low.min() >= 0 and high.max() <= 1 and (high - low)[:2].min() > 0 and not is_scaled)


def points_down(joints: NDArray[np.floating], skeleton: Skeleton) -> str:
    """Detect 3D coordinates whose y axis points down, so that bodies are upside down.

    Args:
        joints: `(B, V, 3)`.
        skeleton: The layout of the V joints.

    Returns:
        A sentence; "" where the head is above the feet, or the skeleton's names do not say which joints those are.
    """
    upper = [skeleton.joints.index(name) for name in _UPPER if name in skeleton.joints]
    lower = [skeleton.joints.index(name) for name in _LOWER if name in skeleton.joints]
    if not upper or not lower or not len(joints):
        return ""
    known: NDArray[np.bool_] = np.any(joints[:, [*upper, *lower]], axis=2)  # (B, n)
    seen = joints[known.all(axis=1)]
    if not len(seen):
        return ""
    height = float(np.median(seen[:, upper, 1].mean(axis=1) - seen[:, lower, 1].mean(axis=1)))
    if height < -0.25 * body_extent(seen):
        return "y points down: the head lies below the feet, where this skeleton's data have y up"
    return ""


def _check_flat(clip: RawClip, options: ReadingOptions) -> RawClip:
    """Determine whether 2D coordinates are fractions of the image or pixels, and whether its size fits."""
    if options.unit is not None:
        raise ConfigError(f"unit {options.unit!r} is of 3D coordinates: 2D ones take --image-size WIDTH HEIGHT instead")
    joints, fields = clip.recording.joints, dict(clip.fields)
    seen = joints.any(axis=2)
    mean = float(np.abs(joints).sum() / max(2 * seen.sum(), 1))
    in_pixels = mean > LARGEST_FRACTION
    told = (fields.get("width", 0), fields.get("height", 0))
    size = told if min(told) > 0 else options.image_size
    if in_pixels:
        if size is None and options.any_scale:
            return replace(clip, unit="px")
        if size is None:
            raise FormatError(
                f"coordinates of {mean:.4g} on average, which look like pixels: pass the size of the image "
                "(image_size; --image-size WIDTH HEIGHT), or pass fractions of it",
                clip.where,
            )
        fields |= {"width": int(size[0]), "height": int(size[1])}
        return replace(clip, fields=fields, unit="px", notes=(*clip.notes, *outside(joints, size)))
    below = float((joints[seen] < _BELOW_IMAGE).any(axis=1).mean()) if seen.any() else 0.0
    if below > _MANY_BELOW and clip.unit == "":  # a format that defines its unit may follow people out of the image
        told_below = (
            f"x or y of {below:.0%} of the joints lies below 0, so these are not fractions of an image (0 to 1 from "
            f"its "
            "upper left corner): pass those, or pixels"
        )
        if not options.any_scale:
            raise FormatError(told_below, clip.where)
        clip = replace(clip, notes=(*clip.notes, told_below))
    if seen.any() and min(told) > 0:
        raise FormatError(
            f"coordinates of {mean:.4g} on average are fractions of the image already: omit its size, {told[0]} x "
            f"{told[1]}, which the file says",
            clip.where,
        )
    if seen.any() and options.image_size is not None and clip.unit != "fraction":
        raise FormatError(
            f"coordinates of {mean:.4g} on average are fractions of the image already: leave its size out", clip.where
        )
    return replace(clip, fields=fields, unit="fraction")


def outside(joints: NDArray[np.floating], size: Sequence[int]) -> list[str]:
    """Detect key points in pixels that lie outside their image.

    Args:
        joints: `(..., 2)`.
        size: Width and height of the image.

    Returns:
        A sentence where a tenth of them or more do, else nothing.
    """
    seen = joints[joints.any(axis=-1)]
    if not len(seen):
        return []
    image = np.array(size, np.float64)
    share = float((seen > image).any(axis=1).mean())
    far = float((seen > image * _OUTSIDE).any(axis=1).mean())
    swapped = float((seen > image[::-1]).any(axis=1).mean())
    if far < _FEW_OUTSIDE and not (share > _SOME_OUTSIDE and swapped < share):
        return []
    return [
        f"{share:.0%} of the joints lie outside the image of {size[0]} x {size[1]} (width x height): are the two "
        "swapped?"
    ]
