"""A body of given size, and where its 25 joints are for given joint angles (forward kinematics)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dualhead.skeleton import NTU25

Array = NDArray[np.float64]

_ARM = ("raise", "spread", "roll", "elbow", "wrist", "fan", "fingers")
_LEG = ("hip", "open", "knee", "ankle")
CHANNELS: tuple[str, ...] = (
    "bend", "tilt", "twist", "nod", "turn", "lean_head", "lift", "advance", "yaw",
    *(f"{side}_{joint}" for side in ("left", "right") for joint in (*_ARM, *_LEG)),
)  # fmt: skip
"""The degrees of freedom of a body: degrees, but metres for `lift` (upward) and `advance` (the way the body faces).

All zero is standing upright with hanging arms. Positive is: bend forward, tilt to the right, twist and turn to the
left, nod down, lean the head to the right, yaw to the left; arm raised forward, spread sideways, rolled inward, elbow
bent, hand bent to the palm, fanned to the thumb, fingers closed; hip and knee bent, leg opened sideways, toes up.
"""
CHANNEL = {name: index for index, name in enumerate(CHANNELS)}
"""The column of each channel."""


@dataclass(frozen=True)
class Build:
    """The lengths of a body in metres.

    Attributes:
        trunk: Spine base to the spine between the shoulders.
        neck: Spine between the shoulders to the neck.
        head: Neck to the middle of the head.
        shoulders: Half the distance between the shoulder joints.
        upper_arm: Shoulder to elbow.
        forearm: Elbow to wrist.
        hand: Wrist to finger tip.
        hips: Half the distance between the hip joints.
        thigh: Hip to knee.
        shank: Knee to ankle.
        foot: Ankle to toe, along the floor.
        ankle: Height of the ankle above the floor.
    """

    trunk: float
    neck: float
    head: float
    shoulders: float
    upper_arm: float
    forearm: float
    hand: float
    hips: float
    thigh: float
    shank: float
    foot: float
    ankle: float

    @classmethod
    def of_height(cls, height: float, legs: float = 1.0, arms: float = 1.0, width: float = 1.0) -> Build:
        """Build a body from the usual shares of the body height (Winter, Biomechanics and Motor Control, 2009).

        Args:
            height: Body height in metres.
            legs: Factor on the leg segments.
            arms: Factor on the arm segments.
            width: Factor on the shoulders and hips.

        Returns:
            The lengths.
        """
        return cls(
            trunk=0.288 * height,
            neck=0.045 * height,
            head=0.075 * height,
            shoulders=0.105 * height * width,
            upper_arm=0.168 * height * arms,
            forearm=0.146 * height * arms,
            hand=0.095 * height * arms,
            hips=0.047 * height * width,
            thigh=0.245 * height * legs,
            shank=0.236 * height * legs,
            foot=0.09 * height,
            ankle=0.039 * height,
        )


def rotation(axis: int, degrees: Array) -> Array:
    """Build right-handed rotations about one axis.

    Args:
        axis: 0, 1 or 2 for x, y or z.
        degrees: Angles `(T,)` in degrees.

    Returns:
        Matrices `(T, 3, 3)` that turn column vectors.
    """
    angle = np.radians(degrees)
    cos, sin = np.cos(angle), np.sin(angle)
    first, second = (axis + 1) % 3, (axis + 2) % 3
    matrix = np.zeros((*angle.shape, 3, 3))
    matrix[..., axis, axis] = 1
    matrix[..., first, first] = matrix[..., second, second] = cos
    matrix[..., first, second], matrix[..., second, first] = -sin, sin
    return matrix


def pose(angles: Array, build: Build) -> Array:
    """Place the joints of a body by forward kinematics, its spine base in the origin.

    Convention of the body's own space, in metres: x to the body's right, y up, z to its back, so that a body at yaw 0
    faces the camera of a Kinect (camera space: x to the camera's left, y up, z away from it).

    Args:
        angles: `(T, D)`, one column for each of `CHANNELS`; `lift`, `advance` and `yaw` are left to `stand`.
        build: The lengths.

    Returns:
        Joints `(T, 25, 3)` in the order of `NTU25`.
    """
    value = {name: angles[:, index] for name, index in CHANNEL.items()}
    joints = np.zeros((len(angles), NTU25.num_joints, 3))

    def put(name: str, parent: str, frame: Array, x: float, y: float, z: float) -> None:
        """Place joint `name` at an offset from `parent` that is given in the axes of `frame`."""
        joints[:, _INDEX[name]] = joints[:, _INDEX[parent]] + frame @ np.array([x, y, z])

    pelvis = np.broadcast_to(np.eye(3), (len(angles), 3, 3))
    half = rotation(1, value["twist"] / 2) @ rotation(2, -value["tilt"] / 2) @ rotation(0, -value["bend"] / 2)
    thorax = half @ half
    skull = thorax @ rotation(1, value["turn"]) @ rotation(2, -value["lean_head"]) @ rotation(0, -value["nod"])
    put("spine_mid", "spine_base", half, 0, build.trunk * 0.6, 0)
    put("spine_shoulder", "spine_mid", thorax, 0, build.trunk * 0.4, 0)
    put("neck", "spine_shoulder", thorax, 0, build.neck, 0)
    put("head", "neck", skull, 0, build.head, -0.2 * build.head)
    for side, sign in (("left", -1.0), ("right", 1.0)):
        arm = {joint: value[f"{side}_{joint}"] for joint in (*_ARM, *_LEG)}
        upper = thorax @ rotation(0, arm["raise"]) @ rotation(2, sign * arm["spread"]) @ rotation(1, sign * arm["roll"])
        lower = upper @ rotation(0, arm["elbow"])
        palm = lower @ rotation(1, np.full(len(angles), sign * 60.0)) @ rotation(2, -sign * arm["fan"])
        palm = palm @ rotation(0, arm["wrist"])
        fingers = palm @ rotation(0, arm["fingers"])
        put(f"{side}_shoulder", "spine_shoulder", thorax, sign * build.shoulders, -0.1 * build.shoulders, 0)
        put(f"{side}_elbow", f"{side}_shoulder", upper, 0, -build.upper_arm, 0)
        put(f"{side}_wrist", f"{side}_elbow", lower, 0, -build.forearm, 0)
        put(f"{side}_hand", f"{side}_wrist", palm, 0, -0.45 * build.hand, 0)
        put(f"{side}_hand_tip", f"{side}_hand", fingers, 0, -0.55 * build.hand, 0)
        put(f"{side}_thumb", f"{side}_wrist", palm, -sign * 0.35 * build.hand, -0.45 * build.hand, 0)
        thigh = pelvis @ rotation(2, sign * arm["open"]) @ rotation(0, arm["hip"])
        shank = thigh @ rotation(0, -arm["knee"])
        foot = shank @ rotation(0, arm["ankle"])
        put(f"{side}_hip", "spine_base", pelvis, sign * build.hips, -0.3 * build.hips, 0)
        put(f"{side}_knee", f"{side}_hip", thigh, 0, -build.thigh, 0)
        put(f"{side}_ankle", f"{side}_knee", shank, 0, -build.shank, 0)
        put(f"{side}_foot", f"{side}_ankle", foot, 0, -0.6 * build.ankle, -build.foot)
    return joints


def stand(angles: Array, build: Build) -> Array:
    """Place the joints of a body that stands, sits or walks on a floor.

    The lower of the two feet carries: it rests on the floor (y = 0, but for `lift`) and does not slide, so bent legs
    lower the body, and alternating steps carry it on.

    Args:
        angles: `(T, D)`, one column for each of `CHANNELS`.
        build: The lengths.

    Returns:
        Joints `(T, 25, 3)` in metres: floor at y = 0, the spine base over the origin in the first frame.
    """
    joints = pose(angles, build)
    ankles = joints[:, [_INDEX["left_ankle"], _INDEX["right_ankle"]]]  # (T, 2, 3)
    low = ankles[..., 1].min(axis=1, keepdims=True)
    weight = np.exp((low - ankles[..., 1]) / 0.03)
    weight /= weight.sum(axis=1, keepdims=True)
    step = (weight[1:, :, None] * np.diff(ankles, axis=0)).sum(axis=1)  # (T - 1, 3)
    joints[1:, :, [0, 2]] -= np.cumsum(step, axis=0)[:, None, [0, 2]]
    joints[..., 1] += build.ankle - low + angles[:, CHANNEL["lift"], None]
    joints[..., 2] -= angles[:, CHANNEL["advance"], None]
    turn = rotation(1, angles[:, CHANNEL["yaw"]])
    return np.asarray(joints @ turn.transpose(0, 2, 1))


_INDEX = {name: index for index, name in enumerate(NTU25.joints)}
