"""Draw the figures of the documentation into docs/images: `python tools/draw_figures.py`.

`--report REPORT.html` also photographs a report, such as that of `dualhead demo`, with chromium. The live page is
photographed by its test: `DUALHEAD_PICTURE=docs/images/live.png pytest tests/test_video_page.py -k webcam`.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from html import escape
from pathlib import Path

from PIL import Image

IMAGES = Path(__file__).parents[1] / "docs" / "images"
INK, SOFT, LINE = "#1b2a33", "#51636e", "#8a9ba6"
BLUE, ORANGE, GREEN, GREY = "#dcecf9", "#fde8d4", "#ddf1e4", "#eef1f3"
EDGES = {BLUE: "#2f7fc1", ORANGE: "#d9822b", GREEN: "#2e9463", GREY: LINE}


class Figure:
    """An SVG made of boxes, arrows and words, on a white ground so that it reads on dark pages too.

    Attributes:
        size: Width and height.
    """

    def __init__(self, width: int, height: int, title: str):
        self.size = (width, height)
        self._parts = [f"<title>{escape(title)}</title>"]

    def box(self, x: float, y: float, width: float, height: float, lines: list[str], fill: str = GREY) -> None:
        """Draw a box whose first line is bold."""
        self._parts.append(
            f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="7" fill="{fill}" stroke="{EDGES[fill]}"/>'
        )
        top = y + height / 2 - 9.5 * (len(lines) - 1) + 5
        for number, line in enumerate(lines):
            self.text(x + width / 2, top + 19 * number, line, bold=number == 0, soft=number > 0)

    def text(
        self, x: float, y: float, words: str, *, bold: bool = False, soft: bool = False, at: str = "middle"
    ) -> None:
        """Write a line of words."""
        look = f'fill="{SOFT if soft else INK}" font-size="{14 if soft else 15}"' + (
            ' font-weight="600"' if bold else ""
        )
        self._parts.append(f'<text x="{x}" y="{y}" text-anchor="{at}" {look}>{escape(words)}</text>')

    def arrow(self, points: list[tuple[float, float]], colour: str = LINE, *, dashed: bool = False) -> None:
        """Draw a line through points that ends in an arrow."""
        path = " ".join(f"{'L' if number else 'M'}{x} {y}" for number, (x, y) in enumerate(points))
        dash = ' stroke-dasharray="5 4"' if dashed else ""
        self._parts.append(
            f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="1.7"{dash} marker-end="url(#head)"/>'
        )

    def save(self, path: Path) -> None:
        """Write the file."""
        width, height = self.size
        head = (
            '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
            'orient="auto">'
            '<path d="M0 0L8 4L0 8z" fill="context-stroke"/></marker></defs>'
        )
        content = "\n".join(self._parts)
        path.write_text(
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
            f'font-family="system-ui, Segoe UI, Roboto, Helvetica, Arial, sans-serif">\n{head}\n'
            f'<rect width="{width}" height="{height}" rx="10" fill="#fff"/>\n{content}\n</svg>\n',
            encoding="utf-8",
        )


def pipeline() -> Figure:
    """Draw the way from recordings to a report and to predictions."""
    figure = Figure(760, 306, "From recordings to scores, predictions and pictures")
    steps = [
        (["recordings", "sensors,", "poses, videos"], GREY),
        (["store", "raw joints,", "true length"], BLUE),
        (["clips", "(N, C, T, V, M)", "of a stream"], BLUE),
        (["models", "one for", "each stream"], GREEN),
        (["scores", "joined by", "sample name"], ORANGE),
    ]
    left, width, gap, top, height = 12, 118, 36, 52, 84
    for number, (lines, fill) in enumerate(steps):
        x = left + number * (width + gap)
        figure.box(x, top, width, height, lines, fill)
        if number:
            figure.arrow([(x - gap + 3, top + height / 2), (x - 3, top + height / 2)])
    for number, words in enumerate(["prepare", "recipe", "train", "fuse"]):
        figure.text(left + (number + 1) * (width + gap) - gap / 2, top - 14, words, bold=True)
    models, scores = left + 3 * (width + gap), left + 4 * (width + gap)
    below, rail = 218, 188
    uses = [
        (left, ["predict", "files, windows"]),
        (left + width + gap, ["serve", "webcam page"]),
        (left + 2 * (width + gap), ["render", "player, mp4"]),
        (models, ["export", "ONNX, PyTorch"]),
    ]
    for x, lines in uses:
        figure.box(x, below, width, 66, lines, GREY)
        middle = models + width / 2
        figure.arrow([(middle, top + height + 3), (middle, rail), (x + width / 2, rail), (x + width / 2, below - 3)])
    figure.box(scores, below, width, 66, ["report", "tables, errors"], GREY)
    figure.arrow([(scores + width / 2, top + height + 3), (scores + width / 2, below - 3)])
    figure.text(left, 170, "a checkpoint: weights, classes, skeleton, recipe", soft=True, at="start")
    return figure


def heads() -> Figure:
    """Draw the two heads of DualHead-Net and their gates, with the sizes of the published depth."""
    figure = Figure(760, 366, "DualHead-Net: two heads that gate each other")
    fine, coarse, height, width = 64, 244, 66, 112
    figure.box(12, 154, 84, height, ["stem", "96, T"], GREY)
    figure.box(112, fine, 92, height, ["1 x 1", "48, T"], BLUE)
    figure.box(112, coarse, 92, height, ["thinned", "96, T/2"], ORANGE)
    figure.arrow([(54, 151), (54, fine + height / 2), (109, fine + height / 2)])
    figure.arrow([(54, 223), (54, coarse + height / 2), (109, coarse + height / 2)])
    fine_end = coarse_end = 204
    for level, x, wide, wider, frames, fewer in ((2, 238, 96, 192, "T/2", "T/4"), (3, 430, 192, 384, "T/4", "T/8")):
        x_coarse = x + 62
        figure.box(x, fine, width, height, [f"fine {level}", f"{wide}, {frames}"], BLUE)
        figure.box(x_coarse, coarse, width, height, [f"coarse {level}", f"{wider}, {fewer}"], ORANGE)
        figure.arrow([(fine_end + 3, fine + height / 2), (x - 3, fine + height / 2)])
        figure.arrow([(coarse_end + 3, coarse + height / 2), (x_coarse - 3, coarse + height / 2)])
        figure.arrow([(x + 30, fine + height + 3), (x + 30, coarse + height / 2 - 5)], EDGES[BLUE], dashed=True)
        figure.text(x + 22, 168, "when", bold=True, at="end")
        figure.arrow([(x + 146, coarse - 3), (x + 146, fine + height / 2 + 5)], EDGES[ORANGE], dashed=True)
        figure.text(x + 138, 214, "where", bold=True, at="end")
        fine_end, coarse_end = x + width, x_coarse + width
    figure.box(624, fine, 124, height, ["fine logits", "mean, linear"], GREEN)
    figure.box(624, coarse, 124, height, ["coarse logits", "mean, linear"], GREEN)
    figure.arrow([(fine_end + 3, fine + height / 2), (621, fine + height / 2)])
    figure.arrow([(coarse_end + 3, coarse + height / 2), (621, coarse + height / 2)])
    figure.text(686, 180, "their mean", soft=True)
    figure.text(686, 198, "predicts", soft=True)
    figure.text(12, 32, "Fine head: more frames", bold=True, at="start")
    figure.text(12, 348, "Coarse head: fewer frames, more channels", bold=True, at="start")
    figure.text(748, 32, "channels, frames; a gate g scales features by 1 + g", soft=True, at="end")
    return figure


def recording(out: Path) -> None:
    """Draw a generated person as an animation, 15 frames a second."""
    import dualhead
    from dualhead.synthetic.videos import VideoTake

    take = VideoTake("kick", 3, fps=15)
    dualhead.render(dualhead.SkeletonSequence(take.truth(), "ntu25", fps=15), out, size=280, yaw=25)


def photograph(page: Path, out: Path, width: int = 1000, height: int = 1640) -> None:
    """Photograph the top of a page, in few colours so that the file is small."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        raise SystemExit("chromium was not found: install it to photograph a page")
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "page.png"
        command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        command += ["--hide-scrollbars", "--virtual-time-budget=4000", f"--window-size={width},{height}"]
        command += [f"--user-data-dir={folder}/profile", f"--screenshot={picture}", page.resolve().as_uri()]
        subprocess.run(command, check=True, capture_output=True)
        Image.open(picture).convert("RGB").quantize(64).save(out, optimize=True)


def main(arguments: list[str] | None = None) -> int:
    """Write the figures."""
    parser = argparse.ArgumentParser(description="Draw the figures of the documentation.")
    parser.add_argument("--out", type=Path, default=IMAGES, help="folder of the figures")
    parser.add_argument("--report", type=Path, help="a report to photograph as report.png")
    options = parser.parse_args(arguments)
    pipeline().save(options.out / "pipeline.svg")
    heads().save(options.out / "heads.svg")
    recording(options.out / "skeleton.gif")
    if options.report is not None:
        photograph(options.report, options.out / "report.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
