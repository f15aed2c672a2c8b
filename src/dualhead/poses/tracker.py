"""People followed from picture to picture, each in a place of their own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dualhead.poses.network import LandmarkModel, PersonDetector, Pose
from dualhead.poses.region import Picture, Region
from dualhead.poses.weights import DETECTOR, LANDMARKS
from dualhead.runtime.errors import ConfigError

_LEAST_SCORE = 0.5
_SAME_REGION = 0.8
_SAME_POSE = 0.07
"""Mean distance of landmarks, in sides of the region, under which two poses are of one person."""

_LOOK_EVERY = 8
"""Pictures between two looks for further people."""


@dataclass
class _Place:
    """A person's place: the region to look at, and whether the person was seen in the last picture."""

    region: Region | None = None
    seen: bool = False


class PoseTracker:
    """Finds the poses of up to `max_people` in pictures that follow one another.

    The detector runs where somebody is missing: at every picture while nobody is seen or somebody has just been lost,
    else now and then. Whoever is seen is followed by the region that their own landmarks give. A person who is found
    again takes the free place that they overlap with or were nearest to.

    Args:
        weights: Folder of the two networks (`weights.find_weights`).
        max_people: Most people to follow.
        threads: Threads of the networks.

    Raises:
        ConfigError: If `max_people` is below 1, LiteRT is not installed or a network cannot be loaded.
    """

    def __init__(self, weights: Path, max_people: int = 2, threads: int = 1):
        if max_people < 1:
            raise ConfigError(f"max_people is {max_people}: give 1 or more")
        self._detector = PersonDetector(weights / DETECTOR, threads)
        self._landmarks = LandmarkModel(weights / LANDMARKS, threads)
        self.max_people = max_people
        self.reset()

    def reset(self) -> None:
        """Reset all tracks: the next picture belongs to another recording."""
        self._places = [_Place() for _ in range(self.max_people)]
        self._last_look = _LOOK_EVERY

    def push(self, pixels: NDArray[np.uint8]) -> list[Pose | None]:
        """Find the people in the next picture.

        Args:
            pixels: RGB, `(H, W, 3)`, or `(H, W, 4)` whose last channel is not looked at.

        Returns:
            `max_people` poses, each in its person's place; None where the person is not seen.
        """
        image = Picture(pixels)
        poses: list[Pose | None] = [None] * self.max_people
        lost = False
        for number, place in enumerate(self._places):
            if place.seen and place.region is not None:
                poses[number] = self._look(image, place.region)
                lost |= poses[number] is None
        self._drop_doubles(poses)
        self._last_look += 1
        alone = all(pose is None for pose in poses)
        if None in poses and (alone or lost or self._last_look >= _LOOK_EVERY):
            self._last_look = 0
            self._find_more(image, poses)
        for place, pose in zip(self._places, poses, strict=True):
            place.seen = pose is not None
            place.region = place.region if pose is None else pose.region
        return poses

    def _look(self, image: Picture, region: Region) -> Pose | None:
        pose = self._landmarks.find(image, region)
        usable = pose.score >= _LEAST_SCORE and pose.region.side > 1 and bool(np.isfinite(pose.image).all())
        return pose if usable else None

    def _find_more(self, image: Picture, poses: list[Pose | None]) -> None:
        """Run the detector and fill free places."""
        for region in self._detector.find(image):
            if None not in poses:
                return
            if any(pose is not None and _same_region(pose.region, region) for pose in poses):
                continue
            pose = self._look(image, region)
            if pose is None or any(other is not None and _same_person(other, pose) for other in poses):
                continue
            free = [number for number, other in enumerate(poses) if other is None]
            poses[min(free, key=lambda number: self._farness(number, region))] = pose

    def _farness(self, number: int, region: Region) -> tuple[float, int]:
        """Order free places for a person: that of the nearest person lost, then those never used."""
        last = self._places[number].region
        if last is None:
            return 1.0, number
        return float(np.hypot(last.x - region.x, last.y - region.y)) / max(last.side, region.side), number

    def _drop_doubles(self, poses: list[Pose | None]) -> None:
        """Release one of two tracks that follow the same person; the one that overlaps its own last region is kept."""
        for one in range(len(poses)):
            for two in range(one + 1, len(poses)):
                first, second = poses[one], poses[two]
                if first is None or second is None or not _same_person(first, second):
                    continue
                moved = [self._moved(one, first), self._moved(two, second)]
                poses[one if moved[0] > moved[1] else two] = None

    def _moved(self, number: int, pose: Pose) -> float:
        last = self._places[number].region
        return 1.0 if last is None else 1 - last.overlap(pose.region)


def _same_region(one: Region, two: Region) -> bool:
    return one.overlap(two) > _SAME_REGION


def _same_person(one: Pose, two: Pose) -> bool:
    """Check whether two poses of one picture overlap."""
    distance = np.linalg.norm(one.image[:, :2] - two.image[:, :2], axis=1).mean()
    return bool(distance < _SAME_POSE * max(one.region.side, two.region.side))
