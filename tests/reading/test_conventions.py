from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dualhead.formats.file_format import RawClip, ReadingOptions
from dualhead.formats.recording import Recording, from_dense
from dualhead.reading.conventions import apply_conventions, drop_repeated, outside, points_down, scale_confidence
from dualhead.runtime.errors import ConfigError, FormatError
from dualhead.skeleton import COCO17, NTU25

ANYTHING = ReadingOptions(any_scale=True)


def flat(*places: float, bodies: int = 1, score: float | None = 0.5) -> RawClip:
    """Bodies of COCO 17, all joints of one at one place, one frame."""
    joints = np.ones((bodies, 1, 17, 2)) * np.resize(places, (bodies, 1, 1, 1))
    joints += np.linspace(0, 0.1, 17)[:, None] * places[0]
    scores = None if score is None else np.full((bodies, 1, 17), score)
    return RawClip(from_dense(joints, confidence=scores), COCO17, body_selection="people", where="x")


def solid(height: float, up: float = 1) -> RawClip:
    joints = np.zeros((1, 4, 25, 3))
    joints[..., 1] = np.where(np.isin(np.arange(25), [2, 3, 4, 8, 20]), up * height, 0) + 1e-3
    joints[..., 2] = 3
    return RawClip(from_dense(joints), NTU25, where="x")


def test_confidences_of_percent_are_divided_and_those_of_absent_joints_zero() -> None:
    recording = from_dense(np.ones((1, 1, 2, 2)), confidence=np.array([[[80.0, 99.0]]]))
    scaled, notes = scale_confidence(recording)
    assert scaled.confidence is not None
    np.testing.assert_allclose(scaled.confidence, [[0.8, 0.99]])
    assert len(notes) == 1
    joints = np.array([[[[0.0, 0.0], [1.0, 0.0]]]])
    scaled, notes = scale_confidence(from_dense(joints, confidence=np.full((1, 1, 2), 0.5)))
    assert scaled.confidence is not None
    assert (scaled.confidence.tolist(), notes) == ([[0, 0.5]], [])
    with pytest.raises(FormatError, match=r"300.*300"):
        scale_confidence(from_dense(np.ones((1, 1, 2, 2)), confidence=np.full((1, 1, 2), 300.0)), "x")


def test_who_is_reported_twice_is_one_body() -> None:
    pose = np.random.default_rng(0).uniform(100, 300, size=(17, 2))
    other = pose + 150
    partial = np.where(np.arange(17)[:, None] < 8, pose + 1, 0)
    recording = Recording(
        joints=np.stack([partial, pose, other, pose]),
        frames=np.array([0, 0, 0, 1]),
        slots=np.array([0, 1, 2, 0]),
        num_frames=2,
        body_ids=("a", "b", "c", "d"),
    )
    kept, notes = drop_repeated(recording)
    assert kept.body_ids == ("b", "c", "d")  # of the two the one with more joints
    assert (kept.frames.tolist(), kept.slots.tolist(), len(notes)) == ([0, 0, 1], [0, 1, 0], 1)
    assert drop_repeated(kept) == (kept, [])


@pytest.mark.parametrize(("place", "unit"), [(0.5, "fraction"), (300.0, "px")])
def test_fractions_and_pixels(place: float, unit: str) -> None:
    assert apply_conventions(flat(place), ANYTHING).unit == unit
    sized = ReadingOptions(image_size=(640, 480))
    if unit == "px":
        assert apply_conventions(flat(place), sized).fields == {"width": 640, "height": 480}
        with pytest.raises(FormatError, match="look like pixels"):
            apply_conventions(flat(place), ReadingOptions())
    else:
        for clip, options in ((flat(place), sized), (replace(flat(place), fields={"width": 9, "height": 9}), ANYTHING)):
            with pytest.raises(FormatError, match="fractions of the image already"):
                apply_conventions(clip, options)
        # a format that defines fractions may lie among others that need the size
        assert apply_conventions(replace(flat(place), unit="fraction"), sized).fields == {}
    with pytest.raises(ConfigError, match="--image-size"):
        apply_conventions(flat(place), ReadingOptions(unit="mm"))


def test_units_of_solid_bodies() -> None:
    for unit, metres in (("m", 1.0), ("cm", 0.01), ("mm", 0.001), ("in", 0.0254)):
        clip = apply_conventions(solid(1.6 / metres), ReadingOptions(unit=unit, extent=1.6))
        assert float(clip.recording.joints[..., 1].max()) == pytest.approx(1.6, abs=0.01)
    with pytest.raises(FormatError, match=r"1600.*1\.6.*--unit"):
        apply_conventions(solid(1600), ReadingOptions(extent=1.6))
    assert apply_conventions(solid(1.6), ReadingOptions(extent=4.7)).recording.num_frames == 4
    # a format that says metres is not scaled, unless its bodies say otherwise
    metres = replace(solid(1.6), unit="m")
    assert float(apply_conventions(metres, ReadingOptions(unit="mm")).recording.joints[..., 1].max()) > 1.5
    wrong = replace(solid(1600), unit="m")
    assert float(apply_conventions(wrong, ReadingOptions(unit="mm")).recording.joints[..., 1].max()) < 1.7


def test_bodies_on_their_heads_are_named() -> None:
    assert "y points down" in points_down(solid(1.6, up=-1).recording.joints, NTU25)
    assert points_down(solid(1.6).recording.joints, NTU25) == ""
    assert points_down(solid(1.6).recording.joints[:0], NTU25) == ""


def test_joints_outside_the_image() -> None:
    joints = np.array([[100.0, 900.0], [200.0, 100.0], [0.0, 0.0]])
    assert outside(joints, (1280, 720)) != []
    assert outside(joints, (720, 1280)) == []
    assert outside(joints[2:], (10, 10)) == []


def test_a_score_in_the_place_of_z_is_doubted() -> None:
    rng = np.random.default_rng(0)
    key_points = np.concatenate([rng.uniform(0.3, 0.7, (4, 25, 2)), np.full((4, 25, 1), 0.9)], axis=2)
    clip = RawClip(from_dense(key_points[None]), NTU25, where="x")
    with pytest.raises(FormatError, match="all numbers lie between 0 and 1"):
        apply_conventions(clip, ReadingOptions())
    assert apply_conventions(clip, ReadingOptions(unit="m")).unit == "m"
    assert "all numbers lie between 0 and 1" in apply_conventions(clip, ANYTHING).notes[0]
    scaled = rng.uniform(size=(4, 25, 3))
    scaled[0, 0], scaled[0, 1] = 1, (0, 0, 0)
    scaled[1, :3] = np.diag([1.0, 1.0, 1.0])
    assert apply_conventions(RawClip(from_dense(scaled[None]), NTU25), ReadingOptions()).recording.num_frames == 4


def test_coordinates_around_zero_are_no_fractions_of_an_image() -> None:
    joints = np.random.default_rng(0).uniform(-0.5, 0.5, (1, 4, 17, 2))
    clip = RawClip(from_dense(joints), COCO17, where="x")
    with pytest.raises(FormatError, match="lies below 0, so these are not fractions"):
        apply_conventions(clip, ReadingOptions())
    assert "lies below 0" in apply_conventions(clip, ANYTHING).notes[0]


def test_mistyped_options_are_refused_where_no_file_asks_for_them() -> None:
    with pytest.raises(ConfigError, match="axes 'TTTT' are invalid"):
        ReadingOptions(axes="TTTT")
    with pytest.raises(ConfigError, match="unknown unit 'parsec'"):
        ReadingOptions(unit="parsec")
