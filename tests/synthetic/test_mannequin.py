"""People are drawn where they stand."""

from __future__ import annotations

import numpy as np
import pytest

from dualhead.synthetic.body import CHANNELS, Build, stand
from dualhead.synthetic.mannequin import Appearance, PinholeCamera, draw_people

LOOK = Appearance((200, 150, 120), (30, 30, 30), (200, 0, 0), (0, 0, 200), (250, 250, 250))


def standing(x: float = 0.0, z: float = 3.0) -> np.ndarray:
    """A person who faces the camera, `(1, 1, 25, 3)` in camera space, the camera 1 m above the floor."""
    return stand(np.zeros((1, len(CHANNELS))), Build.of_height(1.7))[None] + (x, -1.0, z)


def test_projection_of_sixty_degrees() -> None:
    shot = PinholeCamera((640, 480))
    edge = 3 * np.tan(np.radians(30))
    places = shot.project(np.array([[0, 0, 3], [edge, 0, 3], [-edge, 0, 3], [0, 1, 3.0]]))
    assert places[:3] == pytest.approx(np.array([[320, 240], [0, 240], [640, 240]]))  # x grows to the camera's left
    assert places[3, 1] < 240
    assert shot.pixels(1.0, 3.0) == pytest.approx(240 - places[3, 1])


def test_clothes_are_where_the_joints_are() -> None:
    joints = standing(x=0.5)
    picture = next(draw_people(joints, [LOOK]))
    pixels = np.asarray(picture).astype(int)
    x, y = PinholeCamera().project(joints[0, 0, 1]).round().astype(int)  # the middle of the spine
    assert pixels[y, x, 0] > 120 and pixels[y, x, 1] < 40  # the red shirt
    knee = PinholeCamera().project(joints[0, 0, 13]).round().astype(int)
    assert pixels[knee[1], knee[0], 2] > 120 and pixels[knee[1], knee[0], 0] < 40  # blue trousers


def test_a_face_is_seen_from_the_front_and_not_from_behind() -> None:
    front = standing()
    behind = (front - front[..., :1, :]) * (-1, 1, -1) + front[..., :1, :]
    heads = []
    for joints in (front, behind):
        pixels = np.asarray(next(draw_people(joints, [LOOK]))).astype(int)
        x, y = PinholeCamera().project(joints[0, 0, 3]).round().astype(int)
        heads.append(pixels[y - 12 : y + 12, x - 10 : x + 10])
    skin = [(np.abs(head - LOOK.skin).sum(axis=2) < 60).mean() for head in heads]
    assert skin[0] > 0.4 and skin[1] < 0.1


def test_nobody_is_an_empty_room_and_the_same_seed_the_same_room() -> None:
    nobody = np.zeros((1, 2, 25, 3))
    one, two = draw_people(nobody, [LOOK], seed=4)
    assert one.size == (640, 480)
    assert np.array_equal(one, two)
    assert not np.array_equal(one, next(draw_people(nobody, [LOOK], seed=5)))
