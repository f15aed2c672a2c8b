from __future__ import annotations

import numpy as np
import pytest

from dualhead.evaluation.scores import Scores
from dualhead.visualize.agreement_calibration import compare_predictions
from dualhead.visualize.result_table import build_result_tables

from .conftest import make_scores


def test_streams_are_compared_head_by_head_on_the_same_samples() -> None:
    joint = make_scores([0, 1, 2, 0], [0, 1, 2, 1], stream="joint")
    order = [3, 1, 0, 2]
    bone = make_scores([0, 1, 1, 1], [0, 1, 2, 1], stream="bone").take(order)
    found = compare_predictions(build_result_tables([], [joint, bone], [])[0])["agreement"]
    assert found is not None
    assert found["names"] == ("joint, fine", "joint, coarse", "bone, fine", "bone, coarse")
    # They differ in the samples 2 and 3; the joint stream is wrong in 3, the bone stream in 2.
    assert found["rows"][0] == {"name": "joint, fine", "accuracy": 0.75, "cells": [1, 1, 0.5, 0.5]}
    assert (found["any_right"], found["all_right"]) == (1, 0.5)


def test_a_single_prediction_has_nothing_to_agree_with() -> None:
    scores = Scores(np.array(["a"]), np.array([0]), np.zeros((1, 1, 2), np.float32), ("only",))
    assert compare_predictions(build_result_tables([], [scores], [])[0])["agreement"] is None


def test_heads_of_a_single_stream_go_by_their_names() -> None:
    found = compare_predictions(build_result_tables([], [make_scores([0, 1], [0, 1])], [])[0])["agreement"]
    assert found is not None
    assert found["names"] == ("fine", "coarse")


def test_confidence_and_accuracy_of_every_head_and_of_the_prediction() -> None:
    # Logits 4, 0, 0 in the fine head: e^4 / (e^4 + 2) = 96.5 %; 2, 0, 0 in the coarse one: 78.7 %; their mean: 90.9 %.
    # Three of four are right: the errors are the differences to 75 %.
    found = compare_predictions(build_result_tables([], [make_scores([0, 1, 2, 2], [0, 1, 2, 1])], [])[0])[
        "reliability"
    ]
    assert [row["name"] for row in found["rows"]] == ["fine", "coarse", "prediction"]
    assert [row["accuracy"] for row in found["rows"]] == [0.75] * 3
    assert [row["confidence"] for row in found["rows"]] == pytest.approx([0.9647, 0.7870, 0.9094], abs=1e-4)
    assert [row["error"] for row in found["rows"]] == pytest.approx([0.2147, 0.0370, 0.1594], abs=1e-4)
    assert found["svg"].startswith("<svg")
