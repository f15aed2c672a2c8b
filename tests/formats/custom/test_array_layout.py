from __future__ import annotations

import numpy as np
import pytest

from dualhead.formats.custom.array_layout import order_axes
from dualhead.runtime.errors import FormatError
from dualhead.skeleton import COCO17, NTU25

RNG = np.random.default_rng(0)


def people(bodies: int = 2, frames: int = 30) -> np.ndarray:
    """ResultTable people, a metre apart, who move by a few centimetres a frame: `(M, T, V, C)`."""
    shape = RNG.normal(scale=(0.2, 0.5, 0.1), size=(bodies, 1, 25, 3)) + np.array([0, 0, 3.5])
    shape += np.arange(bodies)[:, None, None, None] * [1.0, 0, 0]
    return (shape + RNG.normal(scale=0.02, size=(bodies, frames, 25, 3)).cumsum(axis=1)).astype(np.float32)


MTVC = people()


@pytest.mark.parametrize(
    ("order", "values"),
    [
        ("TMVC", MTVC.transpose(1, 0, 2, 3)),
        ("CTVM", MTVC.transpose(3, 1, 2, 0)),
        ("TVC", MTVC[0]),
        ("VCT", MTVC[0].transpose(1, 2, 0)),
        ("TCV", MTVC[0].transpose(0, 2, 1)),
        ("TMVC", MTVC.transpose(1, 0, 2, 3).reshape(30, 150)),
        ("TMCV", MTVC.transpose(1, 0, 3, 2).reshape(30, 150)),
    ],
)
def test_orders_are_found_and_may_be_said(order: str, values: np.ndarray) -> None:
    expected = MTVC if "M" in order else MTVC[:1]
    for axes in (None, order, order.lower()):
        found, notes = order_axes(values, NTU25, "x", axes)
        np.testing.assert_array_equal(found, expected)
    found, notes = order_axes(values, NTU25, "x")
    documented = order == "TVC" or (order == "TMVC" and values.ndim == 2)
    assert bool(notes) != documented


def test_the_documented_order_is_no_guess() -> None:
    for values in (MTVC, people(5, 3), people(9, 40)):
        found, notes = order_axes(values, NTU25, "x")
        np.testing.assert_array_equal(found, values)
        assert notes == []


def test_many_bodies_of_few_frames_are_doubted() -> None:
    noise = RNG.normal(size=(30, 2, 25, 3))
    with pytest.raises(FormatError, match=r"30.*2 frames"):
        order_axes(noise, NTU25, "x")
    assert order_axes(noise, NTU25, "x", "MTVC")[0].shape == (30, 2, 25, 3)


def test_scores_between_coordinates_are_told_from_bodies() -> None:
    """102 numbers are three people of COCO 17, or two with a score: the scores lie far from the coordinates."""
    xy = RNG.normal(scale=30, size=(20, 2, 17, 2)) + np.array([640, 360])
    scored = np.concatenate([xy, np.full((20, 2, 17, 1), 0.9)], axis=3)
    found, notes = order_axes(scored.reshape(20, 102), COCO17, "x")
    np.testing.assert_array_equal(found, scored.swapaxes(0, 1))
    assert "2 bodies with a confidence, joint after joint" in notes[0]
    three = RNG.normal(scale=30, size=(20, 3, 17, 2)) + np.array([640, 360])
    found, notes = order_axes(three.reshape(20, 102), COCO17, "x")
    assert (found.shape, notes) == ((3, 20, 17, 2), [])


@pytest.mark.parametrize(
    ("axes", "shape"), [("TVC", (30, 20, 3)), ("XYZ", (30, 25, 3)), ("CVT", (30, 25, 3)), ("TMVC", (30, 7))]
)
def test_what_does_not_fit_as_said_is_refused(axes: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(FormatError):
        order_axes(np.ones(shape), NTU25, "x", axes)


def test_what_fits_no_order_is_left_to_the_shape_check() -> None:
    values = np.ones((30, 20, 3))
    assert order_axes(values, NTU25, "x") == (values, [])


def test_columns_of_a_centred_body_are_told_by_its_bones() -> None:
    """With the hips at 0, x, y and z lie in one range: only bones tell one order of columns from the other."""
    height = (
        [0, 0.3, 0.55, 0.7] + 2 * [0.45, 0.2, 0, -0.05] + 2 * [0, -0.4, -0.8, -0.85] + [0.5, -0.1, -0.05, -0.1, -0.05]
    )
    side = (
        [0, 0, 0, 0]
        + [-0.2, -0.25, -0.27, -0.28, 0.2, 0.25, 0.27, 0.28]
        + 4 * [-0.1]
        + 4 * [0.1]
        + [0, -0.3, -0.25, 0.3, 0.25]
    )
    body = np.stack([side, height, np.zeros(25)], axis=1)
    clip = body + RNG.normal(scale=0.01, size=(20, 25, 3))
    for values, is_noted in ((clip.reshape(20, 75), False), (clip.transpose(0, 2, 1).reshape(20, 75), True)):
        found, notes = order_axes(values, NTU25, "x")
        np.testing.assert_array_equal(found[0], clip)
        assert bool(notes) == is_noted


def test_one_body_in_every_frame_may_have_an_axis_of_its_own() -> None:
    clip = people(1, 30)
    found, notes = order_axes(clip.swapaxes(0, 1), NTU25, "x")  # (T, 1, V, C)
    np.testing.assert_array_equal(found, clip)
    assert "1 body of 30 frames" in notes[0]
    short = people(1, 4)
    np.testing.assert_array_equal(order_axes(short.swapaxes(0, 1), NTU25, "x")[0], short)
    crowd = people(4, 1)  # four people in one frame, a metre apart
    assert order_axes(crowd, NTU25, "x")[0].shape == (4, 1, 25, 3)


def test_an_array_of_many_clips_is_no_crowd() -> None:
    with pytest.raises(FormatError, match="200 bodies of 30 frames: is it an array of many clips"):
        order_axes(np.zeros((200, 30, 25, 3)), NTU25, "x")
