"""The streams: what a network sees of the joints, and the registry of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from dualhead.runtime.errors import ConfigError
from dualhead.runtime.registry import Registry
from dualhead.skeleton import Skeleton

STREAMS = ("joint", "bone", "joint_motion", "bone_motion")
"""The four published streams, in the order in which tables list them; `stream_names` has all that are registered."""

StreamFunction = Callable[[NDArray[np.float32], Skeleton], NDArray[np.float32]]


@dataclass(frozen=True)
class Stream:
    """A registered stream.

    Attributes:
        name: Its name.
        function: Turns a joint clip `(C, T, V, M)` of a skeleton into the stream `(C', T, V, M)`, without changing it.
        channels: C'; None where it is C.
        temporal: Whether it looks at neighbouring frames.
    """

    name: str
    function: StreamFunction
    channels: int | None
    temporal: bool

    def __post_init__(self) -> None:
        """Copy the function's module and name, so that the registry recognises a reload."""
        for key in ("__module__", "__qualname__"):
            object.__setattr__(self, key, getattr(self.function, key))


_STREAMS: Registry[Stream] = Registry("stream")


def register_stream(
    name: str, *, channels: int | None = None, temporal: bool = False
) -> Callable[[StreamFunction], StreamFunction]:
    """Register a function as a stream.

    Args:
        name: Lower-case letters, digits and underscores, a letter first.
        channels: The channels that it returns; None: as many as the joints have.
        temporal: Whether it looks at neighbouring frames.

    Returns:
        A decorator for `function(clip, skeleton) -> clip`, with clips `(C, T, V, M)`; it returns the function as it
        was.

    Raises:
        ConfigError: If the name is taken or not valid, or `channels` is below 1.
    """
    if channels is not None and channels < 1:
        raise ConfigError(f"stream {name!r} has {channels} channels: expected 1 or more")

    def register(function: StreamFunction) -> StreamFunction:
        _STREAMS.add(name, Stream(name, function, channels, temporal), function)
        return function

    return register


def stream_names() -> list[str]:
    """Return the names of all registered streams, the published ones first."""
    return _STREAMS.names()


def get_streams(stream: str) -> tuple[Stream, ...]:
    """Return a stream, or the parts of a composite one.

    Args:
        stream: The name of a registered stream, or several joined by "+", such as "joint+bone": their channels one
            after another, for one network (early fusion).

    Returns:
        The parts, one of a plain stream.

    Raises:
        ConfigError: If a name is unknown (names the nearest) or comes twice.
    """
    if "+" not in stream:
        return (_STREAMS[stream],)
    names = stream.split("+")
    if len(set(names)) != len(names):
        raise ConfigError(f"stream {stream!r} has a part twice: pass each once")
    return tuple(_STREAMS[name] for name in names)


def check_stream(stream: str) -> None:
    """Raise if a word is not a stream.

    Args:
        stream: The word to check.

    Raises:
        ConfigError: If `stream` is neither registered nor made of registered streams; names the nearest.
    """
    get_streams(stream)


def stream_channels(stream: str, channels: int) -> int:
    """Return the number of channels of a stream.

    Args:
        stream: Its name; see `get_streams`.
        channels: C of the joint clips.

    Returns:
        C'.

    Raises:
        ConfigError: If the stream is unknown.
    """
    return sum(channels if part.channels is None else part.channels for part in get_streams(stream))


def is_temporal(stream: str) -> bool:
    """Return whether a stream looks at neighbouring frames.

    Args:
        stream: Its name; see `get_streams`.
    """
    return any(part.temporal for part in get_streams(stream))


def to_stream(joint: NDArray[np.float32], skeleton: Skeleton, stream: str) -> NDArray[np.float32]:
    """Convert joints to a stream.

    Args:
        joint: `(C, T, V, M)`.
        skeleton: The layout of the V joints.
        stream: The name of a registered stream, or several joined by "+".

    Returns:
        `(C', T, V, M)`; for `joint` the array itself.

    Raises:
        ConfigError: If the stream is unknown, or the clip has another joint count than the skeleton.
    """
    parts = get_streams(stream)
    if joint.ndim != 4 or joint.shape[2] != skeleton.num_joints:
        raise ConfigError(
            f"a clip of shape {joint.shape} is not of skeleton {skeleton.name!r}: "
            f"it needs (C, T, {skeleton.num_joints}, M)"
        )
    clips = [part.function(joint, skeleton) for part in parts]
    return clips[0] if len(clips) == 1 else np.concatenate(clips)


_MEAN_SCORE_PARENTS = {"coco17": {11: 0, 12: 0}}  # PYSKL's bones of the hips begin at the nose; the graph's edges stay


