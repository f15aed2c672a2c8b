"""Movements: keyframes and oscillations of joint angles, played by a performer in a performer's own style."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from dualhead.synthetic.body import CHANNEL, CHANNELS, Array
from dualhead.synthetic.performer import Performer

Pose = Mapping[str, float]
"""Channel to value. The prefix `main_` means the performer's stronger hand, `other_` the other, `both_` both sides."""


@dataclass(frozen=True)
class Key:
    """A pose to be reached.

    Attributes:
        time: When, as a share of the movement (0 to 1).
        pose: The channels that this key sets; the others run on from the keys that name them.
    """

    time: float
    pose: Pose


@dataclass(frozen=True)
class Wiggle:
    """An oscillation that is added to a channel.

    Attributes:
        channel: A channel of `Pose`.
        amplitude: Half of the swing, in degrees (metres for `lift` and `advance`).
        hertz: Swings a second.
        phase: Share of a swing by which it runs ahead of the movement's other oscillations.
        span: The share of the movement in which it swings, from and to; it swells and fades at both ends.
    """

    channel: str
    amplitude: float
    hertz: float
    phase: float = 0.0
    span: tuple[float, float] = (0.0, 1.0)


@dataclass(frozen=True)
class Move:
    """The motion of one body: keys in the order of time, and oscillations on top."""

    keys: tuple[Key, ...]
    wiggles: tuple[Wiggle, ...] = ()

    def reversed(self) -> Move:
        """Return the same movement from its end to its beginning."""
        keys = tuple(replace(key, time=1 - key.time) for key in reversed(self.keys))
        return Move(keys, tuple(replace(w, span=(1 - w.span[1], 1 - w.span[0])) for w in self.wiggles))


def sides(channel: str, right_handed: bool) -> tuple[str, ...]:
    """Resolve the prefix of a channel name.

    Args:
        channel: A name such as `main_elbow`, `both_knee` or `bend`.
        right_handed: Whether the stronger hand is the right one.

    Returns:
        The names in `CHANNELS` that it represents.
    """
    prefix, _, rest = channel.partition("_")
    main, other = ("right", "left") if right_handed else ("left", "right")
    chosen = {"main": (main,), "other": (other,), "both": ("left", "right")}.get(prefix)
    return (channel,) if chosen is None else tuple(f"{side}_{rest}" for side in chosen)


def play(move: Move, seconds: Array, duration: float, performer: Performer, rng: np.random.Generator) -> Array:
    """Compute a performer's joint angles for a movement.

    Keys are joined by half cosines, so that the body rests for a moment in each. The performer's style scales
    amplitudes, shifts postures and adds sway; `rng` varies the timing and the posture from take to take.

    Args:
        move: The movement.
        seconds: Times `(T,)` of the frames, 0 where the movement begins.
        duration: Length of the movement in seconds.
        performer: The performer.
        rng: Source of the variation of this take.

    Returns:
        Angles `(T, D)` for `dualhead.synthetic.body.stand`.
    """
    angles = np.zeros((len(seconds), len(CHANNELS)))
    share = seconds / duration
    tracks: dict[str, list[tuple[float, float]]] = {}
    for key in move.keys:
        time = key.time if key.time in (0.0, 1.0) else key.time + rng.normal(0, 0.025)
        for name, value in key.pose.items():
            for channel in sides(name, performer.right_handed):
                tracks.setdefault(channel, []).append((time, value))
    for channel, points in tracks.items():
        angles[:, CHANNEL[channel]] += _ease(share, points) * performer.amplitude
    for wiggle in move.wiggles:
        phase = wiggle.phase + rng.normal(0, 0.05)
        hertz = wiggle.hertz * performer.tempo * rng.uniform(0.9, 1.1)
        swell = np.clip(np.minimum(share - wiggle.span[0], wiggle.span[1] - share) / 0.08, 0, 1)
        swing = wiggle.amplitude * performer.amplitude * np.sin(2 * np.pi * (hertz * seconds + phase)) * swell
        for channel in sides(wiggle.channel, performer.right_handed):
            angles[:, CHANNEL[channel]] += swing
    free = [index for name, index in CHANNEL.items() if name not in ("lift", "advance", "yaw")]
    legs = np.array([0.25 if CHANNELS[index].endswith(("hip", "knee", "ankle")) else 1.0 for index in free])
    habit = performer.habits[free] + rng.normal(0, 4.0, len(free))
    angles[:, free] += legs * (habit + _sway(seconds, len(free), performer.restless, rng))
    return angles


def _ease(share: Array, points: list[tuple[float, float]]) -> Array:
    """Join points (time, value) by half cosines; constant before the first and after the last. Returns `(T,)`."""
    points = sorted(points)
    times, values = np.array([time for time, _ in points]), np.array([value for _, value in points])
    if len(points) == 1:
        return np.full(len(share), values[0])
    left = np.clip(np.searchsorted(times, share, side="right") - 1, 0, len(times) - 2)
    part = np.clip((share - times[left]) / np.maximum(times[left + 1] - times[left], 1e-6), 0, 1)
    return np.asarray(values[left] + (values[left + 1] - values[left]) * (1 - np.cos(np.pi * part)) / 2)


def _sway(seconds: Array, count: int, degrees: float, rng: np.random.Generator) -> Array:
    """Compute a slow drift of every channel: three sines each, below 0.8 Hz. Returns `(T, count)` degrees."""
    hertz = rng.uniform(0.1, 0.8, (3, 1, count))
    phase = rng.uniform(0, 2 * np.pi, (3, 1, count))
    size = degrees * rng.uniform(0.2, 1.0, (3, 1, count)) / np.sqrt(3)
    return np.asarray((size * np.sin(2 * np.pi * hertz * seconds[:, None] + phase)).sum(axis=0))
