"""Following people, with networks that see what the test says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dualhead.poses import tracker as module
from dualhead.poses.network import Pose
from dualhead.poses.region import PackedImage, Region
from dualhead.poses.tracker import PoseTracker
from dualhead.runtime.errors import ConfigError

PICTURE = np.zeros((100, 400, 3), np.uint8)


class World:
    """People at places, by name; the networks look at it instead of at the picture."""

    def __init__(self) -> None:
        self.people: dict[str, float] = {}
        self.detections = 0

    def detector(self, *_: object) -> World:
        return self

    def find(self, _picture: PackedImage) -> list[Region]:
        self.detections += 1
        return [Region(x, 50, 80) for x in self.people.values()]


class Marks:
    """Sees the person nearest to the middle of a region, at most 40 pixels away."""

    def __init__(self, world: World):
        self.world = world

    def find(self, _picture: PackedImage, region: Region) -> Pose:
        near = sorted(self.world.people.values(), key=lambda x: abs(x - region.x))
        here = near and abs(near[0] - region.x) < 40
        x = near[0] if here else region.x
        image = np.zeros((33, 3), np.float32)
        image[:, 0], image[:, 1] = x + np.linspace(-20, 20, 33), np.linspace(10, 90, 33)
        return Pose(image, image, np.ones(33, np.float32), 0.9 if here else 0.1, Region(x, 50, 80))


@pytest.fixture()
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    found = World()
    monkeypatch.setattr(module, "PersonDetector", found.detector)
    monkeypatch.setattr(module, "LandmarkModel", lambda *_: Marks(found))
    return found


def places(poses: list[Pose | None]) -> list[float | None]:
    return [None if pose is None else float(pose.region.x) for pose in poses]


def test_one_person_is_followed_and_the_detector_rests(world: World) -> None:
    follower = PoseTracker(Path(), max_people=1)
    for step in range(20):
        world.people = {"a": 100 + 5 * step}
        assert places(follower.push(PICTURE)) == [100 + 5 * step]
    assert world.detections == 1


def test_two_people_keep_their_places_in_any_order(world: World) -> None:
    follower = PoseTracker(Path())
    for step in range(12):
        left, right = 60 + 4 * step, 340 - 4 * step
        world.people = {"a": left, "b": right} if step % 2 else {"b": right, "a": left}
        first = places(follower.push(PICTURE))
        assert first == [right, left]  # as they were found in the first picture


def test_someone_who_comes_later_is_found_in_time(world: World) -> None:
    follower = PoseTracker(Path())
    world.people = {"a": 60}
    follower.push(PICTURE)
    world.people["b"] = 300
    seen = [places(follower.push(PICTURE)) for _ in range(8)]
    assert seen[0] == [60, None] and seen[-1] == [60, 300]


def test_someone_who_comes_back_has_the_place_as_before(world: World) -> None:
    follower = PoseTracker(Path())
    world.people = {"a": 60, "b": 300}
    assert places(follower.push(PICTURE)) == [60, 300]
    world.people = {}
    assert places(follower.push(PICTURE)) == [None, None]
    world.people = {"b": 290}
    assert places(follower.push(PICTURE)) == [None, 290]


def test_two_places_do_not_follow_one_person(world: World) -> None:
    follower = PoseTracker(Path())
    world.people = {"a": 100, "b": 170}
    assert places(follower.push(PICTURE)) == [100, 170]
    world.people = {"a": 104, "b": 134}  # closer than a region can tell, but both there
    assert places(follower.push(PICTURE)) == [104, 134]
    world.people = {"b": 134}
    assert places(follower.push(PICTURE)) == [None, 134]


def test_reset_forgets(world: World) -> None:
    follower = PoseTracker(Path())
    world.people = {"a": 60, "b": 300}
    follower.push(PICTURE)
    follower.reset()
    world.people = {"b": 300}
    assert places(follower.push(PICTURE)) == [300, None]


def test_nobody_to_follow_is_refused() -> None:
    with pytest.raises(ConfigError, match="max_people is 0"):
        PoseTracker(Path(), max_people=0)
