from __future__ import annotations

import math

import numpy as np
import pytest

from dualhead.formats.observations import (
    Observations,
    check_frames,
    frame_of_image,
    identity,
    image_size,
    key_points,
    number_array,
    steady_rate,
    time_of,
)
from dualhead.runtime.errors import FormatError
from dualhead.skeleton import COCO17, HALPE26, NTU25


def test_observations_come_in_the_order_of_frames() -> None:
    people = Observations(NTU25)
    for frame, value in ((5, 1.0), (3, 2.0), (5, 3.0)):
        people.add(frame, np.full((25, 3), value), body_id="ab"[value > 2])
    recording = people.recording(first=2, num_frames=6, fps=30)
    assert recording.frames.tolist() == [1, 3, 3]
    assert recording.joints[:, 0, 0].tolist() == [2, 1, 3]
    assert recording.slots.tolist() == [0, 0, 1]
    assert recording.body_ids == ("a", "a", "b")
    assert (recording.num_frames, recording.fps, recording.confidence) == (6, 30, None)
    assert len(people) == 3


def test_marks_of_what_is_missing() -> None:
    people = Observations(COCO17)
    joints = np.full((17, 2), 0.5)
    joints[:4] = [[-1, -1], [9999, 0.5], [0, 0], [np.nan, 0.5]]
    people.add(0, joints, np.full(17, 0.9))
    recording = people.recording()
    assert not recording.joints[0, :4].any()
    assert recording.joints[0, 4:].all()
    assert recording.confidence is not None
    assert recording.confidence[0].tolist() == [0] * 4 + [0.9] * 13


def test_nobody_is_a_recording_without_frames() -> None:
    assert Observations(COCO17).recording().num_frames == 0


def test_frames_of_single_pictures_are_refused() -> None:
    check_frames(0, 1000, 1, "x")
    with pytest.raises(FormatError, match=r"7.*2006.*1 hold"):
        check_frames(7, 2000, 1, "x")


def test_numbers() -> None:
    assert number_array([[1, 2], [3, None]], "x", "'a'")[0].tolist() == [1, 2]
    for value in ([[1], [1, 2]], {"a": 1}, ["a"], [10**400]):
        with pytest.raises(FormatError, match="'a'"):
            number_array(value, "x", "'a'")


def test_key_points_in_both_shapes() -> None:
    joints, scores, skeleton = key_points([1, 2, 0.5] * 26, "x")
    assert skeleton == HALPE26
    assert (joints.shape, scores.tolist()) == ((26, 2), [0.5] * 26)
    assert key_points([[1, 2, 0.5]] * 17, "x")[0].tolist() == [[1, 2]] * 17
    assert key_points([1, 2, 2] + [1, 2, 1] * 16, "x")[1].tolist() == [1] + [0.5] * 16  # codes of visibility
    assert key_points([1, 2, 1] * 17, "x")[1].tolist() == [1] * 17
    with pytest.raises(FormatError, match=r"\(51, 1\)"):
        key_points([[1]] * 51, "x")


@pytest.mark.parametrize(
    ("value", "expected"),
    [(3, "3"), (3.0, "3"), ([[3]], "3"), ("p1", "p1"), (-1, ""), (None, ""), (1.5, ""), (True, ""), ([], ""),
     (float("nan"), "")],
)  # fmt: skip
def test_identities(value: object, expected: str) -> None:
    assert identity(value) == expected


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (12, ("", 12)),
        ("12", ("", 12)),
        ("0012.jpg", ("", 12)),
        ("walk/frame_0012.png", ("walk/frame", 12)),
        ("a\\7.jpeg", ("a", 7)),
        ("frame12_rendered.png", ("frame_rendered", 12)),
        ("cam2_take3_000004.jpg", ("cam2_take3", 4)),
        ("nobody.jpg", ("nobody", 0)),
    ],
)
def test_names_of_images(image: object, expected: tuple[str, int]) -> None:
    assert frame_of_image(image) == expected


def test_something_else_is_no_image() -> None:
    for image in (-1, 1.5, None, True):
        with pytest.raises(FormatError, match="an image is called"):
            frame_of_image(image)


def test_sizes_of_images() -> None:
    assert image_size(640, 480) == {"width": 640, "height": 480}
    for width in (0, None, 10**9, 640.5, True):
        assert image_size(width, 480) == {}


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ([0, 0.04, 0.08], 25),
        ([0, 40, 80], 25),
        ([0, 33333, 66667, 100000], 30),
        ([0, 333333, 666666], 30),
        ([0.0, 0.033, 0.067, 0.1, 9.0], 30),  # a pause does not count
        ([0, 0], None),
        ([0, 0.05, 0.25], 8),  # of two steps that differ, the middle
        ([1], None),
        ([0, 5e9], None),
    ],
)
def test_frame_rates_of_any_unit(times: list[float], expected: float | None) -> None:
    assert steady_rate(times) == expected


def test_times_of_any_type() -> None:
    assert time_of(3) == 3.0
    assert all(math.isnan(time_of(value)) for value in (None, True, "3", 10**400, float("inf"), float("nan")))


def test_frame_rate_of_numbered_frames() -> None:
    assert steady_rate([0, 0.1, 0.2], [0, 2, 4]) == 20
