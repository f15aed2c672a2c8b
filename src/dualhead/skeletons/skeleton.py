"""The layout of joints that every named skeleton is an instance of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

from dualhead.runtime.errors import ConfigError, shorten, unknown
from dualhead.runtime.schema import SchemaError, list_of, nullable, record, text, whole

_PAIR = list_of(whole(0), 2, 2)

SKELETON_FORM = record(
    {
        "name": text,
        "joints": list_of(text, 1, 10_000),
        "parents": list_of(whole(0)),
        "edges": list_of(_PAIR),
        "mirror": list_of(_PAIR),
        "centre": whole(0),
        "origin": whole(0),
        "spine": nullable(_PAIR),
        "shoulders": nullable(_PAIR),
        "dimensions": whole(2, 3),
    }
)
"""The form of a skeleton in JSON and YAML."""


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
            raise ConfigError(f"skeleton {self.name!r} has {count} joints, {len(self.parents)} parents: pass one each")
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

    @cached_property
    def parts(self) -> tuple[tuple[int, ...], ...]:
        """The body parts: chains of the bone tree from one branching to the next, such as an arm.

        Convention: a root, and a joint with two children or more, is where chains begin: each of its children starts a
        new part. Parts are ordered by their smallest joint, and every joint is in exactly one.
        """
        children = [
            [child for child, parent in enumerate(self.parents) if parent == joint != child]
            for joint in range(self.num_joints)
        ]
        first = {
            joint
            for joint, parent in enumerate(self.parents)
            if parent == joint or self.parents[parent] == parent or len(children[parent]) > 1
        }
        parts = []
        for joint in first:
            part, waiting = [], [joint]
            while waiting:
                part.append(waiting.pop())
                waiting.extend(child for child in children[part[-1]] if child not in first)
            parts.append(tuple(sorted(part)))
        return tuple(sorted(parts))

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as values that JSON and YAML know."""
        return {entry.name: getattr(self, entry.name) for entry in fields(self)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Skeleton:
        """Build from what `to_dict` gave, also after a trip through JSON or YAML.

        Raises:
            ConfigError: If a field is missing, unknown or invalid.
        """
        if not isinstance(values, Mapping):
            raise ConfigError(f"the skeleton is {shorten(values)}: it needs its fields by name")
        names = [entry.name for entry in fields(cls)]
        for name in values:
            if name not in names:
                raise unknown("field of a skeleton", name, names)
        missing = [name for name in names if name not in values]
        if missing:
            raise ConfigError(f"the skeleton has no {missing[0]!r}: it needs {', '.join(names)}")
        values = {name: _thawed(value) for name, value in values.items()}
        try:
            SKELETON_FORM(values, "skeleton")
        except SchemaError as error:
            raise ConfigError(str(error)) from None
        return cls(**{name: _frozen(value) for name, value in values.items()})


def _thawed(value: Any) -> Any:
    """Convert nested tuples to lists."""
    return [_thawed(item) for item in value] if isinstance(value, (list, tuple)) else value


def _frozen(value: Any) -> Any:
    """Convert nested lists to tuples."""
    return tuple(_frozen(item) for item in value) if isinstance(value, (list, tuple)) else value


def joint_names(text: str) -> tuple[str, ...]:
    """Split a text into names."""
    return tuple(text.replace("\n", " ").split())


def pairs_from_one(*pairs: tuple[int, int]) -> tuple[tuple[int, int], ...]:
    """Convert pairs that are published with 1-based numbers to 0-based pairs."""
    return tuple((child - 1, parent - 1) for child, parent in pairs)


def parents_of(pairs: tuple[tuple[int, int], ...], count: int) -> tuple[int, ...]:
    """List the parent of each joint; a joint without a pair is its own parent."""
    parents = list(range(count))
    for child, parent in pairs:
        parents[child] = parent
    return tuple(parents)


def skeleton_of_tree(
    name: str,
    tree: str,
    *,
    centre: str,
    origin: str,
    spine: tuple[str, str] | None,
    shoulders: tuple[str, str] | None,
    dimensions: int,
) -> Skeleton:
    """Build a skeleton whose graph is its bone tree, from names alone.

    Args:
        name: The name it is known by.
        tree: The joints in their order, each as `JOINT<PARENT`; the root as `JOINT`.
        centre: The joint around which graph partitions are made.
        origin: The joint that normalisation moves to zero.
        spine: Joints (lower, upper), or None.
        shoulders: Joints (left, right), or None.
        dimensions: Coordinates of a joint.

    Returns:
        The skeleton. Joints that are called alike but for "left" and "right" are mirror pairs.
    """
    bones = [entry.partition("<") for entry in tree.split()]
    joints = tuple(joint for joint, _, _ in bones)
    number = {joint: place for place, joint in enumerate(joints)}
    edges = tuple((number[joint], number[parent]) for joint, _, parent in bones if parent)
    twins = [(joint, "_".join("right" if part == "left" else part for part in joint.split("_"))) for joint in joints]
    return Skeleton(
        name=name,
        joints=joints,
        parents=parents_of(edges, len(joints)),
        edges=edges,
        mirror=tuple((number[left], number[right]) for left, right in twins if left != right),
        centre=number[centre],
        origin=number[origin],
        spine=None if spine is None else (number[spine[0]], number[spine[1]]),
        shoulders=None if shoulders is None else (number[shoulders[0]], number[shoulders[1]]),
        dimensions=dimensions,
    )
