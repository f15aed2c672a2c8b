"""The joints of BVH files by the names that motion capture programs give them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from dualhead.formats.landmark_table import squash
from dualhead.runtime.errors import FormatError
from dualhead.skeleton import H36M17, KINECT15, KINECT20, NTU25, SMARTHOME13, SMPL22, Skeleton

_PREFIX = re.compile(r"^(?:mixamorig\d?|bip0?1?|bip001|character\d?|ctrl|jnt)(?=.)")

_MIDDLE = {
    "pelvis": ("hips", "hip", "pelvis", "root"),
    "neck": ("neck", "neck1"),
    "head": ("head",),
    "crown": ("headend", "headtop", "headtopend", "headsite"),
}
_SIDES = {
    "collar": ("{}collar", "{}clavicle", "{}shoulder"),
    "shoulder": ("{}arm", "{}uparm", "{}upperarm", "{}shldr", "{}shoulder"),
    "elbow": ("{}forearm", "{}elbow", "{}lowerarm", "{}lowarm"),
    "wrist": ("{}wrist", "{}hand"),
    "fingers": ("{}handend", "{}handmiddle1", "{}handindex1", "{}middle1", "{}handsite", "{}hand", "{}wristend"),
    "thumb": ("{}handthumb2", "{}handthumb1", "{}thumb", "{}thumb1", "{}thumb2"),
    "hip": ("{}upleg", "{}upperleg", "{}thigh", "{}hip"),
    "knee": ("{}leg", "{}lowleg", "{}lowerleg", "{}shin", "{}calf", "{}knee"),
    "ankle": ("{}ankle", "{}foot"),
    "toes": ("{}toebase", "{}toe", "{}toes", "{}toe0", "{}foot", "{}footend", "{}ankleend"),
}
"""The names of each part, in lower case without separators; "{}" is the side."""


_INNER = {"fingers": ("wrist",), "toes": ("ankle",)}
"""Parts whose joint has the same name in some programs, and which come first."""


def _spellings(form: str, side: str) -> tuple[str, ...]:
    """Return the ways to write a name: the side as a word or a letter, in front or behind."""
    part = form.replace("{}", "")
    return tuple(name for word in (side, side[0]) for name in (f"{word}{part}", f"{part}{word}"))


def find_parts(names: Sequence[str], parents: Sequence[int]) -> dict[str, int]:
    """Find the parts of a body among the joints of a file.

    Args:
        names: Joint names.
        parents: The parent of each.

    Returns:
        The joint of each part that was found, such as "left_wrist"; "spine1" to "spine3" are the first, a middle and
        the last joint between the pelvis and the neck.
    """
    plain: dict[str, int] = {}
    for number, name in enumerate(names):
        plain.setdefault(_PREFIX.sub("", squash(name.rpartition(":")[2])), number)
    found = {part: plain[name] for part, known in _MIDDLE.items() for name in reversed(known) if name in plain}
    for side in ("left", "right"):
        for part, known in _SIDES.items():
            spelled = [name for form in known for name in _spellings(form, side)]
            taken = {found.get(f"{side}_{inner}") for inner in _INNER.get(part, ())}
            place = next((plain[name] for name in spelled if name in plain and plain[name] not in taken), None)
            if place is not None:
                found[f"{side}_{part}"] = place
        if found.get(f"{side}_collar") == found.get(f"{side}_shoulder"):
            found.pop(f"{side}_collar", None)  # one joint that is called "shoulder" is where the arm begins
    if "neck" in found and "pelvis" in found:
        chain = []
        joint = parents[found["neck"]]
        for _ in names:
            if joint in (found["pelvis"], parents[joint]):
                break
            chain.append(joint)
            joint = parents[joint]
        chain.reverse()
        if joint == found["pelvis"] and len(chain) >= 3:
            found |= {"spine1": chain[0], "spine2": chain[len(chain) // 2], "spine3": chain[-1]}
    return found


Ways = tuple[tuple[str, ...], ...]
"""The parts that a joint is the mean of, and what stands in for them where one is missing."""

_SIDE = ("left", "right")


def _sided(joint: str, *ways: tuple[str, ...]) -> dict[str, Ways]:
    """Return the names of a joint that exists on both sides."""
    return {f"{side}_{joint}": tuple(tuple(f"{side}_{part}" for part in way) for way in ways) for side in _SIDE}


_LIMBS: dict[str, Ways] = {}
for _joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle"):
    _LIMBS |= _sided(_joint, (_joint,))
_ENDS = {**_sided("hand", ("wrist", "fingers")), **_sided("foot", ("toes",))}
_HEAD: dict[str, Ways] = {"head": (("head", "crown"), ("head",))}
_TRUNK: Ways = (("pelvis", "neck"),)

_WAYS: Mapping[str, Mapping[str, Ways]] = {
    NTU25.name: {
        **_LIMBS,
        **_ENDS,
        **_HEAD,
        **_sided("hand_tip", ("fingers",)),
        **_sided("thumb", ("thumb",), ("wrist", "fingers")),
        "spine_base": (("pelvis",),),
        "spine_mid": _TRUNK,
        "spine_shoulder": (("neck",),),
        "neck": (("neck", "head"),),
    },
    KINECT20.name: {
        **_LIMBS,
        **_ENDS,
        **_HEAD,
        "hip_centre": (("pelvis",),),
        "spine": _TRUNK,
        "shoulder_centre": (("neck",),),
    },
    KINECT15.name: {**_LIMBS, **_ENDS, **_HEAD, "torso": _TRUNK, "neck": (("neck",),)},
    SMARTHOME13.name: {**_LIMBS, **_HEAD},
    H36M17.name: {
        **_LIMBS,
        "hip": (("pelvis",),),
        "spine": _TRUNK,
        "thorax": (("neck",),),
        "neck_nose": (("head",),),
        "head": (("crown",),),
    },
    SMPL22.name: {
        **_LIMBS,
        **_sided("foot", ("toes",)),
        **_sided("collar", ("collar",)),
        **{part: ((part,),) for part in ("pelvis", "spine1", "spine2", "spine3", "neck", "head")},
    },
}
"""The joints of each skeleton as means of the parts of a body."""


def pose_of(
    names: Sequence[str],
    parents: Sequence[int],
    positions: NDArray[np.float64],
    skeleton: Skeleton,
    where: str,
) -> tuple[NDArray[np.float64], list[str]]:
    """Compute the joints of a skeleton from those of a file.

    Args:
        names: Joint names of the file.
        parents: The parent of each.
        positions: `(T, V, 3)`.
        skeleton: The skeleton to convert to: one of those above, or one of the user's own with names of the file.
        where: The file, for the error message.

    Returns:
        Positions `(T, W, 3)` of the W joints of `skeleton`, and what a user should know of them.

    Raises:
        FormatError: If a joint does not follow from those of the file; it names the joint.
    """
    notes: list[str] = []
    plain = {squash(name): number for number, name in reversed([*enumerate(names)])}
    if all(squash(joint) in plain for joint in skeleton.joints):
        return positions[:, [plain[squash(joint)] for joint in skeleton.joints]], notes
    parts = {part: positions[:, number] for part, number in find_parts(names, parents).items()}
    ways = _WAYS.get(skeleton.name, {})
    joints = []
    for joint in skeleton.joints:
        known = ways.get(joint, ((joint,),))
        way = next((way for way in known if parts.keys() >= {*way}), None)
        if way is None:
            lacking = next(part for part in known[0] if part not in parts)
            shown = ", ".join(name[:30] for name in names[:8])
            raise FormatError(
                f"joint {joint!r} of {skeleton.name!r} does not follow from its joints ({shown}, ...): {lacking!r} is "
                "missing",
                where,
            )
        joints.append(np.mean([parts[part] for part in way], axis=0))
    if skeleton == NTU25 and not {"left_thumb", "right_thumb"} <= parts.keys():
        notes.append("it has no thumbs: the middle of the hand is interpreted as them")
    return np.stack(joints, axis=1), notes


def own_skeleton(names: Sequence[str], parents: Sequence[int]) -> Skeleton:
    """Build the skeleton of a file.

    Args:
        names: Joint names; those that come twice are numbered.
        parents: The parent of each; the root is its own.

    Returns:
        The skeleton, called "bvh", with spine and shoulders where their names are known.
    """
    joints: list[str] = []
    for name in names:
        joints.append(name if name not in joints else f"{name}_{len(joints)}")
    found = find_parts(names, parents)
    plain = [squash(joint) for joint in joints]
    mirror = [
        (number, plain.index(twin))
        for number, joint in enumerate(plain)
        if (twin := joint.replace("left", "right")) != joint and twin in plain
    ]
    spine = (found["pelvis"], found["neck"]) if {"pelvis", "neck"} <= found.keys() else None
    sides = ("left_shoulder", "right_shoulder")
    return Skeleton(
        name="bvh",
        joints=tuple(joints),
        parents=tuple(parents),
        edges=tuple((number, parent) for number, parent in enumerate(parents) if number != parent),
        mirror=tuple(mirror),
        centre=0,
        origin=0,
        spine=spine,
        shoulders=(found[sides[0]], found[sides[1]]) if {*sides} <= found.keys() else None,
        dimensions=3,
    )
