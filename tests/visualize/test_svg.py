from __future__ import annotations

import pytest

from dualhead.visualize.svg import STAND_IN, blank, plain, shorten, to_svg

from .test_page import assert_self_contained


def test_colours_become_those_of_the_page_and_text_stays_text() -> None:
    figure, axes = blank(2, 1)
    axes.set_xlabel(plain("a $b$ <c>"), color=STAND_IN["soft"])
    svg = to_svg(figure, 'title "1"')
    assert svg.startswith("<svg")
    assert "a $b$ &lt;c&gt;" in svg
    assert "fill: var(--soft)" in svg
    assert not [colour for colour in STAND_IN.values() if colour in svg]
    assert 'aria-label="title &#34;1&#34;"' in svg
    assert_self_contained(svg)


def test_names_are_cut_and_never_empty() -> None:
    assert shorten("abcdef", 4) == "abc…"
    assert shorten("ab cd ef", 4) == "ab…"
    assert shorten(" a\nb ") == "a b"
    assert plain("_") == "?"


def test_names_that_the_font_or_no_text_can_show(recwarn: pytest.WarningsRecorder) -> None:
    figure, axes = blank(2, 1)
    axes.set_xlabel(shorten("日本 \x1b[31m 😀"))
    axes.set_ylabel(plain("a\ud800b"))
    svg = to_svg(figure, "names")
    assert "日本 &lt;1b&gt;[31m 😀" in svg
    assert "a&lt;d800&gt;b" in svg
    assert not list(recwarn)
