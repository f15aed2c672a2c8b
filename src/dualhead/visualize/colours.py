"""Colours of all pictures and pages, distinguishable without hue too: sides differ in lightness, bodies in fill."""

from __future__ import annotations

from types import MappingProxyType

LIGHT = MappingProxyType(
    {
        "paper": "#ffffff",
        "panel": "#f6f7f9",
        "line": "#dfe3e8",
        "ink": "#1b2430",
        "soft": "#5b6675",
        "accent": "#1f5fa8",
        "left": "#1f6fb8",
        "right": "#d0661a",
        "middle": "#55606e",
        "good": "#1d7a46",
        "bad": "#b3372f",
        "shut": "#e2dcef",
        "open": "#5b2a9d",
    }
)
"""Colours by role on a light ground, as `#rrggbb`. `left`, `right`, `middle`: limbs; `good`, `bad`: predictions; from
`shut` to `open`: gates."""

DARK = MappingProxyType(
    {
        "paper": "#14181e",
        "panel": "#1c222a",
        "line": "#323b47",
        "ink": "#e6eaf0",
        "soft": "#9aa6b5",
        "accent": "#6cb0f5",
        "left": "#5aa9f0",
        "right": "#f09450",
        "middle": "#a3afbd",
        "good": "#58c48a",
        "bad": "#f0857c",
        "shut": "#3b3450",
        "open": "#d0b0ff",
    }
)
"""The same roles on a dark ground."""


SERIES = ("#1f6fb8", "#d0661a", "#2a9461", "#9a5fc0", "#b58a00", "#c2456b", "#3d97a8", "#7a6a5a")
"""Colours of lines in one plot, seen on both grounds."""


def mixed(low: str, high: str, share: float) -> tuple[int, int, int]:
    """Mix two colours.

    Args:
        low: `#rrggbb` at share 0.
        high: `#rrggbb` at share 1.
        share: 0 to 1.

    Returns:
        Red, green, blue.
    """
    parts = [round(a + (b - a) * share) for a, b in zip(rgb(low), rgb(high), strict=True)]
    return parts[0], parts[1], parts[2]


def rgb(colour: str) -> tuple[int, int, int]:
    """Read `#rrggbb` as three numbers from 0 to 255.

    Args:
        colour: The colour as in `LIGHT`.

    Returns:
        Red, green, blue.
    """
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
