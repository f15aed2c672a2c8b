"""From numbers to recordings: one take is one action, done once, seen by the three cameras."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from dualhead.formats.recording import Recording
from dualhead.synthetic.actions import ACTIONS
from dualhead.synthetic.performer import Performer, make_performer
from dualhead.synthetic.scene import CAMERA_DEGREES, film, make_setup, perform
from dualhead.synthetic.sensor import Sensor

_performer = lru_cache(maxsize=256)(make_performer)


def record_take(
    setup: int, performer: int, repeat: int, action: int, *, sensor: Sensor | None = None, seed: int = 0
) -> Iterator[tuple[str, Recording]]:
    """Record one performance of an action with every camera.

    A take depends on its numbers and the seed alone, not on what was recorded before. A performer turns towards camera
    3 in odd repeats and towards camera 2 in even ones, as in NTU RGB+D.

    Args:
        setup: Setup number.
        performer: Performer number.
        repeat: Repeat number.
        action: Action number, 1 for the first of `ACTIONS`.
        sensor: The errors of the sensor; `Sensor()` if None.
        seed: Seed of the data set.

    Yields:
        The name `SsssCcccPpppRrrrAaaa` and the recording, by camera number.
    """
    rng = np.random.default_rng([seed, 2, setup, performer, repeat, action])
    deed = ACTIONS[action - 1]
    cast: list[Performer] = [_performer(performer, seed)]
    if deed.partner is None:
        facing = (25.0 if repeat % 2 else -25.0) + rng.normal(0, 8)
    else:
        cast.append(_performer(1000 + int(rng.integers(100)), seed))
        facing = rng.choice((-90.0, 90.0)) + rng.normal(0, 12)
    joints = perform(deed, cast, facing, rng)
    for camera in CAMERA_DEGREES:
        seen = film(joints, make_setup(setup), camera)
        name = sample_name(setup, performer, repeat, action, camera=camera)
        yield name, (sensor or Sensor()).record(seen, rng)


def sample_name(setup: int, performer: int, repeat: int, action: int, *, camera: int) -> str:
    """Return the name of a recording in the scheme of NTU RGB+D.

    Args:
        setup: Setup number.
        performer: Performer number.
        repeat: Repeat number.
        action: Action number.
        camera: Camera number.
    """
    return f"S{setup:03d}C{camera:03d}P{performer:03d}R{repeat:03d}A{action:03d}"
