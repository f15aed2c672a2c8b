from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics
import torch
from torchmetrics.classification import MulticlassAccuracy

from dualhead.evaluation.metrics import class_accuracy, confusion_matrix, measure, measure_heads, rank
from dualhead.evaluation.scores import Scores
from dualhead.runtime.errors import ConfigError

LOGITS = np.array([[3.0, 1, 0], [0, 2, 1], [0, 5, 4], [2, 0, 1]])
LABELS = np.array([0, 1, 2, 1])


def test_rank_counts_the_classes_before_the_true_one() -> None:
    assert rank(LOGITS, LABELS).tolist() == [0, 0, 1, 2]


def test_equal_logits_rank_by_class_number_as_arg_max_does() -> None:
    assert rank(np.zeros((3, 3)), [0, 1, 2]).tolist() == [0, 1, 2]


def test_figures_by_hand() -> None:
    metrics = measure(LOGITS, LABELS)
    assert (metrics.count, metrics.top1, metrics.top5) == (4, 0.5, 1)
    assert metrics.mean_class == pytest.approx((1 + 0.5 + 0) / 3)
    assert measure(np.log([[0.25, 0.75], [0.5, 0.5]]), [0, 1]).cross_entropy == pytest.approx(
        (np.log(4) + np.log(2)) / 2
    )


def test_top_5_of_six_classes() -> None:
    logits = np.tile(np.arange(6.0), (6, 1))
    assert measure(logits, np.arange(6)).top5 == pytest.approx(5 / 6)


def test_an_absent_class_has_no_accuracy_and_no_say() -> None:
    accuracy = class_accuracy(LOGITS[:2], [0, 0])
    assert accuracy[0] == 0.5
    assert np.isnan(accuracy[1:]).all()
    assert measure(LOGITS[:2], [0, 0]).mean_class == 0.5


def test_confusion_rows_are_true_classes() -> None:
    assert confusion_matrix([0, 0, 2], [0, 1, 1], 3).tolist() == [[1, 1, 0], [0, 0, 0], [0, 1, 0]]


def test_heads_are_measured_apart() -> None:
    logits = np.array([[[0.0, 1], [4, 0]], [[0, 3], [0, 1]]])  # (2, 2, 2)
    figures = measure_heads(Scores(np.array(["a", "b"]), np.array([0, 1]), logits, ("fine", "coarse")))
    assert {head: metrics.top1 for head, metrics in figures.items()} == {"fine": 0.5, "coarse": 1, "mean": 1}
    assert list(figures) == ["fine", "coarse", "mean"]


@pytest.mark.parametrize(("count", "classes"), [(500, 60), (40, 60), (300, 3)])
def test_figures_equal_other_libraries(count: int, classes: int) -> None:
    rng = np.random.default_rng(count + classes)
    labels = rng.integers(0, classes, count)
    logits = rng.normal(size=(count, classes))
    logits[np.arange(count), labels] += 1.5
    metrics = measure(logits, labels)
    predictions = logits.argmax(axis=1)
    for k, ours in ((1, metrics.top1), (min(5, classes), metrics.top5)):
        oracle = MulticlassAccuracy(classes, top_k=k, average="micro")
        assert ours == pytest.approx(float(oracle(torch.tensor(logits), torch.tensor(labels))), abs=1e-6)
    per_class = sklearn.metrics.recall_score(labels, predictions, labels=np.unique(labels), average=None)
    assert metrics.mean_class == pytest.approx(per_class.mean())
    loss = torch.nn.functional.cross_entropy(torch.tensor(logits), torch.tensor(labels))
    assert metrics.cross_entropy == pytest.approx(float(loss))
    np.testing.assert_array_equal(
        confusion_matrix(labels, predictions, classes),
        sklearn.metrics.confusion_matrix(labels, predictions, labels=np.arange(classes)),
    )


@pytest.mark.parametrize(
    ("logits", "labels", "words"),
    [
        (np.zeros((0, 3)), [], "0 samples have no accuracy"),
        (np.zeros((2, 3)), [0], "do not match"),
        (np.zeros((1, 3)), [3], "label 3 is not a class"),
        (np.zeros((1, 3)), [-1], "label -1 is not a class"),
    ],
)
def test_what_cannot_be_measured_is_refused(logits: np.ndarray, labels: list[int], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        measure(logits, labels)


def test_a_prediction_outside_the_classes_is_refused() -> None:
    with pytest.raises(ConfigError, match="prediction 3 is not a class"):
        confusion_matrix([0], [3], 3)
    with pytest.raises(ConfigError, match="do not match"):
        confusion_matrix([0, 1], [0], 3)
