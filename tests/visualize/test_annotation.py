"""Skeletons and classes over pictures, and as data for a page."""

from __future__ import annotations

import base64

import numpy as np
import pytest

from dualhead.inference.prediction import Prediction
from dualhead.inference.segments import Segment, merge_segments
from dualhead.poses.recording import PoseRecording
from dualhead.sequence import SkeletonSequence
from dualhead.skeletons.mediapipe import MEDIAPIPE33
from dualhead.visualize.annotation import (
    POSE_LINES,
    Annotation,
    class_colours,
    paint_frames,
    pose_points,
    prediction_to_dict,
    sequence_points,
)
from dualhead.visualize.colours import DARK, rgb


def said(*probabilities: float) -> Prediction:
    """A prediction of two heads over "clap", "wave" and "bow"; the second head has the classes the other way round."""
    values = np.array(probabilities)
    heads = {"fine": values, "coarse": values[::-1].copy()}
    return Prediction("a", ("clap", "wave", "bow"), values, heads, None)


def seen() -> Annotation:
    """One person for ten frames: a vertical line in the left half of the picture; a window for each half of them."""
    points = np.full((1, 10, 33, 2), np.nan, np.float32)
    points[0, :, 11], points[0, :, 23] = (0.25, 0.2), (0.25, 0.8)  # left shoulder and hip
    windows = [
        Segment(0, 6, (0, 5), None, 10.0, said(0.7, 0.2, 0.1)),
        Segment(4, 10, (5, 10), None, 10.0, said(0.1, 0.3, 0.6)),
    ]
    return Annotation("a.mp4", points, POSE_LINES, 10.0, (100, 80), windows, list(merge_segments(windows)))


def test_lines_have_the_side_of_the_body() -> None:
    sides = {(MEDIAPIPE33.joints[one], MEDIAPIPE33.joints[two]): side for one, two, side in POSE_LINES}
    assert sides["left_shoulder", "left_elbow"] == "left"
    assert sides["right_knee", "right_ankle"] == "right"
    assert sides["left_hip", "right_hip"] == "middle" == sides["mouth_left", "mouth_right"]
    assert sides["nose", "right_eye"] == "right"


def test_a_skeleton_is_drawn_where_it_is_and_the_band_under_the_picture() -> None:
    pictures = list(paint_frames([np.full((80, 100, 3), 128, np.uint8)] * 10, seen()))
    pixels = np.asarray(pictures[0]).astype(int)
    assert len(pictures) == 10 and pixels.shape == (80 + 64, 100, 3)
    assert pixels[40, 25].tolist() == list(rgb(DARK["left"]))
    assert pixels[40, 75].tolist() == [128, 128, 128]
    colours = class_colours(seen())
    assert list(colours) == ["clap", "bow"]
    bar = np.asarray(pictures[9]).astype(int)[80 + 60 - 5]  # the timeline: first one class, then the other
    assert bar[20].tolist() == list(rgb(colours["clap"])) and bar[70].tolist() == list(rgb(colours["bow"]))


def test_nobody_is_said() -> None:
    empty = Annotation("a", np.full((1, 2, 33, 2), np.nan, np.float32), POSE_LINES, 10.0, (100, 80))
    assert len(list(paint_frames([np.zeros((80, 100, 3), np.uint8)] * 3, empty))) == 2


def test_data_for_a_page() -> None:
    data = seen().to_dict()
    points = np.frombuffer(base64.b64decode(data["points"]), "<i2").reshape(1, 10, 33, 2)
    assert points[0, 0, 11].tolist() == [0.25 * 16384, round(0.2 * 16384)] and (points[0, 0, 0] == -32768).all()
    assert data["shape"] == [1, 10, 33] and data["fps"] == 10
    assert [(window["start"], window["stop"]) for window in data["windows"]] == [(0, 5), (5, 10)]
    assert data["windows"][1]["best"] == {"fine": "bow", "coarse": "clap"}
    assert [interval["class"] for interval in data["intervals"]] == ["clap", "bow"]


def test_values_of_a_prediction() -> None:
    values = prediction_to_dict(said(0.7, 0.2, 0.1), k=2)
    assert values["top"] == [
        {"class": "clap", "probability": 0.7, "heads": {"fine": 0.7, "coarse": 0.1}},
        {"class": "wave", "probability": 0.2, "heads": {"fine": 0.2, "coarse": 0.2}},
    ]


def test_hidden_landmarks_are_not_drawn() -> None:
    confidence = np.ones((1, 2, 33), np.float32)
    confidence[0, 1, 5] = 0.1
    image = np.full((1, 2, 33, 2), 0.5, np.float32)
    solid = np.ones((1, 2, 33, 3), np.float32)
    points, lines = pose_points(PoseRecording(solid, confidence, image, solid, np.zeros(2), 30.0, (64, 48), "a.mp4"))
    assert np.isnan(points[0, 1, 5]).all() and not np.isnan(points[0, 0, 5]).any() and lines == POSE_LINES


def test_a_recording_is_seen_from_its_camera() -> None:
    joints = np.zeros((1, 1, 33, 3), np.float32)
    joints[0, 0, 0], joints[0, 0, 1] = (1, 1, 3), (-1, -1, 3)  # to the camera's left and up; to its right and down
    points, _, size = sequence_points(SkeletonSequence(joints, MEDIAPIPE33, "a"))
    assert size == (480, 480)
    assert points[0, 0, 0, 0] < 0.5 < points[0, 0, 1, 0] and points[0, 0, 0, 1] < 0.5 < points[0, 0, 1, 1]
    assert points[0, 0, 0] == pytest.approx(1 - points[0, 0, 1])
