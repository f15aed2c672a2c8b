from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dualhead.evaluation.scores import label_log_probability
from dualhead.evaluation.weights import given_weights, search_weights
from dualhead.runtime.errors import ConfigError

STREAMS = ["joint", "bone", "joint_motion", "bone_motion"]


def test_given_weights_are_divided_by_their_sum() -> None:
    assert given_weights([1, 3], STREAMS[:2]).tolist() == [0.25, 0.75]
    assert given_weights({"bone": 3, "joint": 1}, STREAMS[:2]).tolist() == [0.25, 0.75]
    assert given_weights("equal", STREAMS).tolist() == [0.25] * 4
    np.testing.assert_allclose(given_weights("published", STREAMS), [0.3, 0.3, 0.2, 0.2])


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ([1.0], r"1 weights for 2 streams \(joint, bone\)"),
        ([1.0, -1.0], "finite numbers of 0 or more"),
        ([0.0, 0.0], "not all 0"),
        ([1.0, float("nan")], "finite numbers"),
        ({"joint": 1.0}, "no weight for stream 'bone'"),
        ({"joint": 1.0, "bone": 1.0, "face": 1.0}, "a weight for 'face', not fused"),
        ("publisht", "did you mean 'published'"),
    ],
)
def test_weights_that_cannot_be_used_are_refused(weights: object, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        given_weights(weights, STREAMS[:2])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "streams", "parts"),
    [
        ("published", ["joint", "bone", "joint_motion", "bone_motion"], [0.6, 0.6, 0.4, 0.4]),
        ("pyskl", ["joint", "bone", "joint_motion", "bone_motion"], [2, 2, 1, 1]),
        ("pyskl", ["joint", "bone", "k_bone", "joint_motion", "bone_motion", "k_bone_motion"], [2, 2, 2, 1, 1, 1]),
        ("published", ["relative", "joint", "my_motion"], [0.6, 0.6, 0.4]),
        ("equal", ["joint", "my_motion"], [1, 1]),
    ],
)
def test_weights_by_name_tell_places_from_motion(name: str, streams: list[str], parts: list[float]) -> None:
    np.testing.assert_allclose(given_weights(name, streams), np.array(parts) / sum(parts))


def test_the_only_useful_stream_gets_the_weight() -> None:
    labels = np.arange(6) % 3
    good = 4 * np.eye(3)[labels]
    bad = 5 * np.eye(3)[(labels + 1) % 3]
    weights = search_weights(np.stack([good, bad]), labels, label_log_probability)
    assert weights.tolist() == [1, 0]  # right everywhere for a weight above 5 / 9, most sure of it at 1


def test_equal_weights_stay_where_nothing_is_better() -> None:
    labels = np.array([0, 1])
    same = np.stack([np.eye(2)] * 3)
    assert search_weights(same, labels, label_log_probability).tolist() == [pytest.approx(1 / 3)] * 3


def test_streams_that_correct_each_other_share_the_weight() -> None:
    # Sample 0 needs 3 w1 > w2, sample 1 needs 3 w2 > w1; by symmetry the loss is lowest at a half each.
    parts = np.array([[[3.0, 0], [1, 0]], [[0, 1.0], [0, 3]]])  # (2 streams, 2 samples, 2 classes)
    assert search_weights(parts, np.array([0, 1]), label_log_probability).tolist() == [0.5, 0.5]


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 5), st.integers(0, 1000))
def test_found_weights_are_shares_and_never_worse_than_equal_or_any_single(streams: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, 30)
    parts = rng.normal(size=(streams, 30, 4))
    parts[:, np.arange(30), labels] += rng.uniform(0, 2, (streams, 1))
    weights = search_weights(parts, labels, label_log_probability)
    assert weights.sum() == pytest.approx(1)
    assert (weights >= 0).all()
    top1 = ((np.tensordot(weights, parts, 1)).argmax(1) == labels).mean()
    assert top1 >= (parts.mean(0).argmax(1) == labels).mean() - 1e-9
    assert top1 >= max((part.argmax(1) == labels).mean() for part in parts)
    np.testing.assert_array_equal(weights, search_weights(parts, labels, label_log_probability))


def test_nine_streams_are_searched_within_bounds() -> None:
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 3, 20)
    assert search_weights(rng.normal(size=(9, 20, 3)), labels, label_log_probability).shape == (9,)


def test_huge_weights_and_words() -> None:
    assert given_weights([1e308, 1e308], ["a", "b"]).tolist() == [0.5, 0.5]
    with pytest.raises(ConfigError, match="are not numbers"):
        given_weights(["x", "y"], ["a", "b"])  # type: ignore[list-item]
