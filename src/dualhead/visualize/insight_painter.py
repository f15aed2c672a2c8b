"""Predictions over time, drawn with Pillow under the pictures of a GIF or video."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from PIL import ImageDraw, ImageFont

from dualhead.visualize.colours import SERIES, mixed, rgb
from dualhead.visualize.insight_page import stretched

if TYPE_CHECKING:
    from dualhead.visualize.insight import Insight

_LINE, _CHART, _STRIP, _GAP = 0.05, 0.13, 0.03, 0.015


class InsightPainter:
    """Draws, from the top down: a chart a head, the names of the classes, and a strip a temporal gate.

    Args:
        insight: The insight of the frames that are drawn.
        colours: Colours by role, `LIGHT` or `DARK`.
    """

    def __init__(self, insight: Insight, colours: Mapping[str, str]):
        self._insight, self._colours = insight, colours
        self._strips = [(gate.name, stretched(gate.values)) for gate in insight.gates]

    @property
    def height(self) -> float:
        """Its height in parts of the picture's width."""
        charts = len(self._insight.heads) * (_LINE + _CHART)
        return charts + len(self._insight.classes) * _LINE + len(self._strips) * (_LINE + _STRIP) + 2 * _GAP

    def draw(self, draw: ImageDraw.ImageDraw, frame: int, size: int, top: int) -> None:
        """Draw it with a mark at a frame; see `painter.Below`."""
        font = ImageFont.load_default(size / 32)
        margin, y = size // 32, float(top + _GAP * size)
        wide = size - 2 * margin
        at = margin + wide * (frame + 0.5) / self._insight.num_frames
        ink, soft = rgb(self._colours["ink"]), rgb(self._colours["soft"])

        def write(text: str, colour: tuple[int, int, int], left: float = 0.0) -> None:
            nonlocal y
            shown = " ".join(text.split())[:200].encode("latin-1", "replace").decode("latin-1")
            while shown and font.getlength(shown) > wide - left:
                shown = shown[:-4] + "..." if len(shown) > 4 else ""
            y += _LINE * size
            draw.text((margin + left, y - 0.015 * size), shown, fill=colour, font=font, anchor="ls")

        def mark(bottom: float, above: float) -> None:
            draw.line([(at, above), (at, bottom)], fill=ink, width=max(2, size // 300))

        several = len(self._insight.heads) > 1
        for head, curves in zip(self._insight.heads, self._insight.curves, strict=True):
            best = int(curves[:, frame].argmax())
            said = f"{self._insight.classes[best]} {100 * curves[best, frame]:.0f} %"
            write(f"{head} head: {said}" if several else said, ink)
            bottom = y + _CHART * size
            draw.rectangle((margin, y, margin + wide, bottom), outline=rgb(self._colours["line"]), width=2)
            x = margin + wide * (np.arange(curves.shape[1]) + 0.5) / curves.shape[1]
            for number in reversed(range(len(curves))):
                heights = bottom - (bottom - y) * (0.04 + 0.92 * curves[number])
                points = [(margin, heights[0]), *zip(x, heights, strict=True), (margin + wide, heights[-1])]
                draw.line(
                    [(float(a), float(b)) for a, b in points], fill=rgb(SERIES[number]), width=max(2, size // 200)
                )
            mark(bottom, y)
            y = bottom
        for number, name in enumerate(self._insight.classes):
            write(name, soft, left=0.06 * size)
            level = y - 0.026 * size
            draw.line(
                [(margin, level), (margin + 0.045 * size, level)], fill=rgb(SERIES[number]), width=max(3, size // 130)
            )
        for name, values in self._strips:
            known = self._insight.gates[[item for item, _ in self._strips].index(name)].values
            finite = known[np.isfinite(known)]
            said = f", {finite.min():.2f} to {finite.max():.2f}" if finite.size else ""
            write(f"gate {name}{said}", soft)
            bottom = y + _STRIP * size
            for number, share in enumerate(values.tolist()):
                if np.isfinite(share):
                    left, right = (margin + wide * (number + step) / len(values) for step in (0, 1))
                    fill = mixed(self._colours["shut"], self._colours["open"], share)
                    draw.rectangle((left, y, right, bottom), fill=fill)
            mark(bottom, y)
            y = bottom
