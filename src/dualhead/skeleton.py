"""What a skeleton is: the only place of the package where a joint number is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from types import MappingProxyType
from typing import Any

from dualhead.runtime.errors import ConfigError, unknown


@dataclass(frozen=True)
class Skeleton:
    """A layout of joints.

    Convention: joints are counted from 0. `edges` are directed (child, parent) pairs of the graph; `parents` is the
    bone tree, in which a root is its own parent. The two may be rooted at different joints (OpenPose: graph at the
    neck, bones at the nose).

    Attributes:
        name: The name it is known by, such as "ntu25".
        joints: Joint names, V of them.
        parents: The bone parent of each joint.
        edges: Graph pairs (child, parent), without loops.
        mirror: Pairs (left, right) of joints that change places when the body is mirrored.
        centre: The joint around which graph partitions are made.
        origin: The joint that normalisation moves to zero.
        spine: Joints (lower, upper) whose difference is turned to the z axis; None for flat data.
        shoulders: Joints (left, right) whose difference right minus left is turned to the x axis; None for flat data.
        dimensions: Coordinates of a joint: 3 (metres) or 2 (image).
    """

    name: str
    joints: tuple[str, ...]
    parents: tuple[int, ...]
    edges: tuple[tuple[int, int], ...]
    mirror: tuple[tuple[int, int], ...]
    centre: int
    origin: int
    spine: tuple[int, int] | None
    shoulders: tuple[int, int] | None
    dimensions: int

    def __post_init__(self) -> None:
        """Check that every joint number exists.

        Raises:
            ConfigError: If a field names a joint outside 0..V-1 or `parents` is not V long.
        """
        count = len(self.joints)
        if len(self.parents) != count:
            raise ConfigError(f"skeleton {self.name!r} has {count} joints, {len(self.parents)} parents: give one each")
        axes = [axis for axis in (self.spine, self.shoulders) if axis is not None]
        pairs = [*self.edges, *self.mirror, *axes]
        numbers = [*self.parents, self.centre, self.origin, *(joint for pair in pairs for joint in pair)]
        wrong = [number for number in numbers if not 0 <= number < count]
        if wrong:
            raise ConfigError(f"skeleton {self.name!r} names joint {wrong[0]}: joints are numbered 0 to {count - 1}")

    @property
    def num_joints(self) -> int:
        """V, the number of joints."""
        return len(self.joints)

    def to_dict(self) -> dict[str, Any]:
        """Give the fields as values that JSON and YAML know."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Skeleton:
        """Build from what `to_dict` gave, also after a trip through JSON or YAML.

        Raises:
            ConfigError: If a field is missing or is none of a skeleton's.
        """
        names = [entry.name for entry in fields(cls)]
        for name in values:
            if name not in names:
                raise unknown("field of a skeleton", name, names)
        missing = [name for name in names if name not in values]
        if missing:
            raise ConfigError(f"the skeleton has no {missing[0]!r}: it needs {', '.join(names)}")
        return cls(**{name: _frozen(value) for name, value in values.items()})


def _frozen(value: Any) -> Any:
    """Turn lists into tuples, all the way down."""
    return tuple(_frozen(item) for item in value) if isinstance(value, (list, tuple)) else value


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.replace("\n", " ").split())


def _from_one(*pairs: tuple[int, int]) -> tuple[tuple[int, int], ...]:
    """Turn pairs that are published counting from 1 into pairs counting from 0."""
    return tuple((child - 1, parent - 1) for child, parent in pairs)


def _parents(pairs: tuple[tuple[int, int], ...], count: int) -> tuple[int, ...]:
    """List the parent of each joint; a joint without a pair is its own parent."""
    parents = list(range(count))
    for child, parent in pairs:
        parents[child] = parent
    return tuple(parents)


_NTU_EDGES = _from_one(
    (1, 2), (2, 21), (3, 21), (4, 3), (5, 21), (6, 5), (7, 6), (8, 7), (9, 21), (10, 9), (11, 10), (12, 11),
    (13, 1), (14, 13), (15, 14), (16, 15), (17, 1), (18, 17), (19, 18), (20, 19), (22, 23), (23, 8), (24, 25), (25, 12),
)  # fmt: skip

NTU25 = Skeleton(
    name="ntu25",
    joints=_names(
        """spine_base spine_mid neck head
        left_shoulder left_elbow left_wrist left_hand right_shoulder right_elbow right_wrist right_hand
        left_hip left_knee left_ankle left_foot right_hip right_knee right_ankle right_foot
        spine_shoulder left_hand_tip left_thumb right_hand_tip right_thumb"""
    ),
    parents=_parents(_NTU_EDGES, 25),
    edges=_NTU_EDGES,
    mirror=((4, 8), (5, 9), (6, 10), (7, 11), (12, 16), (13, 17), (14, 18), (15, 19), (21, 23), (22, 24)),
    centre=20,
    origin=1,
    spine=(0, 1),
    shoulders=(4, 8),
    dimensions=3,
)
"""Kinect v2, as in NTU RGB+D 60 and 120 (Shahroudy et al., CVPR 2016)."""

_OPENPOSE_BONES = (
    (1, 0), (2, 1), (3, 2), (4, 3), (5, 1), (6, 5), (7, 6), (8, 2), (9, 8), (10, 9), (11, 5), (12, 11), (13, 12),
    (14, 0), (15, 0), (16, 14), (17, 15),
)  # fmt: skip