def to_stream_with_mean_scores(joint: NDArray[np.float32], skeleton: Skeleton, stream: str) -> NDArray[np.float32]:
    """Convert 2D joints to a stream whose score channel holds means (Duan et al., "PYSKL", 2022).

    Convention: the score of a bone is the mean of its two joints' scores, so that a root keeps its own; the score of a
    motion is the mean of the two frames' scores, 0 in the last frame, where the motion is 0. Bones of COCO's two hips
    begin at the nose. Streams that are neither bone nor motion are as in `to_stream`.

    Args:
        joint: `(3, T, V, M)`: x, y, score.
        skeleton: The layout of the V joints.
        stream: The name of a registered stream, or several joined by "+".

    Returns:
        `(C', T, V, M)`.

    Raises:
        ConfigError: As `to_stream`.
    """
    other = _MEAN_SCORE_PARENTS.get(skeleton.name, {})
    parents = tuple(other.get(number, parent) for number, parent in enumerate(skeleton.parents))
    changed = replace(skeleton, parents=parents)
    clips = []
    for part in get_streams(stream):
        clip = to_stream(joint, changed, part.name)
        if part.name in ("bone", "joint_motion", "bone_motion"):
            score = joint[2]
            if part.name != "joint_motion":
                score = (score + score[:, parents]) / 2
            if part.name != "bone":
                score = np.concatenate([(score[:-1] + score[1:]) / 2, np.zeros_like(score[:1])])
            clip[2] = score
        clips.append(clip)
    return clips[0] if len(clips) == 1 else np.concatenate(clips)


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
    moved = joint.take(_index(tuple(parents)), axis=2)
    return np.subtract(joint, moved, out=moved)


@lru_cache(maxsize=64)
def _index(joints: tuple[int, ...]) -> NDArray[np.intp]:
    """Convert joint numbers to an array, cached."""
    return np.array(joints, dtype=np.intp)


def motion(clip: NDArray[np.float32]) -> NDArray[np.float32]:
    """Compute the difference between neighbouring frames.

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


def second_parents(skeleton: Skeleton) -> tuple[int, ...]:
    """Return the parent of the parent of each joint; near the root, the root."""
    return tuple(skeleton.parents[parent] for parent in skeleton.parents)


@register_stream("joint")
def _joint(clip: NDArray[np.float32], skeleton: Skeleton) -> NDArray[np.float32]:
    """Return the joints as they are."""
    return clip


@register_stream("bone")
def _bone(clip: NDArray[np.float32], skeleton: Skeleton) -> NDArray[np.float32]:
    """Compute joint minus parent; see `bone`."""
    return bone(clip, skeleton.parents)


@register_stream("joint_motion", temporal=True)
def _joint_motion(clip: NDArray[np.float32], skeleton: Skeleton) -> NDArray[np.float32]:
    """Compute the motion of the joints; see `motion`."""
    return motion(clip)


@register_stream("bone_motion", temporal=True)
def _bone_motion(clip: NDArray[np.float32], skeleton: Skeleton) -> NDArray[np.float32]:
    """Compute the motion of the bones: bone first, then motion."""
    return motion(bone(clip, skeleton.parents))


@register_stream("k_bone")
def _k_bone(clip: NDArray[np.float32], skeleton: Skeleton) -> NDArray[np.float32]:
    """Compute joint minus the parent of its parent (Chi et al., "InfoGCN", CVPR 2022, k = 2).

    Convention: next to the root the root stands in for the missing second parent; the root's own is 0.
    """
    return bone(clip, second_parents(skeleton))


@register_stream("k_bone_motion", temporal=True)
def _k_bone_motion(clip: NDArray[np.float32], skeleton: Skeleton) -> NDArray[np.float32]:
    """Compute the motion of `k_bone`."""
    return motion(_k_bone(clip, skeleton))


@register_stream("relative")
def _relative(clip: NDArray[np.float32], skeleton: Skeleton) -> NDArray[np.float32]:
    """Subtract the skeleton's centre joint frame by frame; the centre joint itself keeps its trajectory.

    Convention: over all channels; body by body, so that each is relative to its own centre. A missing joint counts as
    (0, 0, 0).
    """
    centre = slice(skeleton.centre, skeleton.centre + 1)
    moved: NDArray[np.float32] = clip - clip[:, :, centre]
    moved[:, :, centre] = clip[:, :, centre]
    return moved


@register_stream("relative_motion", temporal=True)
def _relative_motion(clip: NDArray[np.float32], skeleton: Skeleton) -> NDArray[np.float32]:
    """Compute the motion of `relative`."""
    return motion(_relative(clip, skeleton))


@register_stream("rooted_bone")
def _rooted_bone(clip: NDArray[np.float32], skeleton: Skeleton) -> NDArray[np.float32]:
    """Compute joint minus parent; a root, whose bone would be 0, keeps its trajectory, so that nothing is lost."""
    bones = bone(clip, skeleton.parents)
    roots = [joint for joint, parent in enumerate(skeleton.parents) if joint == parent]
    bones[:, :, roots] = clip[:, :, roots]
    return bones


@register_stream("angle", channels=1)
def _angle(clip: NDArray[np.float32], skeleton: Skeleton) -> NDArray[np.float32]:
    """Compute the cosine of the bend at each joint's parent.

    Convention: the cosine between the bone that ends in the joint and the bone that ends in its parent: 1 for a
    straight limb, 0 for a right angle. 0 where one of the two bones has no length, as next to the root. The score
    channel of flat skeletons does not count.
    """
    bones = bone(clip[: skeleton.dimensions], skeleton.parents)
    before = np.take(bones, skeleton.parents, axis=2)
    lengths = np.sqrt((bones * bones).sum(axis=0) * (before * before).sum(axis=0))
    cosine = (bones * before).sum(axis=0) / np.where(lengths > 0, lengths, 1)
    angles: NDArray[np.float32] = cosine[None].astype(np.float32, copy=False)
    return angles
