"""The ground of all plots: an empty figure in the page's colours, and its way into the page as inline SVG."""

from __future__ import annotations

import io
import re
import warnings

import matplotlib
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from dualhead.runtime.errors import printable_line

# Drawn in these colours, which nothing else uses, and turned into CSS variables of the page afterwards.
STAND_IN = {"ink": "#010203", "soft": "#010204", "line": "#010205", "accent": "#010206"}
"""Colours to draw with, by role of the page's."""


def plain(text: str) -> str:
    """Escape a name, so that matplotlib reads no mathematics or hidden legend entry in it, and drop control characters.

    Args:
        text: The name.

    Returns:
        One line.
    """
    return printable_line(text).replace("$", r"\$").lstrip("_") or "?"


def shorten(text: str, length: int = 28) -> str:
    """Cut a name to the room beside a plot.

    Args:
        text: The name.
        length: The most characters.

    Returns:
        One line, with an ellipsis where something is missing.
    """
    line = " ".join(text.split())
    return plain(line if len(line) <= length else line[: length - 1].rstrip() + "…")


def blank(width: float, height: float) -> tuple[Figure, Axes]:
    """Create an empty figure with one pair of axes and a transparent background.

    Args:
        width: In inches of 72 CSS points.
        height: Likewise.

    Returns:
        The figure and its axes.
    """
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasSVG(figure)
    axes = figure.add_subplot()
    axes.patch.set_visible(False)
    figure.patch.set_visible(False)
    axes.spines[["top", "right"]].set_visible(False)
    for spine in axes.spines.values():
        spine.set_color(STAND_IN["line"])
    axes.tick_params(colors=STAND_IN["soft"], labelcolor=STAND_IN["ink"], labelsize=9)
    axes.xaxis.label.set_color(STAND_IN["ink"])
    axes.yaxis.label.set_color(STAND_IN["ink"])
    return figure, axes


def to_svg(figure: Figure, title: str) -> Markup:
    """Write a figure as `<svg>` for the inside of a page: no header, no names or addresses, text as text.

    Args:
        figure: A figure of `blank`.
        title: Read out to those who cannot see it.

    Returns:
        The element.
    """
    buffer = io.StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with (
        matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": title, "svg.image_inline": True}),
        warnings.catch_warnings(),
    ):
        # The reader's browser has the glyphs: our font only measures the room of a name.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure.savefig(buffer, format="svg", metadata=nothing)
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r'\s(?:xmlns(?::xlink)?|version)="[^"]*"', "", text, count=3).replace("xlink:href", "href")
    # As a rule for everything it would reach out of the plot into the page.
    text = re.sub(r"<defs>\s*<style[^>]*>.*?</style>\s*</defs>", "", text, count=1, flags=re.DOTALL)
    # These groups are never referred to, and their names would come twice in a page of two plots.
    text = re.sub(r'<g id="[A-Za-z0-9_.]+_\d+">', "<g>", text)
    for role, colour in STAND_IN.items():
        text = text.replace(colour, f"var(--{role})")
    return Markup(
        text.replace("<svg", f'<svg role="img" stroke-linejoin="round" aria-label="{Markup.escape(title)}"', 1)
    )
