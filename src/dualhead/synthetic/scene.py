"""The stage: people placed on a floor, and three cameras around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dualhead.skeleton import NTU25
from dualhead.synthetic.actions import Action
from dualhead.synthetic.body import Array, rotation, stand
from dualhead.synthetic.motion import play, sides
from dualhead.synthetic.performer import Performer

FRAMES_PER_SECOND = 30
"""Of a Kinect v2."""

CAMERA_DEGREES = {1: 0.0, 2: -45.0, 3: 45.0}
"""Positions of the cameras around the stage, by number, in degrees, about as in NTU RGB+D; positive is to the right as
seen by camera 1. A person turned to the left by the same angle looks there."""


@dataclass(frozen=True)
class Setup:
    """The placement of the cameras.

    Attributes:
        height: Of the cameras above the floor in metres.
        distance: From the middle of the stage in metres.
    """

    height: float
    distance: float


def make_setup(number: int) -> Setup:
    """Create the setup of a number (1 or more): heights of 1.0 to 1.9 m, distances of 2.4 to 3.9 m."""
    return Setup(height=1.0 + 0.3 * (number % 4), distance=2.4 + 0.5 * ((3 * number) % 4))


def perform(action: Action, cast: Sequence[Performer], facing: float, rng: np.random.Generator) -> Array:
    """Compute people who perform an action in the middle of the stage.

    Args:
        action: The action.
        cast: The performer, and for an action of two people a second one.
        facing: Direction of the first person in degrees to the left of camera 1.
        rng: Source of the variation of this take.

    Returns:
        Joints `(M, T, 25, 3)` in metres: floor at y = 0, the stage's middle in the origin, camera 1 on the -z side.
    """
    first = cast[0]
    duration = action.seconds / first.tempo * rng.uniform(0.92, 1.1)
    missed = max(0.0, rng.uniform(-action.held, action.held)) * duration
    seconds = np.arange(missed, duration, 1 / FRAMES_PER_SECOND)
    bodies = [stand(play(action.move, seconds, duration, first, rng), first.build)]
    if action.partner is not None and action.contact is not None:
        second = cast[1]
        partner = stand(play(action.partner, seconds, duration, second, rng), second.build)
        frame = min(int(action.contact.time * len(seconds)), len(seconds) - 1)
        here = bodies[0][frame, _joint(action.contact.joint, first)]
        there = partner[frame, _joint(action.contact.partner, second)] * (-1, 1, -1)
        gap = action.contact.gap + rng.normal(0, 0.03)
        partner = partner * (-1, 1, -1) + (here - there + (0, 0, -gap)) * (1, 0, 1)
        bodies.append(partner)
    joints = np.stack(bodies)
    middle = joints[:, 0].mean(axis=(0, 1)) * (1, 0, 1)
    place = np.array([rng.normal(0, 0.15), 0, rng.normal(0, 0.15)])
    return np.asarray((joints - middle) @ rotation(1, np.array(facing)).T + place)


def film(joints: Array, setup: Setup, camera: int) -> Array:
    """Transform the stage to the coordinates of a camera.

    Args:
        joints: `(..., 3)` on the stage, as `perform` returns.
        setup: The placement of the cameras.
        camera: Camera number, 1 to 3.

    Returns:
        The same in the camera's space in metres: x to the camera's left, y up, z away from it.
    """
    around = rotation(1, np.array(-CAMERA_DEGREES[camera]))
    down = np.degrees(np.arctan2(setup.height - 0.9, setup.distance))
    seen = joints @ around.T + (0, -setup.height, setup.distance)
    return np.asarray(seen @ rotation(0, np.array(-down)).T)


def _joint(name: str, performer: Performer) -> int:
    """Number of a joint that may be named by the stronger hand."""
    return NTU25.joints.index(sides(name, performer.right_handed)[0])
