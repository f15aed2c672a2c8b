from __future__ import annotations

import numpy as np
import pytest
import torch
from torchmetrics.functional.classification import multiclass_calibration_error

from dualhead.evaluation.calibration import agree, calibrate
from dualhead.runtime.errors import ConfigError


def test_error_by_hand() -> None:
    # Two samples near 0.9, one right: 0.4 off. Two at 0.6, both right: 0.4 off the other way.
    probabilities = [[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.4, 0.6]]
    result = calibrate(probabilities, [0, 1, 0, 1], bins=2)
    assert result.counts.tolist() == [0, 4]
    assert result.error == pytest.approx(0)
    result = calibrate(probabilities, [0, 1, 0, 1], bins=4)
    assert result.counts.tolist() == [0, 0, 2, 2]
    np.testing.assert_allclose(result.confidence, [np.nan, np.nan, 0.6, 0.9])
    np.testing.assert_allclose(result.accuracy, [np.nan, np.nan, 1, 0.5])
    assert result.error == pytest.approx(0.4)


def test_a_border_belongs_to_the_bin_below() -> None:
    assert calibrate([[0.5, 0.5], [1.0, 0.0]], [0, 0], bins=2).counts.tolist() == [1, 1]


def test_error_equals_another_library() -> None:
    rng = np.random.default_rng(3)
    probabilities = rng.dirichlet(np.full(7, 0.3), 400)
    labels = rng.integers(0, 7, 400)
    oracle = multiclass_calibration_error(torch.tensor(probabilities), torch.tensor(labels), 7, n_bins=15)
    assert calibrate(probabilities, labels).error == pytest.approx(float(oracle), abs=1e-6)


def test_agreement_by_hand() -> None:
    result = agree({"joint": [0, 1, 2, 0], "bone": [0, 1, 1, 1]}, [0, 2, 2, 2])
    assert result.names == ("joint", "bone")
    assert result.matrix.tolist() == [[1, 0.5], [0.5, 1]]
    assert (result.any_right, result.all_right) == (0.5, 0.25)


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(ConfigError, match="predictions 'bone' have shape"):
        agree({"joint": [0, 1], "bone": [0]}, [0, 1])
    with pytest.raises(ConfigError, match="0 predictions"):
        agree({}, [0])
    with pytest.raises(ConfigError, match="0 bins"):
        calibrate([[1.0]], [0], bins=0)
    with pytest.raises(ConfigError, match="do not match"):
        calibrate([[1.0]], [0, 0])
