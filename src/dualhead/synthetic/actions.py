"""The actions of the generator, each as keyframes of joint angles.

They come in families that a single view of the data confuses: held postures, which have no motion; small fast
movements in a posture that another action holds still; movements and their reversals; and actions of two people.
"""

from __future__ import annotations

from dataclasses import dataclass

from dualhead.synthetic.motion import Key, Move, Pose, Wiggle


@dataclass(frozen=True)
class Contact:
    """The place where two people meet.

    Attributes:
        time: When, as a share of the movement.
        joint: Joint of the first person, with the prefix `main_` allowed.
        partner: Joint of the second person, likewise.
        gap: Distance that remains between the two along the line from one to the other, in metres.
    """

    time: float
    joint: str
    partner: str
    gap: float = 0.0


@dataclass(frozen=True)
class Action:
    """Something that performers do.

    Attributes:
        name: Its class name.
        move: The motion of the performer.
        seconds: Duration at tempo 1.
        held: Largest share of the beginning that a recording may have missed.
        partner: The motion of a second person, facing the first.
        contact: The place where the two meet; decides how far apart they stand.
    """

    name: str
    move: Move
    seconds: float
    held: float = 0.0
    partner: Move | None = None
    contact: Contact | None = None


_REST: Pose = {
    "both_raise": 0, "both_spread": 8, "both_roll": 20, "both_elbow": 15, "both_wrist": 0, "both_fingers": 20,
    "bend": 0, "nod": 0, "turn": 0, "twist": 0, "both_hip": 0, "both_knee": 0, "both_ankle": 0,
}  # fmt: skip
_CROSSED: Pose = {
    "main_raise": 42, "main_spread": 2, "main_roll": 62, "main_elbow": 98,
    "other_raise": 30, "other_spread": 6, "other_roll": 66, "other_elbow": 104,
}  # fmt: skip
_ON_HIPS: Pose = {"both_raise": -12, "both_spread": 38, "both_roll": 80, "both_elbow": 74, "both_wrist": 35}
_HAND_UP: Pose = {"main_raise": 10, "main_spread": 78, "main_roll": -82, "main_elbow": 84, "main_fingers": 0}
_AT_EAR: Pose = {"main_raise": 52, "main_spread": 38, "main_roll": 10, "main_elbow": 138, "main_wrist": 5}
_FORWARD: Pose = {"both_raise": 14, "both_spread": 6, "both_roll": 8, "both_elbow": 78, "both_fingers": 15}
_HANDS_MET: Pose = {"both_raise": 34, "both_spread": 4, "both_roll": 40, "both_elbow": 78, "both_fingers": 5}
_SEATED: Pose = {"both_hip": 82, "both_knee": 88, "both_ankle": 6, "bend": 4, "both_raise": 28, "both_elbow": 45}
_LEANING: Pose = {"both_hip": 45, "both_knee": 58, "both_ankle": 10, "bend": 38, "both_raise": 30}
_HAT_HELD: Pose = {"both_raise": 24, "both_spread": 12, "both_roll": 22, "both_elbow": 84, "nod": 14}
_HAT_ABOVE: Pose = {"both_raise": 128, "both_spread": 24, "both_roll": 28, "both_elbow": 96, "nod": -4}
_HAT_ON: Pose = {"both_raise": 100, "both_spread": 30, "both_roll": 24, "both_elbow": 128, "nod": 6}
_HAND_OUT: Pose = {"main_raise": 48, "main_spread": 0, "main_roll": 22, "main_elbow": 38, "bend": 8}
_ARMED: Pose = {"both_raise": 28, "both_spread": 12, "both_roll": 6, "both_elbow": 108, "bend": -2}
_SHOVE: Pose = {"both_raise": 76, "both_spread": 4, "both_roll": 8, "both_elbow": 16, "bend": 16}


def _hold(pose: Pose, *wiggles: Wiggle) -> Move:
    """Move from rest to a posture and keep it, with oscillations on top."""
    return Move((Key(0, _REST), Key(0.2, pose), Key(1, pose)), wiggles)


def _over_and_back(*poses: Pose) -> tuple[Key, ...]:
    """Move from rest through poses, evenly spaced, and back to rest."""
    keys = [Key((index + 1) / (len(poses) + 1), pose) for index, pose in enumerate(poses)]
    return (Key(0, _REST), *keys, Key(1, _REST))


