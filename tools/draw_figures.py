"""Draw the figures of the documentation into docs/images: `python tools/draw_figures.py`.

`--report REPORT.html` also photographs a report, such as that of `dualhead demo`, with chromium.
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
        top = y + height / 2 - 8.5 * (len(lines) - 1) + 4.5
        for number, line in enumerate(lines):
            self.text(x + width / 2, top + 17 * number, line, bold=number == 0, soft=number > 0)

    def text(
        self, x: float, y: float, words: str, *, bold: bool = False, soft: bool = False, at: str = "middle"
    ) -> None:
        """Write a line of words."""
        look = f'fill="{SOFT if soft else INK}" font-size="{12 if soft else 13.5}"' + (
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
    figure = Figure(960, 284, "From recordings to scores, predictions and pictures")
    steps = [
        (["recordings", "sensors, estimators,", "arrays, videos"], GREY),
        (["store", "raw joints, true length,", "memory-mapped"], BLUE),
        (["clips", "(N, C, T, V, M)", "recipe and stream"], BLUE),
        (["models", "one per stream:", "joint, bone, motions"], GREEN),
        (["fused scores", "joined by", "sample name"], ORANGE),
    ]
    left, width, gap, top, height = 20, 152, 40, 58, 76
    for number, (lines, fill) in enumerate(steps):
        x = left + number * (width + gap)
        figure.box(x, top, width, height, lines, fill)
        if number:
            figure.arrow([(x - gap + 3, top + height / 2), (x - 3, top + height / 2)])
    for number, words in enumerate(["prepare", "recipe", "train", "fuse"]):
        figure.text(left + (number + 1) * (width + gap) - gap / 2, top - 14, words, bold=True)
    models, scores = left + 3 * (width + gap), left + 4 * (width + gap)
    below = 206
    uses = [
        (left, ["predict", "files, folders, windows"]),
        (left + width + gap, ["serve", "webcam in the browser"]),
        (left + 2 * (width + gap), ["render", "player, GIF, mp4"]),
        (models, ["export", "ONNX, torch.export"]),
    ]
    trunk = (models + width / 2, 170)
    for x, lines in uses:
        figure.box(x, below, width, 58, lines, GREY)
        figure.arrow([(models + width / 2, top + height + 3), trunk, (x + width / 2, 170), (x + width / 2, below - 3)])
    figure.box(scores, below, width, 58, ["report", "tables, curves, errors"], GREY)
    figure.arrow([(scores + width / 2, top + height + 3), (scores + width / 2, below - 3)])
    figure.text(
        left, 166, "a checkpoint is one file with its classes, skeleton, recipe and stream", soft=True, at="start"
    )
    return figure


def heads() -> Figure:
    """Draw the two heads of DualHead-Net and their gates, with the sizes of the published depth."""
    figure = Figure(960, 330, "DualHead-Net: two heads that gate each other")
    fine, coarse, height = 62, 226, 56
    figure.box(20, 144, 120, 56, ["stem", "96 channels, T"], GREY)
    figure.box(180, fine, 130, height, ["1 x 1", "48 channels, T"], BLUE)
    figure.box(180, coarse, 130, height, ["each 2nd frame", "96 channels, T/2"], ORANGE)
    figure.arrow([(80, 141), (80, fine + height / 2), (177, fine + height / 2)])
    figure.arrow([(80, 203), (80, coarse + height / 2), (177, coarse + height / 2)])
    before = 310
    for level, x, wide, wider, frames, fewer in ((2, 352, 96, 192, "T/2", "T/4"), (3, 592, 192, 384, "T/4", "T/8")):
        figure.box(x, fine, 130, height, [f"fine block {level}", f"{wide} channels, {frames}"], BLUE)
        figure.box(x + 80, coarse, 130, height, [f"coarse block {level}", f"{wider} channels, {fewer}"], ORANGE)
        figure.arrow([(before + 3, fine + height / 2), (x - 3, fine + height / 2)])
        figure.arrow([((310 if level == 2 else 562) + 3, coarse + height / 2), (x + 77, coarse + height / 2)])
        figure.arrow([(x + 40, fine + height + 3), (x + 40, coarse + height / 2 - 5)], EDGES[BLUE], dashed=True)
        figure.text(x + 30, 160, "temporal gate", soft=True, at="end")
        figure.arrow([(x + 166, coarse - 3), (x + 166, fine + height / 2 + 5)], EDGES[ORANGE], dashed=True)
        figure.text(x + 158, 182, "spatial gate", soft=True, at="end")
        before = x + 130
    figure.box(830, fine, 116, height, ["fine logits", "mean, linear"], GREEN)
    figure.box(830, coarse, 116, height, ["coarse logits", "mean, linear"], GREEN)
    figure.arrow([(725, fine + height / 2), (827, fine + height / 2)])
    figure.arrow([(805, coarse + height / 2), (827, coarse + height / 2)])
    figure.text(888, 160, "their mean", soft=True)
    figure.text(888, 176, "predicts", soft=True)
    figure.text(20, 30, "Fine head: more frames", bold=True, at="start")
    figure.text(20, 314, "Coarse head: fewer frames, more channels", bold=True, at="start")
    figure.text(940, 30, "a gate g, 0 to 1, multiplies the features of the other head by 1 + g", soft=True, at="end")
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
