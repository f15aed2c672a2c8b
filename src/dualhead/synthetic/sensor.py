"""Errors of a depth sensor: noise, hidden joints, jumps, gaps, new body IDs and ghosts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dualhead.formats.recording import Recording, from_dense
from dualhead.skeleton import NTU25
from dualhead.synthetic.body import CHANNEL, CHANNELS, Array, Build, stand

_FIRST_ID = 72057594037927936
_TRUNK = [NTU25.joints.index(name) for name in ("spine_base", "spine_mid", "neck", "spine_shoulder")]
_LOOSE = [i for i, name in enumerate(NTU25.joints) if name.endswith(("hand", "tip", "thumb", "foot", "ankle"))]
_NOISE = np.ones(NTU25.num_joints)
_NOISE[_TRUNK] = 0.6
_NOISE[_LOOSE] = 1.7


@dataclass(frozen=True)
class Sensor:
    """The rates of the errors of a sensor.

    Attributes:
        noise: Standard deviation of a joint's noise at 3 m, in metres; grows with the distance.
        memory: Correlation of the noise from frame to frame (0 to 1).
        jumps: Chance of a joint to jump away, per frame.
        gaps: Chance of a body to be lost for some frames, per recording.
        new_ids: Chance of a body to go on under another ID, per recording.
        ghosts: Chance of a body that is not there (a chair, a reflection), per recording.
    """

    noise: float = 0.006
    memory: float = 0.6
    jumps: float = 0.0008
    gaps: float = 0.12
    new_ids: float = 0.06
    ghosts: float = 0.08

    def record(self, people: Array, rng: np.random.Generator) -> Recording:
        """Record people.

        Args:
            people: True joints `(M, T, 25, 3)` in camera space.
            rng: Source of everything that goes wrong.

        Returns:
            The recording, with a ghost's body added where there is one.
        """
        count, frames = people.shape[:2]
        present = np.ones((count, frames), dtype=bool)
        ids = np.repeat(_FIRST_ID + rng.integers(1, 60_000) + np.arange(count, dtype=np.int64)[:, None], frames, axis=1)
        for body in range(count):
            if rng.random() < self.gaps:
                start = rng.integers(1, frames)
                present[body, start : start + rng.integers(2, 9)] = False
            if rng.random() < self.new_ids:
                ids[body, rng.integers(1, frames) :] += 100
        hidden = _hidden(people)
        joints = people + self._noise(people, hidden, rng)
        jumping = rng.random(joints.shape[:3]) < self.jumps
        jumping[:, 1:] |= jumping[:, :-1]
        joints += jumping[..., None] * rng.normal(0, 0.12, (count, 1, NTU25.num_joints, 3))
        if rng.random() < self.ghosts:
            ghost = self._ghost(joints[0], rng)
            first = rng.random() < 0.5
            pairs = zip(ghost, (joints, present, ids), strict=True)
            joints, present, ids = (np.concatenate(pair if first else pair[::-1]) for pair in pairs)
        return from_dense(joints.round(6), present, ids)

    def _noise(self, people: Array, hidden: NDArray[np.bool_], rng: np.random.Generator) -> Array:
        """Compute noise `(M, T, 25, 3)` correlated over frames; hidden joints are off by centimetres."""
        distance = np.maximum(people[:, :, :1, 2:], 0.5) / 3
        white = rng.standard_normal(people.shape) * np.sqrt(1 - self.memory**2)
        noise, wander = np.empty_like(white), np.empty_like(white)
        slow = 0.95
        lost = rng.standard_normal(people.shape) * np.sqrt(1 - slow**2)
        noise[:, 0] = white[:, 0] / np.sqrt(1 - self.memory**2)
        wander[:, 0] = lost[:, 0] / np.sqrt(1 - slow**2)
        for frame in range(1, people.shape[1]):
            noise[:, frame] = self.memory * noise[:, frame - 1] + white[:, frame]
            wander[:, frame] = slow * wander[:, frame - 1] + lost[:, frame]
        plain = noise * self.noise * distance**2 * _NOISE[:, None]
        return np.asarray(plain + wander * hidden[..., None] * 5 * self.noise)

    def _ghost(self, person: Array, rng: np.random.Generator) -> tuple[Array, NDArray[np.bool_], NDArray[np.int64]]:
        """Create a small body that hardly moves, near a person `(T, 25, 3)`, for some of the frames.

        Returns:
            Joints `(1, T, 25, 3)`, presence `(1, T)` and body IDs `(1, T)`.
        """
        frames = len(person)
        angles = np.zeros((1, len(CHANNELS)))
        for name, degrees in {"hip": 80.0, "knee": 85.0, "elbow": 60.0, "raise": 30.0}.items():
            angles[:, [CHANNEL[f"left_{name}"], CHANNEL[f"right_{name}"]]] = degrees + rng.normal(0, 12)
        chair = stand(angles, Build.of_height(rng.uniform(0.75, 1.1)))  # (1, 25, 3)
        place = person[0].mean(axis=0) * (1, 0, 1)
        place += (rng.choice((-1, 1)) * rng.uniform(0.5, 0.9), person[..., 1].min(), rng.uniform(0.1, 0.8))
        joints = chair + place + rng.normal(0, self.noise, (1, frames, NTU25.num_joints, 3))
        present = np.zeros((1, frames), dtype=bool)
        start = rng.integers(0, frames // 2)
        present[:, start : start + rng.integers(frames // 4, frames)] = True
        if rng.random() < 0.5:
            present &= rng.random((1, frames)) < 0.7
        return joints, present, np.full((1, frames), _FIRST_ID + 60_001 + rng.integers(999))


def _hidden(people: Array) -> NDArray[np.bool_]:
    """Check whether a joint is behind a trunk, seen from the sensor. `(M, T, 25)`."""
    hidden = np.zeros(people.shape[:3], dtype=bool)
    for trunk in people[:, :, _TRUNK].mean(axis=2):  # (T, 3)
        away = people - trunk[:, None]
        hidden |= (np.abs(away[..., 0]) < 0.17) & (np.abs(away[..., 1]) < 0.4) & (away[..., 2] > 0.1)
    return hidden