_SIT = Move((Key(0, _REST), Key(0.2, _REST), Key(0.48, _LEANING), Key(0.72, _SEATED), Key(1, _SEATED)))
_HAT = Move((Key(0, _HAT_HELD), Key(0.15, _HAT_HELD), Key(0.5, _HAT_ABOVE), Key(0.68, _HAT_ON), Key(1, _REST)))
_HANDSHAKE = Move(_over_and_back(_HAND_OUT, _HAND_OUT, _HAND_OUT), (Wiggle("main_elbow", 7, 2.2, span=(0.3, 0.75)),))

ACTIONS: tuple[Action, ...] = (
    Action("cross arms", _hold(_CROSSED), 2.4, held=0.35),
    Action("hands on hips", _hold(_ON_HIPS), 2.4, held=0.35),
    Action("hold up a hand", _hold(_HAND_UP), 2.4, held=0.35),
    Action(
        "wave a hand",
        _hold(_HAND_UP, Wiggle("main_elbow", 13, 2.2, span=(0.1, 1)), Wiggle("main_fan", 12, 2.2, span=(0.1, 1))),
        2.4,
        held=0.35,
    ),
    Action("hold a phone to the ear", _hold(_AT_EAR), 2.4, held=0.35),
    Action("hold a tray", _hold(_FORWARD), 2.4, held=0.35),
    Action(
        "type on a keyboard",
        _hold(
            _FORWARD,
            Wiggle("main_wrist", 12, 3.1, span=(0.1, 1)),
            Wiggle("other_wrist", 12, 2.7, phase=0.5, span=(0.1, 1)),
            Wiggle("main_fingers", 16, 4.0, span=(0.1, 1)),
            Wiggle("other_fingers", 16, 3.6, span=(0.1, 1)),
        ),
        2.4,
        held=0.35,
    ),
    Action("clap", _hold(_HANDS_MET, Wiggle("both_roll", 11, 2.3, span=(0.1, 1))), 2.2, held=0.35),
    Action("sit down", _SIT, 2.4),
    Action("stand up", _SIT.reversed(), 2.4),
    Action("put on a hat", _HAT, 2.4),
    Action("take off a hat", _HAT.reversed(), 2.4),
    Action(
        "shake hands",
        _HANDSHAKE,
        2.6,
        partner=_HANDSHAKE,
        contact=Contact(0.5, "main_hand", "main_hand"),
    ),
    Action(
        "push",
        Move(_over_and_back(_ARMED, _SHOVE, _ARMED)),
        2.2,
        partner=Move(
            (
                Key(0, {**_REST, "advance": 0}),
                Key(0.5, {"bend": 0, "both_raise": 0, "both_elbow": 15, "advance": 0}),
                Key(0.66, {"bend": -14, "both_raise": 22, "both_elbow": 40, "main_hip": -22, "advance": -0.18}),
                Key(1, {**_REST, "advance": -0.3}),
            )
        ),
        contact=Contact(0.5, "main_hand_tip", "spine_shoulder", gap=0.08),
    ),
    Action(
        "hug",
        Move(
            (
                Key(0, {**_REST, "advance": -0.5}),
                Key(0.45, {"both_raise": 62, "both_spread": 34, "both_roll": 40, "both_elbow": 40, "advance": 0}),
                Key(0.75, {"both_raise": 62, "both_spread": 22, "both_roll": 50, "both_elbow": 66, "advance": 0}),
                Key(1, {**_REST, "advance": -0.3}),
            ),
            (Wiggle("main_hip", 14, 1.2, span=(0, 0.4)), Wiggle("other_hip", 14, 1.2, phase=0.5, span=(0, 0.4))),
        ),
        2.6,
        partner=Move(
            (
                Key(0, {**_REST, "advance": 0}),
                Key(0.5, {"both_raise": 40, "both_spread": 36, "both_roll": 40, "both_elbow": 46}),
                Key(0.75, {"both_raise": 44, "both_spread": 24, "both_roll": 50, "both_elbow": 70, "advance": 0}),
                Key(1, {**_REST, "advance": 0}),
            )
        ),
        contact=Contact(0.5, "spine_shoulder", "spine_shoulder", gap=0.26),
    ),
    Action(
        "kick",
        Move(
            (
                Key(0, _REST),
                Key(0.32, {"main_hip": -18, "main_knee": 60, "bend": 4, "other_raise": 10}),
                Key(0.5, {"main_hip": 62, "main_knee": 8, "bend": -8, "other_raise": 40, "main_raise": -20}),
                Key(0.72, {"main_hip": 20, "main_knee": 50, "bend": 0}),
                Key(1, _REST),
            )
        ),
        1.8,
    ),
)
"""The actions in the order of their numbers: the first is A001."""
