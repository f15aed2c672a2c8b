"""Self-contained HTML: templates with everything they need inlined, so that a page opens offline from the disk."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from numpy.typing import NDArray

from dualhead.version import __version__
from dualhead.visualize.colours import DARK, LIGHT
from dualhead.visualize.scene import Scene

_UNIT = 8191
_ABSENT = -32768


@dataclass(frozen=True)
class Clip:
    """A scene as the player in `assets/player.html` takes it.

    Attributes:
        label: Plain name of the clip, read out to those who cannot see it.
        caption: Text above the picture; `Markup` is taken as HTML, other text is escaped.
        frames: T.
        bodies: M.
        flat: Whether there is nothing to turn.
        data: The data that `assets/player.js` reads: shape, bones, floor, fps, and the points as base64 of
            little-endian int16, `(M, T, V, 3)`; where joints have colours of their own, also `heat`, base64 of
            `(M, T, V)` bytes, 0 to 254, 255 for none.
    """

    label: str
    caption: str | Markup
    frames: int
    bodies: int
    flat: bool
    data: dict[str, Any]


def make_clip(
    scene: Scene,
    *,
    fps: float,
    label: str = "",
    caption: str | Markup = "",
    heat: NDArray[np.float64] | None = None,
) -> Clip:
    """Pack a scene for the player.

    Convention: points are rounded to 1/8191 of half the picture and cut off at 4 half pictures from its centre.

    Args:
        scene: The scene to play.
        fps: Frames a second at normal speed.
        label: Plain name; the scene's by default.
        caption: Text above the picture.
        heat: The strength of the colour of each joint, `(M, T, V)`, 0 to 1, NaN for not at all.

    Returns:
        The clip, about 6 bytes per joint, body and frame before base64.
    """
    whole = np.rint(np.clip(scene.points, -4, 4) * _UNIT)  # (M, T, V, 3)
    packed = np.where(np.isnan(whole), _ABSENT, whole).astype("<i2")
    data: dict[str, Any] = {
        "fps": fps,
        "shape": list(scene.points.shape[:3]),
        "bones": [[*edge, side] for edge, side in zip(scene.edges, scene.sides, strict=True)],
        "flat": scene.flat,
        "floor": None if scene.floor is None else round(scene.floor, 4),
        "data": base64.b64encode(packed.tobytes()).decode("ascii"),
    }
    if heat is not None:
        steps = np.rint(254 * np.where(np.isnan(heat), 255 / 254, heat)).astype(np.uint8)
        data["heat"] = base64.b64encode(steps.tobytes()).decode("ascii")
    return Clip(label or scene.name or "recording", caption, scene.num_frames, scene.num_bodies, scene.flat, data)


def fill(template: str, **values: Any) -> str:
    """Fill a template of `assets/`; every value that is not `Markup` is escaped.

    Args:
        template: The template's file name.
        **values: The values that it shows; `version`, `palette`, `css` and `script` are there already.

    Returns:
        The page.
    """
    environment = Environment(
        loader=PackageLoader("dualhead.visualize", "assets"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    shared = {
        "version": __version__,
        "palette": Markup(palette()),
        "css": Markup(asset("base.css")),
        "script": Markup(asset("player.js")),
    }
    return environment.get_template(template).render(**shared, **values)


def asset(name: str) -> str:
    """Read a text file that comes with the package.

    Args:
        name: Its name in `assets/`.

    Returns:
        Its content.
    """
    return (files("dualhead.visualize") / "assets" / name).read_text(encoding="utf-8")


def palette() -> str:
    """Return the colours as CSS variables, light by default, dark where the reader's system is."""
    light = "".join(f"--{role}:{colour};" for role, colour in LIGHT.items())
    dark = "".join(f"--{role}:{colour};" for role, colour in DARK.items())
    return f":root{{{light}}}\n@media (prefers-color-scheme: dark){{:root{{{dark}}}}}"
