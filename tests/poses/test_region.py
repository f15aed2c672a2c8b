"""Regions and their crops, in numbers that can be checked by hand."""

import math

import numpy as np
import pytest

from dualhead.poses.region import PackedImage, Region


def ramp(width: int = 8, height: int = 6) -> PackedImage:
    """A picture whose red is 10 times the column and whose green is 10 times the row."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[..., 0] = 10 * np.arange(width)
    pixels[..., 1] = 10 * np.arange(height)[:, None]
    return PackedImage(pixels)


def test_around_makes_an_upright_square_of_two_and_a_half_radii() -> None:
    region = Region.from_alignment_points(np.array([100.0, 200.0]), np.array([100.0, 120.0]))
    assert (region.x, region.y, region.side) == (100, 200, 200)
    assert region.angle == pytest.approx(0)


def test_around_turns_with_the_person() -> None:
    lying = Region.from_alignment_points(np.array([0.0, 0.0]), np.array([80.0, 0.0]))  # the head is to the right
    assert lying.angle == pytest.approx(math.pi / 2)
    # what is straight above the middle of the region is to the right in the picture
    assert lying.to_image(np.array([[0.5, 0.0]]))[0] == pytest.approx([100, 0])


def test_crop_takes_pixels_without_the_half_pixel_shift() -> None:
    cut = Region(4, 4, 4).crop(ramp(), 4)
    assert cut[0, :, 0].tolist() == [20, 30, 40, 50]
    assert cut[:, 0, 1].tolist() == [20, 30, 40, 50]


def test_crop_blends_and_rounds() -> None:
    cut = Region(2, 2, 2).crop(ramp(), 4)  # half pixels from column 1 on
    assert cut[0, :, 0].tolist() == [10, 15, 20, 25]


def test_crop_turned_by_a_quarter() -> None:
    cut = Region(3, 3, 4, math.pi / 2).crop(ramp(), 4)
    # the crop's x axis runs down the picture, its y axis to the left
    assert cut[0, :, 1].tolist() == pytest.approx([10, 20, 30, 40])
    assert cut[:, 0, 0].tolist() == pytest.approx([50, 40, 30, 20])


def test_outside_is_black_or_the_rim() -> None:
    region = Region(0, 0, 8)
    assert Region(0, 0, 8).crop(ramp(), 4)[0].max() == 0
    cut = region.crop(ramp(), 4, extend=True)
    assert cut[0, :, 0].tolist() == [0, 0, 0, 20]
    far = Region(100, 100, 4).crop(ramp(), 2, extend=True)
    assert (far[..., 0] == 70).all() and (far[..., 1] == 50).all()


def test_overlap() -> None:
    assert Region(0, 0, 2).iou(Region(0, 0, 2)) == 1
    assert Region(0, 0, 2).iou(Region(1, 0, 2)) == pytest.approx(2 / 6)
    assert Region(0, 0, 2).iou(Region(5, 0, 2)) == 0


def test_a_fourth_channel_is_not_looked_at() -> None:
    pixels = np.full((4, 4, 4), 9, np.uint8)
    pixels[..., 3] = 77
    assert (Region(2, 2, 2).crop(PackedImage(pixels), 2) == 9).all()
