from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from dualhead.sequence import SkeletonSequence
from dualhead.skeleton import NTU25
from dualhead.visualize.colours import DARK, LIGHT, rgb
from dualhead.visualize.painter import paint
from dualhead.visualize.scene import make_scene

from .conftest import standing


def where(picture: Image.Image, colour: str) -> NDArray[np.int64]:
    """Pixels (y, x) of exactly one colour in the upper part of a picture, where the arms are."""
    pixels = np.asarray(picture)[: picture.width // 2]
    return np.argwhere((pixels == rgb(colour)).all(axis=-1))


def test_left_limbs_are_on_the_right_in_their_colour_and_up_is_up(person: SkeletonSequence) -> None:
    picture = next(iter(paint(make_scene(person), size=200)))
    left, right = where(picture, LIGHT["left"]), where(picture, LIGHT["right"])
    assert len(left) > 50
    assert len(right) > 50
    assert left[:, 1].min() > 100 > right[:, 1].max()  # the left arm is in the right half, as one sees who faces one
    # Arms at 0.6 / 1.08 above the centre, seen 8 degrees from above: 44.4 % of the half picture down from its top.
    assert np.median(left[:, 0]) == pytest.approx(100 - 100 * 0.6 / 1.08 * np.cos(np.deg2rad(8)), abs=3)


def test_a_half_turn_changes_sides(person: SkeletonSequence) -> None:
    picture = next(iter(paint(make_scene(person), size=200, yaw=180)))
    assert where(picture, LIGHT["left"])[:, 1].max() < 100


def test_sizes_and_count(person: SkeletonSequence) -> None:
    pictures = list(paint(make_scene(person), size=160, turn=90))
    assert [picture.size for picture in pictures] == [(160, 180)] * 4
    assert len({picture.tobytes() for picture in pictures}) == 4


def test_a_frame_without_anybody_is_drawn_empty() -> None:
    joints = standing()
    joints[:, 2] = 0
    pictures = list(paint(make_scene(SkeletonSequence(joints, NTU25)), size=200))
    assert len(pictures) == 4
    assert not len(where(pictures[2], LIGHT["left"]))
    assert len(where(pictures[3], LIGHT["left"]))


def test_the_second_body_has_hollow_joints() -> None:
    joints = standing(bodies=2)
    joints[1, :, :, 0] += 4
    scene = make_scene(SkeletonSequence(joints, NTU25))
    pixels = np.asarray(next(iter(paint(scene, size=800))))
    full, hollow = (800 * (1 + point[:2] * [1, -1]) / 2 for point in scene.points[:, 0, 3])  # the heads
    down = 400 - np.cos(np.deg2rad(8)) * (400 - full[1])
    assert tuple(pixels[round(down), round(full[0])]) == rgb(LIGHT["middle"])
    assert tuple(pixels[round(down), round(hollow[0])]) == rgb(LIGHT["paper"])


def test_dark_ground(person: SkeletonSequence) -> None:
    picture = next(iter(paint(make_scene(person), size=100, colours=DARK)))
    assert picture.getpixel((0, 0)) == rgb(DARK["paper"])


@pytest.mark.parametrize("caption", ["", "word " * 100, "吃饭 🙂 \n two lines", "x" * 300])
def test_any_caption_can_be_drawn(person: SkeletonSequence, caption: str) -> None:
    pictures = list(paint(make_scene(person), size=64, caption=caption))
    assert len(pictures) == 4
    # Nothing is overwritten the frame's number at the right, whose left neighbour stays empty.
    assert len({np.asarray(picture)[64:, :3].tobytes() for picture in pictures}) == 1


def test_joints_take_the_colour_of_their_heat(person: SkeletonSequence) -> None:
    scene = make_scene(person)
    heat = np.full((1, 4, 25), np.nan)
    heat[0, :, 3], heat[0, :, 7] = 1, 0  # the head; the tip of the left hand
    pixels = np.asarray(next(iter(paint(scene, size=400, heat=heat))))
    head, hand = (400 * (1 + scene.points[0, 0, joint, :2] * [1, -1]) / 2 for joint in (3, 7))
    down = [200 - np.cos(np.deg2rad(8)) * (200 - place[1]) for place in (head, hand)]
    assert tuple(pixels[round(down[0]), round(head[0])]) == rgb(LIGHT["open"])
    assert tuple(pixels[round(down[1]), round(hand[0])]) == rgb(LIGHT["shut"])


def test_what_is_drawn_below_makes_the_picture_higher(person: SkeletonSequence) -> None:
    class Line:
        height = 0.5

        def draw(self, draw: ImageDraw.ImageDraw, frame: int, size: int, top: int) -> None:
            draw.rectangle((0, top + frame, size, top + frame), fill=rgb(LIGHT["good"]))

    pictures = list(paint(make_scene(person), size=160, below=Line()))
    assert [picture.size for picture in pictures] == [(160, 260)] * 4
    assert len({picture.tobytes() for picture in pictures}) == 4


def test_any_turn_is_drawn_as_its_angle(person: SkeletonSequence, recwarn: pytest.WarningsRecorder) -> None:
    assert len(list(paint(make_scene(person), size=64, yaw=1e308, turn=1e308))) == 4
    assert not list(recwarn)
    small, large = (next(iter(paint(make_scene(person), size=64, yaw=yaw))) for yaw in (40.0, 40 + 360 * 2.0**40))
    assert np.array_equal(np.asarray(small), np.asarray(large))
