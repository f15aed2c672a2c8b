from __future__ import annotations

import numpy as np
import pytest

from dualhead.evaluation.clip_average import average_clips
from dualhead.evaluation.scores import softmax
from dualhead.runtime.errors import ConfigError


def test_one_clip_is_left_alone() -> None:
    logits = np.array([[[1.0, 2.0]], [[3.0, 4.0]]], dtype=np.float32)
    np.testing.assert_array_equal(average_clips(logits, 1), logits)


def test_probabilities_of_neighbouring_clips_are_averaged() -> None:
    clips = np.log([[[0.2, 0.8]], [[0.6, 0.4]], [[0.5, 0.5]], [[0.1, 0.9]]])  # (4, 1, 2): two samples of two clips
    average = average_clips(clips, 2)
    assert average.dtype == np.float32
    np.testing.assert_allclose(softmax(average), [[[0.4, 0.6]], [[0.3, 0.7]]], rtol=1e-6)


def test_a_hopeless_class_keeps_a_finite_log() -> None:
    average = average_clips([[[0.0, -2000.0]], [[0.0, -2000.0]]], 2)
    np.testing.assert_allclose(average, [[[0, -2000]]])


def test_a_clip_too_many_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"3.*2 clips"):
        average_clips(np.zeros((3, 1, 2)), 2)


def test_logits_of_neighbouring_clips_are_averaged() -> None:
    clips = np.array([[[1.0, 3.0]], [[3.0, 7.0]], [[0.0, 0.0]], [[-2.0, 4.0]]])
    np.testing.assert_array_equal(average_clips(clips, 2, "logits"), [[[2, 5]], [[-1, 2]]])
    with pytest.raises(ConfigError, match="'mean'"):
        average_clips(clips, 2, "mean")
