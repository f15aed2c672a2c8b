"""Track people from frame to frame, each in a slot of their own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dualhead.poses.network import LandmarkModel, PersonDetector, Pose
from dualhead.poses.region import PackedImage, Region
from dualhead.poses.weights import DETECTOR, LANDMARKS
from dualhead.runtime.errors import ConfigError

_LEAST_SCORE = 0.5
_SAME_REGION = 0.8
_SAME_POSE = 0.07
"""Mean distance of landmarks, in sides of the region, under which two poses are of one person."""

_DETECT_EVERY = 8
"""Frames between two runs of the detector while a person is tracked."""


@dataclass
class _Slot:
    """A tracked person: the region to search, and whether the person was found in the last frame."""

    region: Region | None = None
    seen: bool = False


class PoseTracker:
    """Find the poses of up to `max_people` people in consecutive frames.

    The detector runs while a slot is free: in every frame while no person is tracked or a person has just been lost,
    else every `_DETECT_EVERY` frames. A tracked person's next region follows from their own landmarks. A person who
    is found again takes the free slot whose last region is nearest.

    Args:
        weights: Folder of the two networks (`weights.find_weights`).
        max_people: Most people to follow.
        threads: Threads of the networks.

    Raises:
        ConfigError: If `max_people` is below 1, LiteRT is not installed or a network cannot be loaded.
    """

    def __init__(self, weights: Path, max_people: int = 2, threads: int = 1):
        if max_people < 1:
            raise ConfigError(f"max_people is {max_people}: expected 1 or more")
        self._detector = PersonDetector(weights / DETECTOR, threads)
        self._landmarks = LandmarkModel(weights / LANDMARKS, threads)
        self.max_people = max_people
        self.reset()

    def reset(self) -> None:
        """Reset all tracks: the next frame belongs to another recording."""
        self._slots = [_Slot() for _ in range(self.max_people)]
        self._frames_since_detection = _DETECT_EVERY

    def push(self, pixels: NDArray[np.uint8]) -> list[Pose | None]:
        """Find the poses in the next frame.

        Args:
            pixels: RGB, `(H, W, 3)`, or `(H, W, 4)` whose last channel is not looked at.

        Returns:
            `max_people` poses, each in its person's slot; None where the person is not found.
        """
        image = PackedImage(pixels)
        poses: list[Pose | None] = [None] * self.max_people
        lost = False
        for number, place in enumerate(self._slots):
            if place.seen and place.region is not None:
                poses[number] = self._find_pose(image, place.region)
                lost |= poses[number] is None
        self._drop_duplicates(poses)
        self._frames_since_detection += 1
        alone = all(pose is None for pose in poses)
        if None in poses and (alone or lost or self._frames_since_detection >= _DETECT_EVERY):
            self._frames_since_detection = 0
            self._detect_new_people(image, poses)
        for place, pose in zip(self._slots, poses, strict=True):
            place.seen = pose is not None
            place.region = place.region if pose is None else pose.region
        return poses

    def _find_pose(self, image: PackedImage, region: Region) -> Pose | None:
        pose = self._landmarks.find(image, region)
        usable = pose.score >= _LEAST_SCORE and pose.region.side > 1 and bool(np.isfinite(pose.image).all())
        return pose if usable else None

    def _detect_new_people(self, image: PackedImage, poses: list[Pose | None]) -> None:
        """Run the detector and fill free slots."""
        for region in self._detector.find(image):
            if None not in poses:
                return
            if any(pose is not None and _is_same_region(pose.region, region) for pose in poses):
                continue
            pose = self._find_pose(image, region)
            if pose is None or any(other is not None and _is_same_person(other, pose) for other in poses):
                continue
            free = [number for number, other in enumerate(poses) if other is None]
            poses[min(free, key=lambda number: self._distance_to_slot(number, region))] = pose

    def _distance_to_slot(self, number: int, region: Region) -> tuple[float, int]:
        """Return the sort key of a free slot for a person: the nearest lost person first, then unused slots."""
        last = self._slots[number].region
        if last is None:
            return 1.0, number
        return float(np.hypot(last.x - region.x, last.y - region.y)) / max(last.side, region.side), number

    def _drop_duplicates(self, poses: list[Pose | None]) -> None:
        """Release one of two tracks that follow the same person; the one that overlaps its own last region is kept."""
        for one in range(len(poses)):
            for two in range(one + 1, len(poses)):
                first, second = poses[one], poses[two]
                if first is None or second is None or not _is_same_person(first, second):
                    continue
                moved = [self._displacement(one, first), self._displacement(two, second)]
                poses[one if moved[0] > moved[1] else two] = None

    def _displacement(self, number: int, pose: Pose) -> float:
        last = self._slots[number].region
        return 1.0 if last is None else 1 - last.iou(pose.region)


def _is_same_region(one: Region, two: Region) -> bool:
    return one.iou(two) > _SAME_REGION


def _is_same_person(one: Pose, two: Pose) -> bool:
    """Check whether two poses of one frame overlap."""
    distance = np.linalg.norm(one.image[:, :2] - two.image[:, :2], axis=1).mean()
    return bool(distance < _SAME_POSE * max(one.region.side, two.region.side))
