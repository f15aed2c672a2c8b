"""A skeleton as a YAML file: joints by name, so that no index has to be counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dualhead.runtime.errors import ConfigError, FormatError, unknown
from dualhead.runtime.yaml_file import read_yaml
from dualhead.skeleton import SKELETONS, Skeleton, get_skeleton

_NEEDED = ("name", "joints", "parents")
_OPTIONAL = ("edges", "mirror", "centre", "origin", "spine", "shoulders", "dimensions")


def parse_skeleton_file(values: Any, path: str | Path | None = None) -> Skeleton:
    """Build a skeleton from the content of its YAML file.

    Joints are given by name or by number, counted from 0. Needed are `name`, `joints` (a list of names) and `parents`
    (joint: parent; a joint that is not there is a root, its own parent). Optional are `edges` (pairs child, parent of
    the graph; default: those of `parents`), `mirror` (pairs left, right), `centre` (of graph partitions) and `origin`
    (moved to 0 by normalisation; default of both: the first root), `spine` (lower, upper), `shoulders` (left, right)
    and `dimensions` (2 or 3; default 3).

    Args:
        values: The content of the YAML: these fields (also as `Skeleton.to_dict` gives them), or the name of a skeleton
            that comes with the package.
        path: The file, for the error message.

    Returns:
        The skeleton.

    Raises:
        FormatError: If a field is missing or unknown, names a joint that is not in `joints`, or contradicts itself.
    """
    try:
        if isinstance(values, str):
            return get_skeleton(values)
        if not isinstance(values, Mapping):
            raise ConfigError(f"a skeleton needs the fields {', '.join(_NEEDED)}, or is one of {', '.join(SKELETONS)}")
        for key in values:
            if key not in (*_NEEDED, *_OPTIONAL):
                raise unknown("field of a skeleton", str(key), (*_NEEDED, *_OPTIONAL))
        for key in _NEEDED:
            if key not in values:
                raise ConfigError(f"the skeleton has no {key!r}: it needs {', '.join(_NEEDED)}")
        return _build(values)
    except ConfigError as error:
        raise FormatError(str(error), path) from None


def _build(values: Mapping[str, Any]) -> Skeleton:
    joints = values["joints"]
    if not isinstance(joints, (list, tuple)) or not joints or not all(isinstance(joint, str) for joint in joints):
        raise ConfigError("'joints' is not a list of joint names")
    if len(set(joints)) != len(joints):
        raise ConfigError("'joints' names a joint twice")
    numbers = {joint: number for number, joint in enumerate(joints)}

    def number(joint: Any, what: str) -> int:
        if isinstance(joint, str) and joint in numbers:
            return numbers[joint]
        if isinstance(joint, int) and not isinstance(joint, bool) and 0 <= joint < len(joints):
            return joint
        if isinstance(joint, str):
            raise unknown(f"joint in {what!r}:", joint, joints)
        raise ConfigError(f"{what!r} names joint {joint!r}: expected a name from 'joints' or a number from 0 on")

    def pair(value: Any, what: str) -> tuple[int, int]:
        if not isinstance(value, (list, tuple)) or len(value) != 2:
            raise ConfigError(f"{what!r} holds {value!r} instead of a pair of joints")
        first, second = number(value[0], what), number(value[1], what)
        if first == second:
            raise ConfigError(f"{what!r} pairs joint {joints[first]!r} with itself: pass two different joints")
        return first, second

    def pairs(what: str) -> tuple[tuple[int, int], ...]:
        value = values.get(what) or []
        if not isinstance(value, (list, tuple)):
            raise ConfigError(f"{what!r} is not a list of pairs")
        return tuple(pair(item, what) for item in value)

    edges, mirror = pairs("edges"), pairs("mirror")
    _check_once(
        [tuple(sorted(edge)) for edge in edges], "edges", lambda edge: " and ".join(joints[end] for end in edge)
    )
    _check_once([joint for ends in mirror for joint in ends], "mirror", lambda joint: joints[joint])
    parents = list(range(len(joints)))
    given = values["parents"]
    if isinstance(given, (list, tuple)) and len(given) == len(joints):
        given = dict(enumerate(given))
    if not isinstance(given, Mapping):
        raise ConfigError("'parents' is neither a table of joint: parent nor a list with the parent of each joint")
    _check_once([number(child, "parents") for child in given], "parents", lambda joint: joints[joint])
    for child, parent in given.items():
        parents[number(child, "parents")] = number(parent, "parents")
    _check_tree(parents, joints)
    root = next(joint for joint, parent in enumerate(parents) if joint == parent)
    dimensions = values.get("dimensions", 3)
    if dimensions not in (2, 3):
        raise ConfigError(f"'dimensions' is {dimensions!r}: expected 2 or 3")
    tree = tuple((child, parent) for child, parent in enumerate(parents) if child != parent)
    spine, shoulders = (
        None if values.get(axis) is None else pair(values[axis], axis) for axis in ("spine", "shoulders")
    )
    return Skeleton(
        name=str(values["name"]),
        joints=tuple(joints),
        parents=tuple(parents),
        edges=edges or tree,
        mirror=mirror,
        centre=number(values.get("centre", root), "centre"),
        origin=number(values.get("origin", root), "origin"),
        spine=spine,
        shoulders=shoulders,
        dimensions=dimensions,
    )


def _check_once(given: Sequence[Any], what: str, name: Callable[[Any], str]) -> None:
    """Raise if a value occurs twice."""
    twice = [value for value, count in Counter(given).items() if count > 1]
    if twice:
        raise ConfigError(f"{what!r} names {name(twice[0])} twice: leave one of them out")


def _check_tree(parents: Sequence[int], joints: Sequence[str]) -> None:
    """Raise if a joint is its own ancestor."""
    for joint, name in enumerate(joints):
        at = joint
        for _ in joints:
            at = parents[at]
        if parents[at] != at:
            raise ConfigError(f"the parents of joint {name!r} form a cycle: leave the root out of 'parents'")


def load_skeleton(skeleton: str | Path | Skeleton) -> Skeleton:
    """Get a skeleton by name or from a YAML file.

    Args:
        skeleton: A `Skeleton`, the name of one that comes with the package, or the path of a YAML file.

    Returns:
        The skeleton.

    Raises:
        ConfigError: If it is neither a known name nor a file.
        FormatError: If the file describes no skeleton.
    """
    if isinstance(skeleton, Skeleton):
        return skeleton
    if str(skeleton) in SKELETONS:
        return SKELETONS[str(skeleton)]
    path = Path(skeleton)
    if path.suffix not in (".yaml", ".yml"):
        raise unknown("skeleton", str(skeleton), (*SKELETONS, "or a file that ends in .yaml"))
    return parse_skeleton_file(read_yaml(path), path)
