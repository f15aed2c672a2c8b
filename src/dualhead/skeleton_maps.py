"""From one layout of joints to another, where every joint of the other is there or follows from those that are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from dualhead.runtime.errors import MismatchError
from dualhead.sequence import SkeletonSequence
from dualhead.skeleton import SKELETONS, Skeleton

MAPS: Mapping[tuple[str, str], Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        ("coco17", "openpose18"): {"neck": ("left_shoulder", "right_shoulder")},
        ("body25", "openpose18"): {},
        ("body25", "coco17"): {},
        ("openpose18", "coco17"): {},
        ("ntu25", "kinect20"): {
            "hip_centre": ("spine_base",),
            "spine": ("spine_mid",),
            "shoulder_centre": ("spine_shoulder",),
        },
    }
)
"""The conversions by (from, to): the joints that each joint is the mean of, where it is not the joint of its name."""


def joint_sources(source: Skeleton, target: Skeleton) -> tuple[tuple[int, ...], ...]:
    """Say which joints of one skeleton make each joint of another.

    Args:
        source: The layout that a recording has.
        target: The layout that is wanted.

    Returns:
        For each joint of `target` the joints of `source` that it is the mean of.

    Raises:
        MismatchError: If there is no map between the two; names those that lead to `target`.
    """
    if source == target:
        return tuple((joint,) for joint in range(source.num_joints))
    pair = (source.name, target.name)
    if pair not in MAPS or (SKELETONS.get(source.name), SKELETONS.get(target.name)) != (source, target):
        known = [repr(one) for one, other in MAPS if SKELETONS[other] == target]
        same = ", which has other joints or bones under the same name" if source.name == target.name else ""
        raise MismatchError(
            f"skeleton {source.name!r} cannot be converted to {target.name!r}{same}: give recordings of that skeleton"
            + (f" or of {' or '.join(known)}" if known else "")
        )
    return tuple(
        tuple(source.joints.index(name) for name in MAPS[pair].get(joint, (joint,))) for joint in target.joints
    )


def convert_skeleton(sequence: SkeletonSequence, target: Skeleton) -> SkeletonSequence:
    """Give a recording another layout of joints.

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
            f"{sequence.skeleton.name!r}, so it cannot be converted to {target.name!r}: give the raw recording"
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
