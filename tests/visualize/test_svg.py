from __future__ import annotations

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
