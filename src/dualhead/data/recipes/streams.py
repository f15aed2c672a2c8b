"""The four streams: what a network sees of the joints."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dualhead.runtime.errors import ConfigError, unknown
from dualhead.skeleton import Skeleton

STREAMS = ("joint", "bone", "joint_motion", "bone_motion")
"""The names of the streams, in the order in which tables list them."""


def check_stream(stream: str) -> None:
    """Refuse a word that is not a stream.

    Args:
        stream: The word to check.

    Raises:
        ConfigError: If `stream` is not one of `STREAMS`; names the nearest.
    """
    if stream not in STREAMS:
        raise unknown("stream", stream, STREAMS)


def bone(joint: NDArray[np.float32], parents: Sequence[int]) -> NDArray[np.float32]:
    """Subtract from each joint its parent.

    Convention: bone = joint minus parent, over all channels (a score channel too); a root is its own parent, so its
    bone is 0. A missing joint counts as (0, 0, 0), as published (Shi et al., "Two-Stream Adaptive Graph Convolutional
    Networks", CVPR 2019).

    Args:
        joint: `(C, T, V, M)`.
        parents: The parent of each of the V joints, counted from 0: a skeleton's `parents`, never its graph `edges`,
            which may be rooted elsewhere.

    Returns:
        A new array `(C, T, V, M)`.

    Raises:
        ConfigError: If there is not one parent for each joint.
    """
    if joint.ndim != 4 or joint.shape[2] != len(parents):
        raise ConfigError(
            f"a clip of shape {joint.shape} cannot be turned to bones: "
            f"{len(parents)} parents need (C, T, {len(parents)}, M)"
        )
    moved = np.take(joint, parents, axis=2)
    return np.subtract(joint, moved, out=moved)


def motion(clip: NDArray[np.float32]) -> NDArray[np.float32]:
    """Take the difference between neighbouring frames.

    Convention: motion = next frame minus this frame (per frame, not per second); the last frame is 0. No frame is
    treated as missing: where a body appears or a repeat begins, the motion holds the jump, as published.

    Args:
        clip: `(C, T, V, M)`, joints or bones.

    Returns:
        A new array `(C, T, V, M)`.
    """
    moved = np.empty_like(clip)
    np.subtract(clip[:, 1:], clip[:, :-1], out=moved[:, :-1])
    moved[:, -1:] = 0
    return moved


def to_stream(joint: NDArray[np.float32], skeleton: Skeleton, stream: str) -> NDArray[np.float32]:
    """Turn the joint stream into any of the four.

    Convention: bone first, then motion; `bone_motion` is the motion of the bones.

    Args:
        joint: `(C, T, V, M)`.
        skeleton: The layout of the V joints.
        stream: One of `STREAMS`.

    Returns:
        `(C, T, V, M)`; for `joint` the array itself.

    Raises:
        ConfigError: If `stream` is not one of `STREAMS`, or the clip has another joint count than the skeleton.
    """
    check_stream(stream)
    if joint.ndim != 4 or joint.shape[2] != skeleton.num_joints:
        raise ConfigError(
            f"a clip of shape {joint.shape} is not of skeleton {skeleton.name!r}: "
            f"it needs (C, T, {skeleton.num_joints}, M)"
        )
    clip = bone(joint, skeleton.parents) if stream.startswith("bone") else joint
    return motion(clip) if stream.endswith("motion") else clip
