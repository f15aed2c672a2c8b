"""The detector's and the landmark model's output, decoded by hand."""

from pathlib import Path

import numpy as np
import pytest

from dualhead.poses.network import PersonDetector, anchors, decode, refine, suppress
from dualhead.runtime.errors import ConfigError


def test_anchors_are_the_middles_of_cells() -> None:
    centres = anchors()
    assert centres.shape == (28 * 28 * 2 + 14 * 14 * 2 + 7 * 7 * 6, 2)
    assert centres[0] == pytest.approx([0.5 / 28, 0.5 / 28])
    assert centres[2] == pytest.approx([1.5 / 28, 0.5 / 28])  # two anchors a cell, x runs first
    assert centres[-1] == pytest.approx([6.5 / 7, 6.5 / 7])


def test_decode_adds_the_anchor_to_middles_and_points_but_not_to_the_size() -> None:
    boxes = np.zeros((2, 12), np.float32)
    boxes[0, :4] = 22.4, 0, 44.8, 89.6  # a tenth to the right; a fifth wide, two fifths high
    boxes[0, 4:6] = 0, 22.4
    rows, scores = decode(boxes, np.array([0.0, -0.1], np.float32), np.array([[0.5, 0.5], [0.1, 0.1]]))
    assert scores.tolist() == [0.5]  # the other is below one half
    assert rows[0, :4] == pytest.approx([0.5, 0.3, 0.7, 0.7])
    assert rows[0, 4:6] == pytest.approx([0.5, 0.6])


def test_suppress_averages_what_overlaps_by_score() -> None:
    rows = np.zeros((3, 12))
    rows[0, :4], rows[1, :4], rows[2, :4] = (0, 0, 1, 1), (0.1, 0, 1.1, 1), (5, 5, 6, 6)
    merged = suppress(rows, np.array([0.6, 0.9, 0.7]))
    assert len(merged) == 2
    assert merged[0][0] == pytest.approx(0.1 * 0.9 / 1.5)
    assert merged[1][:4] == pytest.approx([5, 5, 6, 6])


def test_refine_moves_a_landmark_to_the_heat_around_it() -> None:
    heat = np.full((64, 64, 2), -50, np.float32)
    heat[20, 12, 0] = 50  # a single hot cell 2 to the right of landmark 0
    heat[20, 40, 1] = 50  # 30 cells away from landmark 1: not looked at
    refined = refine(np.array([[10.2 / 64, 20.5 / 64], [10.2 / 64, 20.5 / 64]]), heat)
    assert refined[0] == pytest.approx([12 / 64, 20 / 64])
    assert refined[1] == pytest.approx([10.2 / 64, 20.5 / 64])


def test_refine_leaves_landmarks_outside_of_the_crop() -> None:
    places = np.array([[-0.1, 0.5], [0.5, 1.2]])
    assert refine(places, np.full((64, 64, 2), 9, np.float32)).tolist() == places.tolist()


def test_a_file_that_is_no_network(tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_litert")
    (tmp_path / "net.tflite").write_bytes(b"no network at all" * 9)
    with pytest.raises(ConfigError, match=r"net\.tflite"):
        PersonDetector(tmp_path / "net.tflite")
