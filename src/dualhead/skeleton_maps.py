"""Convert one layout of joints to another where every joint of the other has a counterpart or is a mean of joints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from dualhead.runtime.errors import MismatchError
from dualhead.sequence import SkeletonSequence
from dualhead.skeleton import SKELETONS, Skeleton

_SHOULDERS = ("left_shoulder", "right_shoulder")
_HIPS = ("left_hip", "right_hip")
_NECK = {"neck": _SHOULDERS}

_MEDIAPIPE_TO_KINECT: Mapping[str, tuple[str, ...]] = {
    "head": ("left_ear", "right_ear"),
    "left_hand": ("left_wrist", "left_index", "left_pinky"),
    "right_hand": ("right_wrist", "right_index", "right_pinky"),
    "left_foot": ("left_foot_index",),
    "right_foot": ("right_foot_index",),
}

MAPS: Mapping[tuple[str, str], Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        ("coco17", "openpose18"): _NECK,
        ("halpe26", "body25"): {"mid_hip": ("hip",)},
        ("mediapipe33_image", "openpose18"): _NECK,
        ("mediapipe33", "ntu25"): {
            **_MEDIAPIPE_TO_KINECT,
            "spine_base": _HIPS,
            "spine_mid": (*_HIPS, *_SHOULDERS),
            "spine_shoulder": _SHOULDERS,
            "neck": (*_SHOULDERS, *_SHOULDERS, "mouth_left", "mouth_right"),
            "left_hand_tip": ("left_index",),
            "right_hand_tip": ("right_index",),
        },
        ("mediapipe33", "kinect20"): {
            **_MEDIAPIPE_TO_KINECT,
            "hip_centre": _HIPS,
            "spine": (*_HIPS, *_SHOULDERS),
            "shoulder_centre": _SHOULDERS,
        },
        ("azure32", "ntu25"): {
            "spine_base": ("pelvis",),
            "spine_mid": ("spine_navel",),
            "spine_shoulder": ("left_clavicle", "right_clavicle"),
        },
        ("azure32", "kinect20"): {
            "hip_centre": ("pelvis",),
            "spine": ("spine_navel",),
            "shoulder_centre": ("left_clavicle", "right_clavicle"),
        },
        ("ntu25", "kinect20"): {
            "hip_centre": ("spine_base",),
            "spine": ("spine_mid",),
            "shoulder_centre": ("spine_shoulder",),
        },
    }
)
"""By (from, to): which joints a joint without a namesake is the mean of. A joint that is listed twice weighs twice."""

_DERIVED: Mapping[str, Mapping[str, tuple[str, ...]]] = {"openpose18": _NECK}
"""The same by (to) alone, for layouts of the user's own."""


def joint_sources(source: Skeleton, target: Skeleton) -> tuple[tuple[int, ...], ...]:
    """Find the joints of one skeleton that make each joint of another.

    Convention: joints go by name; those without a namesake are means of others (`MAPS`). A layout of the user's own is
    converted likewise: by name, and the neck of OpenPose 18 is the middle of the shoulders.

    Args:
        source: The layout that a recording has.
        target: The layout that is wanted.

    Returns:
        For each joint of `target` the joints of `source` that it is the mean of.

    Raises:
        MismatchError: If a joint has no counterpart, or the two differ in dimensions, or only in their bones; names the
            skeletons that can be converted to `target`.
    """
    if source == target:
        return tuple((joint,) for joint in range(source.num_joints))
    found = _sources(source, target)
    if found is not None:
        return found
    known = [repr(one.name) for one in SKELETONS.values() if one == target or _sources(one, target) is not None]
    same = ", which has other joints or bones under the same name" if source.name == target.name else ""
    raise MismatchError(
        f"skeleton {source.name!r} cannot be converted to {target.name!r}{same}: pass recordings "
        + (f"of {' or '.join(known)}" if known else "of that skeleton")
    )


def _sources(source: Skeleton, target: Skeleton) -> tuple[tuple[int, ...], ...] | None:
    """Find the joints that make each joint of another skeleton, or None where one has no counterpart."""
    if source.name == target.name or source.dimensions != target.dimensions:
        return None
    packaged = SKELETONS.get(source.name) == source and SKELETONS.get(target.name) == target
    means = MAPS.get((source.name, target.name), {}) if packaged else _DERIVED.get(target.name, {})
    number = {joint: place for place, joint in enumerate(source.joints)}
    names = [(joint,) if joint in number else means.get(joint, (joint,)) for joint in target.joints]
    if not all(name in number for parts in names for name in parts):
        return None
    return tuple(tuple(number[name] for name in parts) for parts in names)


def convert_skeleton(sequence: SkeletonSequence, target: Skeleton) -> SkeletonSequence:
    """Convert a recording to another layout of joints.

    Convention: a joint that is the mean of several is absent (zeros, confidence 0) where one of them is, and is no more
    certain than the least certain of them. Joints that the other layout does not have are left out.

    Args:
        sequence: The recording, raw.
        target: The layout that is wanted.

    Returns:
        The recording with joints `(M, T, V, C)` of `target`; the same object where it has that layout already.

    Raises:
        MismatchError: If there is no map between the two, or the coordinates were normalised before.
    """
    if sequence.skeleton == target:
        return sequence
    sources = joint_sources(sequence.skeleton, target)
    if sequence.prepared:
        raise MismatchError(
            f"recording {sequence.name!r} was normalised by recipe {sequence.prepared!r} with skeleton "
            f"{sequence.skeleton.name!r}, so it cannot be converted to {target.name!r}: pass the raw recording"
        )
    first = [numbers[0] for numbers in sources]
    joints = np.array(sequence.joints[:, :, first], np.float32)  # (M, T, V, C)
    confidence = None if sequence.confidence is None else np.array(sequence.confidence[:, :, first], np.float32)
    for joint, numbers in enumerate(sources):
        if len(numbers) < 2:
            continue
        parts = sequence.joints[:, :, list(numbers)]  # (M, T, n, C)
        present = np.all(np.any(parts, axis=3), axis=2)  # (M, T)
        joints[:, :, joint] = parts.mean(axis=2) * present[..., None]
        if confidence is not None and sequence.confidence is not None:
            confidence[:, :, joint] = sequence.confidence[:, :, list(numbers)].min(axis=2) * present
    return replace(sequence, joints=joints, confidence=confidence, skeleton=target)
