from __future__ import annotations

import math

import numpy as np
import pytest

from dualhead.evaluation.detection import Stretch, average_precision, interval_iou, score_untrimmed
from dualhead.runtime.errors import ConfigError


def test_overlap_is_intersection_over_union() -> None:
    found = interval_iou(0, 10, np.array([0.0, 5.0, 20.0]), np.array([10.0, 15.0, 30.0]))
    np.testing.assert_allclose(found, [1, 5 / 15, 0])


def test_average_precision_by_hand() -> None:
    """The surest is right, the next is wrong, the third is right: precision 1 to recall 1/2, then 2/3."""
    truth = [Stretch("a", 0, 10, 0), Stretch("b", 0, 10, 0)]
    found = [Stretch("a", 0, 9, 0, 0.9), Stretch("a", 50, 60, 0, 0.8), Stretch("b", 1, 10, 0, 0.7)]
    assert average_precision(truth, found, 0.5) == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    assert average_precision(truth, found[:1], 0.5) == pytest.approx(0.5)
    assert average_precision(truth, [], 0.5) == 0
    assert math.isnan(average_precision([], found, 0.5))


def test_an_interval_is_matched_once() -> None:
    truth = [Stretch("a", 0, 10, 0)]
    found = [Stretch("a", 0, 10, 0, 0.6), Stretch("a", 0, 9, 0, 0.9)]
    assert average_precision(truth, found, 0.5) == 1  # the surest matches, the other is wrong behind it
    assert average_precision(truth, found, 0.95) == pytest.approx(0.5)


def test_the_overlap_decides() -> None:
    truth, found = [Stretch("a", 0, 10, 0)], [Stretch("a", 5, 15, 0)]  # IoU 1/3
    assert [average_precision(truth, found, iou) for iou in (0.1, 0.3, 0.5)] == [1, 1, 0]
    assert average_precision(truth, [Stretch("b", 0, 10, 0)], 0.1) == 0


def test_frames_and_intervals_of_a_set() -> None:
    truth = [Stretch("a", 0, 4, 0), Stretch("a", 6, 10, 1)]
    found = [Stretch("a", 0, 5, 0, 0.9), Stretch("a", 5, 10, 1, 0.5)]
    true = np.array([0] * 4 + [-1] * 2 + [1] * 4)
    said = np.array([0] * 5 + [1] * 2 + [0] * 3)
    figures = score_untrimmed(truth, found, [(true, said)], thresholds=(0.5, 0.9))
    assert (figures.recordings, figures.frames) == (1, 8)
    assert figures.frame_accuracy == pytest.approx(5 / 8)
    assert figures.mean_class_accuracy == pytest.approx((1 + 1 / 4) / 2)
    assert figures.mean_average_precision == {0.5: 1.0, 0.9: 0.0}
    assert figures.to_dict(("x", "y"))["ap"] == {"0.5": {"x": 1.0, "y": 1.0}, "0.9": {"x": 0.0, "y": 0.0}}
    with pytest.raises(ConfigError, match="no frame has a true class"):
        score_untrimmed([], [], [(np.full(3, -1), np.zeros(3, np.int64))])
