from __future__ import annotations

from dualhead.visualize.colours import rgb


def test_reading_a_colour() -> None:
    assert rgb("#1f6fb8") == (31, 111, 184)
