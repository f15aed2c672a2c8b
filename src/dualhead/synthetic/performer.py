"""Performers: bodies of different sizes that move in different styles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dualhead.synthetic.body import CHANNELS, Array, Build


@dataclass(frozen=True, eq=False)
class Performer:
    """Someone who acts.

    Attributes:
        build: The lengths of the body.
        tempo: Factor on the speed of everything.
        amplitude: Factor on the size of every movement.
        right_handed: Whether the stronger hand is the right one.
        restless: Sway in degrees.
        habits: Offsets of this body to every channel, `(D,)` degrees.
    """

    build: Build
    tempo: float
    amplitude: float
    right_handed: bool
    restless: float
    habits: Array


def make_performer(number: int, seed: int) -> Performer:
    """Create the performer of a number; the same number and seed return the same performer.

    Args:
        number: Performer number, 1 or more.
        seed: Seed of the data set.

    Returns:
        The performer: about one in six is left-handed.
    """
    rng = np.random.default_rng([seed, 1, number])
    build = Build.of_height(
        float(np.clip(rng.normal(1.69, 0.11), 1.45, 1.97)),
        legs=rng.uniform(0.95, 1.05),
        arms=rng.uniform(0.94, 1.06),
        width=rng.uniform(0.88, 1.14),
    )
    return Performer(
        build=build,
        tempo=rng.uniform(0.8, 1.25),
        amplitude=rng.uniform(0.85, 1.12),
        right_handed=bool(rng.random() > 1 / 6),
        restless=rng.uniform(1.0, 3.5),
        habits=rng.normal(0, 5.0, len(CHANNELS)),
    )
