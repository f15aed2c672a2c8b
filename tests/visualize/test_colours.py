from __future__ import annotations

from dualhead.visualize.colours import mixed, rgb


def test_reading_a_colour() -> None:
    assert rgb("#1f6fb8") == (31, 111, 184)


def test_mixing_two_colours() -> None:
    assert mixed("#000000", "#ff6400", 0) == (0, 0, 0)
    assert mixed("#000000", "#ff6400", 0.4) == (102, 40, 0)
    assert mixed("#000000", "#ff6400", 1) == (255, 100, 0)
