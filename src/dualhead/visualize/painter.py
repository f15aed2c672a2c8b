"""Frames as pictures, drawn with Pillow: for GIF, video and stills."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from dualhead.visualize.colours import LIGHT, mixed, rgb
from dualhead.visualize.scene import Scene, turned

OVERSAMPLING = 2
"""Pictures are drawn this many times larger and scaled down, which smooths the edges."""

_Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

PITCH = 8.0
"""Degrees by which the viewer of a 3D scene looks down, so that the floor shows."""


class Below(Protocol):
    """A drawing under a picture."""

    @property
    def height(self) -> float:
        """Its height in parts of the picture's width."""

    def draw(self, draw: ImageDraw.ImageDraw, frame: int, size: int, top: int) -> None:
        """Draw it.

        Args:
            draw: The picture.
            frame: The frame, from 0.
            size: Width of the picture in pixels.
            top: The upper edge.
        """


def paint(
    scene: Scene,
    *,
    size: int = 400,
    yaw: float = 0.0,
    turn: float = 0.0,
    caption: str = "",
    colours: Mapping[str, str] = LIGHT,
    heat: NDArray[np.float64] | None = None,
    below: Below | None = None,
) -> Iterator[Image.Image]:
    """Draw every frame of a scene.

    Convention: left limbs have the colour `left`, right limbs `right`; y is up. The first body has filled joints, every
    other one hollow joints. Under the picture: the caption, the frame's number (from 1), and a bar of the time passed.

    Args:
        scene: The scene to draw.
        size: Width of the picture in pixels; the height is 1/8 more, for the caption.
        yaw: Degrees by which a 3D scene is turned about the vertical axis.
        turn: Degrees by which it turns further over the whole clip.
        caption: One line of text; characters that cannot be drawn are replaced.
        colours: Colours by role, `LIGHT` or `DARK`.
        heat: The strength of the colour of each joint, `(M, T, V)`, 0 to 1, NaN for none; coloured joints are larger.
        below: The drawing under the bar of time.

    Yields:
        T pictures, RGB, `size` wide.
    """
    height = round(size * (1.125 + (0 if below is None else below.height)))
    font = ImageFont.load_default(max(10, size / 32) * OVERSAMPLING)
    text = _fitted(caption, font, size * OVERSAMPLING, scene.num_frames)
    for frame in range(scene.num_frames):
        angle = (yaw % 360 + turn * (frame / scene.num_frames)) % 360
        points = scene.points[:, frame]  # (M, V, 3)
        if not scene.flat:
            points = turned(points, angle, PITCH)
        picture = Image.new("RGB", (size * OVERSAMPLING, height * OVERSAMPLING), rgb(colours["paper"]))
        draw = ImageDraw.Draw(picture)
        if scene.floor is not None:
            _floor(draw, scene.floor, angle, size * OVERSAMPLING, rgb(colours["line"]))
        _bodies(draw, scene, points, size * OVERSAMPLING, colours)
        if heat is not None:
            _heat(draw, points, heat[:, frame], size * OVERSAMPLING, colours)
        _label(draw, text, frame, scene.num_frames, size * OVERSAMPLING, font, colours)
        if below is not None:
            below.draw(draw, frame, size * OVERSAMPLING, round(size * 1.115) * OVERSAMPLING)
        yield picture.resize((size, height), Image.Resampling.BOX)


def _pixels(points: NDArray[np.float32], size: int) -> NDArray[np.float64]:
    """Map picture axes (-1..1, y up) to pixels (y down)."""
    half = size / 2
    return np.stack([half + points[..., 0] * half, half - points[..., 1] * half], axis=-1).astype(np.float64)


def _floor(draw: ImageDraw.ImageDraw, height: float, yaw: float, size: int, colour: tuple[int, int, int]) -> None:
    ticks = np.linspace(-0.9, 0.9, 7, dtype=np.float32)
    for tick in ticks:
        for ends in ([(tick, -0.9), (tick, 0.9)], [(-0.9, tick), (0.9, tick)]):
            line = np.array([(x, height, z) for x, z in ends], dtype=np.float32)
            draw.line([tuple(point) for point in _pixels(turned(line, yaw, PITCH), size)], fill=colour, width=2)


def _bodies(
    draw: ImageDraw.ImageDraw, scene: Scene, points: NDArray[np.float32], size: int, colours: Mapping[str, str]
) -> None:
    """Draw bones and joints of all bodies, the farthest first."""
    width = max(3, size // 110)
    strokes: list[tuple[float, int, int]] = []  # depth, body, bone
    for body in range(scene.num_bodies):
        depths = points[body, :, 2]
        strokes += [(float(depths[a] + depths[b]), body, bone) for bone, (a, b) in enumerate(scene.edges)]
    pixels = _pixels(points, size)  # (M, V, 2)
    for depth, body, bone in sorted(strokes):
        if not np.isfinite(depth):
            continue
        colour = rgb(colours[scene.sides[bone]])
        ends = [tuple(pixels[body, joint]) for joint in scene.edges[bone]]
        draw.line(ends, fill=colour, width=width)
        for x, y in ends:
            r = width * 0.9
            fill = colour if body == 0 else rgb(colours["paper"])
            draw.ellipse((x - r, y - r, x + r, y + r), fill=fill, outline=colour, width=max(2, width // 3))


def _heat(
    draw: ImageDraw.ImageDraw,
    points: NDArray[np.float32],
    heat: NDArray[np.float64],
    size: int,
    colours: Mapping[str, str],
) -> None:
    """Draw joints in the colour and size of their heat, the nearest last."""
    pixels = _pixels(points, size)  # (M, V, 2)
    drawn = np.argwhere(np.isfinite(points[..., 2]) & np.isfinite(heat)).tolist()
    for body, joint in sorted(drawn, key=lambda place: float(points[place[0], place[1], 2])):
        share = float(heat[body, joint])
        x, y = pixels[body, joint]
        r = max(3, size // 110) * (0.9 + 1.1 * share)
        fill = mixed(colours["shut"], colours["open"], share)
        draw.ellipse((x - r, y - r, x + r, y + r), fill=fill, outline=rgb(colours["middle"]), width=max(1, size // 500))


def _fitted(caption: str, font: _Font, size: int, frames: int) -> str:
    """Cut a caption to the space beside the frame's number; the built-in font has Latin letters only."""
    text = " ".join(caption.split())[:200].encode("latin-1", "replace").decode("latin-1")
    room = size - 3 * (size // 32) - font.getlength(f"{frames}/{frames}")
    while text and font.getlength(text) > room:
        text = text[:-4] + "..." if len(text) > 4 else ""
    return text


def _label(
    draw: ImageDraw.ImageDraw,
    text: str,
    frame: int,
    frames: int,
    size: int,
    font: _Font,
    colours: Mapping[str, str],
) -> None:
    margin, baseline = size // 32, size * 1.06
    draw.text((margin, baseline), text, fill=rgb(colours["ink"]), font=font, anchor="ls")
    number = f"{frame + 1}/{frames}"
    draw.text((size - margin, baseline), number, fill=rgb(colours["soft"]), font=font, anchor="rs")
    end = margin + (size - 2 * margin) * (frame + 1) / frames
    top, thick = size * 1.085, max(2, size // 160)
    draw.rectangle((margin, top, size - margin, top + thick), fill=rgb(colours["line"]))
    draw.rectangle((margin, top, end, top + thick), fill=rgb(colours["accent"]))
