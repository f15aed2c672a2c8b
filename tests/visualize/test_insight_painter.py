from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from dualhead.visualize.colours import DARK, LIGHT, rgb
from dualhead.visualize.insight_painter import InsightPainter

from .test_insight_page import make_insight


def drawn(painter: InsightPainter, frame: int, size: int = 600) -> np.ndarray:  # type: ignore[type-arg]
    picture = Image.new("RGB", (size, round(size * painter.height) + 1), rgb(LIGHT["paper"]))
    painter.draw(ImageDraw.Draw(picture), frame, size, 0)
    return np.asarray(picture)


def columns(pixels: np.ndarray, colour: str) -> np.ndarray:  # type: ignore[type-arg]
    return np.flatnonzero((pixels == rgb(colour)).all(axis=-1).any(axis=0))


def test_it_is_as_high_as_it_says_and_no_higher() -> None:
    painter = InsightPainter(make_insight(), LIGHT)
    # Two charts and one strip with a line of text each, and two lines for classes.
    assert painter.height == pytest.approx(2 * (0.05 + 0.13) + 2 * 0.05 + (0.05 + 0.03) + 0.03)
    taller = Image.new("RGB", (600, 600), rgb(LIGHT["paper"]))
    painter.draw(ImageDraw.Draw(taller), 0, 600, 0)
    below = np.asarray(taller)[round(600 * painter.height) :]
    assert (below == rgb(LIGHT["paper"])).all()


def test_the_strip_goes_from_shut_to_open_and_says_nothing_of_what_is_not_known() -> None:
    pixels = drawn(InsightPainter(make_insight(), LIGHT), 3)
    wide, margin = 600 - 2 * 18, 18
    shut, opened = columns(pixels, LIGHT["shut"]), columns(pixels, LIGHT["open"])
    assert shut.min() == margin
    assert shut.max() == pytest.approx(margin + wide / 4, abs=2)
    # The third of four frames is the widest open, the fourth is not known.
    assert (opened.min(), opened.max()) == pytest.approx((margin + wide / 2, margin + wide * 3 / 4), abs=2)


def test_the_mark_moves_with_the_frames() -> None:
    painter = InsightPainter(make_insight(), LIGHT)
    first, last = drawn(painter, 0), drawn(painter, 3)
    changed = np.flatnonzero((first[-20] != last[-20]).any(axis=-1))  # a line of the strip
    wide, margin = 600 - 2 * 18, 18
    assert changed.min() == pytest.approx(margin + wide / 8, abs=3)
    assert changed.max() == pytest.approx(margin + wide * 7 / 8, abs=3)


def test_a_model_without_gates_has_no_strip() -> None:
    painter = InsightPainter(make_insight(("main",), gates=False), DARK)
    assert painter.height == pytest.approx(0.18 + 2 * 0.05 + 0.03)
    assert not len(columns(drawn(painter, 0), DARK["open"]))
