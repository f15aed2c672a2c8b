from __future__ import annotations

import numpy as np
import pytest

from dualhead.data.store.store import Store
from dualhead.evaluation.scores import Scores
from dualhead.runtime.errors import StoreError
from dualhead.visualize.highlights import choose, pick_clips
from dualhead.visualize.result_table import build_result_tables

from .conftest import CLASSES, make_scores


def test_the_right_one_of_median_confidence_then_mistakes_of_different_classes() -> None:
    labels = np.array([0, 0, 0, 1, 1, 2])
    predicted = np.array([0, 0, 0, 0, 2, 1])
    height = np.array([1, 3, 2, 5, 4, 3])  # the logit of what is predicted: its confidence
    logits = np.zeros((6, 1, 3), np.float32)
    logits[np.arange(6), 0, predicted] = height
    scores = Scores(np.array(list("abcdef")), labels, logits, ("only",))
    assert choose(scores, 3) == [2, 3, 5, 4]  # class 1, class 2, then class 1 once more
    assert choose(scores, 1) == [2, 3]
    assert choose(scores, 0) == [2]


def test_all_right_and_all_wrong() -> None:
    assert choose(make_scores([0, 1], [0, 1]), 3) == [1]  # both are equally sure: the median of two is the second name
    assert choose(make_scores([0, 1], [1, 0]), 3) == [0, 1]


def test_clips_of_a_store_say_what_was_predicted(small_store: Store) -> None:
    names = list(small_store.names)
    scores = make_scores([0, 2, 2, 0, 1, 2], [0, 1, 2, 0, 1, 2], names=names, data_fingerprint=small_store.fingerprint)
    right, wrong = pick_clips(build_result_tables([], [scores], [])[0], small_store, 3)
    assert f">right</span> predicted <b>{CLASSES[right.data['shape'][1] - 5]}" in right.caption.replace(
        "&lt;", "<"
    ).replace("&gt;", ">")
    assert wrong.label.startswith(f"{names[1]}, true stand up, predicted wave")
    assert "<script>" not in wrong.caption
    # Logits 4 against 0, 0 in the fine head: e^4 / (e^4 + 2) = 96 %; 2 in the coarse one: 79 %; their mean 3: 91 %.
    assert "(91 %)" in wrong.caption
    assert "fine: wave &lt;script&gt;alert(1)&lt;/script&gt; (96 %) · coarse: " in wrong.caption
    assert wrong.data["shape"] == [1, 6, 25]


def test_scores_of_another_store_are_refused(small_store: Store) -> None:
    with pytest.raises(StoreError, match="sample0"):
        pick_clips(build_result_tables([], [make_scores([0], [0])], [])[0], small_store, 1)
