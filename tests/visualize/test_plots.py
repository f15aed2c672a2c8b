from __future__ import annotations

import html
import re

import numpy as np
import pytest

from dualhead.evaluation.calibration import calibrate
from dualhead.runtime.errors import ConfigError
from dualhead.visualize import plots

from .test_page import Parts, assert_self_contained


def texts(svg: str) -> list[str]:
    return [html.unescape(text) for text in re.findall(r"<text[^>]*>([^<]*)</text>", svg)]


def test_curves_name_their_series_and_axes() -> None:
    series = {"joint": ([1, 2, 3], [0.5, 0.25, np.nan]), "_bone $x$ <b>": ([1, 2], [1, 0.5]), "none": ([1], [np.nan])}
    svg = plots.curves(series, x_label="epoch", y_label="top-1", percent=True)
    assert {"joint", "bone $x$ <b>", "epoch", "top-1 (%)"} <= set(texts(svg))
    assert "none" not in texts(svg)
    assert "100" in texts(svg)  # the share 1 is shown as 100 %
    assert_self_contained(svg)


def test_a_series_of_one_point_is_seen() -> None:
    # A line of one point has no length: it is seen by its marker, in the colour of the first series.
    markers = re.findall(r"<use [^>]*fill: #1f6fb8", plots.curves({"a": ([1], [2])}, x_label="epoch", y_label="loss"))
    assert len(markers) == 2  # in the plot and in the legend
    assert not re.findall(r"<use [^>]*#1f6fb8", plots.curves({"a": ([1, 2], [2, 2])}, x_label="x", y_label="y"))


def test_series_differ_without_colour() -> None:
    svg = plots.curves({name: ([1, 2], [1, 2]) for name in "abcd"}, x_label="epoch", y_label="loss")
    assert len(set(re.findall(r"stroke-dasharray: ([\d., ]+)", svg))) == 3  # and one solid line


def test_bars_are_named_and_absent_classes_say_so() -> None:
    svg = plots.bars(["sit", "stand"], [0.25, np.nan], label="accuracy")
    assert {"sit", "stand", "25", "no sample", "accuracy (%)"} <= set(texts(svg))


def test_numbers_of_a_small_confusion_matrix() -> None:
    svg = plots.confusion([[5, 2], [0, 7]], ["sit", "stand"])
    found = texts(svg)
    assert sorted(text for text in found if text.isdigit()) == ["2", "5", "7"]  # an empty cell has no number
    assert found.count("sit") == 2
    assert_self_contained(svg)


@pytest.mark.parametrize(("classes", "named"), [(1, 1), (10, 10), (60, 60), (61, 0), (400, 0)])
def test_matrices_of_any_size(classes: int, named: int) -> None:
    svg = plots.confusion(np.eye(classes, dtype=int) * 3, [f"class {row}" for row in range(classes)])
    assert len([text for text in texts(svg) if text.startswith("class ")]) == 2 * named
    assert {"true class", "predicted class"} <= set(texts(svg))
    assert len(svg) < 200_000


def test_plots_follow_the_page_and_do_not_reach_into_it() -> None:
    svg = plots.bars(["<script>alert(1)</script>"], [1], label="accuracy")
    assert "var(--ink)" in svg
    assert "#0102" not in svg  # every stand-in colour was replaced
    parts = Parts(svg)
    assert not {"script", "style", "metadata"} & set(parts.tags)
    assert "http" not in svg


def test_the_same_plot_is_the_same_text() -> None:
    assert plots.bars(["a"], [1], label="x") == plots.bars(["a"], [1], label="x")


def test_long_names_are_shortened() -> None:
    assert "a" * 27 + "…" in texts(plots.bars(["a" * 50], [1], label="x"))


def test_confused_classes_stand_side_by_side() -> None:
    # 0 with 3, 1 with 4, 2 with 5.
    matrix = 10 * np.eye(6, dtype=int)
    for row in range(6):
        matrix[row, (row + 3) % 6] = 4
    order = plots.confusion_order(matrix).tolist()
    assert sorted(order) == list(range(6))
    assert all(abs(order.index(row) - order.index(row + 3)) == 1 for row in range(3))
    assert order.index(0) <= 2


def test_order_of_degenerate_matrices() -> None:
    assert plots.confusion_order([[3]]).tolist() == [0]
    assert sorted(plots.confusion_order(np.zeros((4, 4))).tolist()) == [0, 1, 2, 3]


def test_what_cannot_be_drawn() -> None:
    with pytest.raises(ConfigError, match="no finite value"):
        plots.curves({"a": ([1], [np.nan])}, x_label="epoch", y_label="loss")
    with pytest.raises(ConfigError, match="one value per name"):
        plots.bars(["a"], [1, 2], label="accuracy")
    with pytest.raises(ConfigError, match=r"shape \(2, 3\) and 2 names"):
        plots.confusion(np.zeros((2, 3)), ["a", "b"])


def test_counts_are_written_beside_their_bars() -> None:
    svg = plots.counts(["sit down", "<b>"], [1200, 3], label="clips")
    assert "1,200" in svg
    assert "&lt;b&gt;" in svg
    with pytest.raises(ConfigError, match="2 names and counts of shape"):
        plots.counts(["a", "b"], [1], label="clips")


def test_a_histogram_has_a_bar_for_each_whole_number() -> None:
    svg = plots.histogram(np.array([1, 1, 1, 2, 4]), x_label="bodies", y_label="clips")
    assert "clips over bodies" in svg
    assert plots.histogram(np.array([0.5, np.nan, 0.5]), x_label="share", y_label="clips").startswith("<svg")
    assert plots.histogram(np.arange(10_000), x_label="frames", y_label="clips", bins=10).startswith("<svg")
    with pytest.raises(ConfigError, match="share: no finite value"):
        plots.histogram([np.nan], x_label="share", y_label="clips")


def test_the_reliability_diagram_leaves_empty_bins_out() -> None:
    found = calibrate([[0.9, 0.1], [0.8, 0.2], [0.35, 0.65]], [0, 1, 1], bins=10)
    svg = plots.reliability(found)
    assert {"confidence (%)", "share of right predictions (%)", "accuracy", "mean confidence"} <= set(texts(svg))
    assert svg.count("fill: var(--accent)") == 3 + 1  # bins 60-70 %, 70-80 % and 80-90 %, and the legend
    assert_self_contained(svg)
