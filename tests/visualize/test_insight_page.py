from __future__ import annotations

import re

import numpy as np
import pytest
from numpy.typing import NDArray

from dualhead.sequence import SkeletonSequence
from dualhead.skeleton import NTU25
from dualhead.visualize.colours import SERIES
from dualhead.visualize.insight import Gate, Insight
from dualhead.visualize.insight_page import insight_values, notes, stretched
from dualhead.visualize.page import fill, make_clip
from dualhead.visualize.scene import make_scene

from .conftest import standing
from .test_page import Parts, assert_self_contained


def make_insight(heads: tuple[str, ...] = ("fine", "coarse"), frames: int = 4, gates: bool = True) -> Insight:
    """Two classes: one falls from 100 % to 0, the other rises."""
    falling = np.linspace(1, 0, frames)
    values = np.linspace(0.2, 0.8, frames)
    values[-1] = np.nan
    return Insight(
        predicted="sit down",
        probability=0.9,
        window=2,
        stride=1,
        heads=heads,
        classes=("sit down", "wave <b>"),
        curves=np.tile([falling, 1 - falling], (len(heads), 1, 1)),
        gates=(Gate("fine 2 to coarse 1", values),) if gates else (),
        joint_gate="coarse 2 to fine 2" if gates else "",
        joints=np.linspace(0, 1, frames * 25).reshape(1, frames, 25) if gates else None,
        stream="joint" if gates else "",
    )


def test_a_chart_a_head_and_a_strip_a_gate() -> None:
    values = insight_values(make_insight())
    assert [chart["head"] for chart in values["charts"]] == ["fine head", "coarse head"]
    lines = re.findall(r'<polyline points="([^"]*)"[^>]*stroke="(#\w+)"', values["charts"][0]["svg"])
    # 100 % is at 3, 0 at 97; four frames have their middles at 125, 375, 625, 875 of 1000; the first class is on top.
    assert lines[1] == ("0,3.0 125.0,3.0 375.0,34.3 625.0,65.7 875.0,97.0 1000,97.0", SERIES[0])
    assert lines[0][0].startswith("0,97.0 125.0,97.0")
    (strip,) = values["strips"]
    assert (strip["name"], strip["range"]) == ("fine 2 to coarse 1", "0.20 to 0.60")
    assert re.findall(r'opacity="([\d.]+)"', strip["svg"]) == ["0.00", "0.50", "1.00"]  # nothing is known of the last
    assert values["joints"] == "joints: coarse 2 to fine 2, 0.00 to 1.00"


@pytest.mark.parametrize(
    ("values", "expected"),
    [([0.2, 0.4, np.nan, 0.6], [0, 0.5, np.nan, 1]), ([0.5, 0.5], [0.5, 0.5]), ([np.nan], [np.nan]), ([], [])],
)
def test_values_are_stretched_from_the_lowest_to_the_highest(values: list[float], expected: list[float]) -> None:
    given: NDArray[np.float64] = np.array(values, dtype=np.float64)
    np.testing.assert_allclose(stretched(given), expected)


def test_the_page_says_what_is_shown() -> None:
    said = " ".join(notes(make_insight()))
    assert "2 classes" in said
    assert "a window of 2 frames (a third of the recording), every frame" in said
    assert "coarse 2 to fine 2" in said
    assert "no gates between its heads, so there are predictions only" in " ".join(notes(make_insight(gates=False)))


@pytest.mark.parametrize("gates", [True, False])
def test_a_page_with_charts_needs_nothing_else(gates: bool) -> None:
    insight = make_insight(("main",) if not gates else ("fine", "coarse"), gates=gates)
    clip = make_clip(make_scene(SkeletonSequence(standing(), NTU25)), fps=30, heat=None)
    page = fill("clip.html", clip=clip, insight=insight_values(insight))
    assert_self_contained(page)
    parts = Parts(page)
    assert "b" not in parts.tags  # the class's markup stayed text
    assert page.count('class="playhead"') == (3 if gates else 1)
    assert ("prediction</div>" in page) != gates


def test_a_long_recording_makes_no_large_page() -> None:
    values = insight_values(make_insight(frames=20_000))
    assert len(values["charts"][0]["svg"]) < 30_000
    assert len(values["strips"][0]["svg"]) < 150_000