OPENPOSE18 = Skeleton(
    name="openpose18",
    joints=_names(
        """nose neck right_shoulder right_elbow right_wrist left_shoulder left_elbow left_wrist
        right_hip right_knee right_ankle left_hip left_knee left_ankle right_eye left_eye right_ear left_ear"""
    ),
    parents=_parents(_OPENPOSE_BONES, 18),
    edges=(
        (4, 3), (3, 2), (7, 6), (6, 5), (13, 12), (12, 11), (10, 9), (9, 8), (11, 5), (8, 2), (5, 1), (2, 1), (0, 1),
        (15, 0), (14, 0), (17, 15), (16, 14),
    ),
    mirror=((5, 2), (6, 3), (7, 4), (11, 8), (12, 9), (13, 10), (15, 14), (17, 16)),
    centre=1,
    origin=1,
    spine=None,
    shoulders=None,
    dimensions=2,
)  # fmt: skip
"""OpenPose, as in Kinetics-Skeleton 400 (Yan et al., AAAI 2018): graph rooted at the neck, bones at the nose."""

_KINECT20_EDGES = _from_one(
    (1, 2), (2, 3), (4, 3), (5, 3), (6, 5), (7, 6), (8, 7), (9, 3), (10, 9), (11, 10), (12, 11),
    (13, 1), (14, 13), (15, 14), (16, 15), (17, 1), (18, 17), (19, 18), (20, 19),
)  # fmt: skip

KINECT20 = Skeleton(
    name="kinect20",
    joints=_names(
        """hip_centre spine shoulder_centre head
        left_shoulder left_elbow left_wrist left_hand right_shoulder right_elbow right_wrist right_hand
        left_hip left_knee left_ankle left_foot right_hip right_knee right_ankle right_foot"""
    ),
    parents=_parents(_KINECT20_EDGES, 20),
    edges=_KINECT20_EDGES,
    mirror=((4, 8), (5, 9), (6, 10), (7, 11), (12, 16), (13, 17), (14, 18), (15, 19)),
    centre=2,
    origin=1,
    spine=(0, 1),
    shoulders=(4, 8),
    dimensions=3,
)
"""Kinect v1, as in Northwestern-UCLA (Wang et al., CVPR 2014)."""

_COCO_EDGES = (
    (15, 13), (13, 11), (16, 14), (14, 12), (11, 5), (12, 6), (9, 7), (7, 5), (10, 8), (8, 6), (5, 0), (6, 0),
    (1, 0), (3, 1), (2, 0), (4, 2),
)  # fmt: skip

COCO17 = Skeleton(
    name="coco17",
    joints=_names(
        """nose left_eye right_eye left_ear right_ear left_shoulder right_shoulder left_elbow right_elbow
        left_wrist right_wrist left_hip right_hip left_knee right_knee left_ankle right_ankle"""
    ),
    parents=_parents(_COCO_EDGES, 17),
    edges=_COCO_EDGES,
    mirror=((1, 2), (3, 4), (5, 6), (7, 8), (9, 10), (11, 12), (13, 14), (15, 16)),
    centre=0,
    origin=0,
    spine=None,
    shoulders=None,
    dimensions=2,
)
"""COCO key points, as 2D pose estimators give them (Lin et al., ECCV 2014)."""

_BODY25_EDGES = (
    (8, 1), (9, 8), (10, 9), (11, 10), (12, 8), (13, 12), (14, 13), (2, 1), (3, 2), (4, 3), (5, 1), (6, 5), (7, 6),
    (0, 1), (15, 0), (16, 0), (17, 15), (18, 16), (19, 14), (20, 19), (21, 14), (22, 11), (23, 22), (24, 11),
)  # fmt: skip

BODY25 = Skeleton(
    name="body25",
    joints=_names(
        """nose neck right_shoulder right_elbow right_wrist left_shoulder left_elbow left_wrist
        mid_hip right_hip right_knee right_ankle left_hip left_knee left_ankle right_eye left_eye right_ear left_ear
        left_big_toe left_small_toe left_heel right_big_toe right_small_toe right_heel"""
    ),
    parents=_parents(_BODY25_EDGES, 25),
    edges=_BODY25_EDGES,
    mirror=(
        (5, 2), (6, 3), (7, 4), (12, 9), (13, 10), (14, 11), (16, 15), (18, 17), (19, 22), (20, 23), (21, 24),
    ),
    centre=1,
    origin=1,
    spine=None,
    shoulders=None,
    dimensions=2,
)  # fmt: skip
"""BODY_25, what OpenPose gives unless told otherwise (Cao et al., TPAMI 2019)."""

SKELETONS = MappingProxyType({skeleton.name: skeleton for skeleton in (NTU25, OPENPOSE18, KINECT20, COCO17, BODY25)})
"""The skeletons that come with the package, by name."""


def get_skeleton(skeleton: str | Skeleton) -> Skeleton:
    """Look up a skeleton by name.

    Args:
        skeleton: A name from `SKELETONS`, or a `Skeleton`, which is returned as it is.

    Returns:
        The skeleton.

    Raises:
        ConfigError: If there is no skeleton of that name.
    """
    if isinstance(skeleton, Skeleton):
        return skeleton
    if skeleton not in SKELETONS:
        raise unknown("skeleton", skeleton, SKELETONS)
    return SKELETONS[skeleton]
