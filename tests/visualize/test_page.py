from __future__ import annotations

import base64
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from dualhead.sequence import SkeletonSequence
from dualhead.skeleton import NTU25
from dualhead.visualize.colours import DARK, LIGHT, rgb
from dualhead.visualize.page import fill, make_clip
from dualhead.visualize.scene import make_scene

from .conftest import standing


class Parts(HTMLParser):
    """What a browser sees: tags, attributes, and the text of scripts and styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.handlers: list[str] = []
        self.inline = ""
        self._open = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._open = tag
        self.addresses += [
            value or "" for name, value in attrs if name in ("src", "href", "xlink:href", "srcset", "data")
        ]
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        self.inline += "".join(value or "" for name, value in attrs if name == "style")

    def handle_data(self, data: str) -> None:
        if self._open in ("script", "style"):
            self.inline += data


def assert_self_contained(page: str) -> None:
    """Nothing in the page is fetched: no address but inside the page, no import, no frame."""
    parts = Parts(page)
    assert not [address for address in parts.addresses if not address.startswith(("#", "data:image/"))]
    assert not {"link", "iframe", "object", "embed", "base"} & set(parts.tags)
    assert not parts.handlers
    assert not re.search(r"(?i)@import|https?:|url\((?!#)|\bfetch\(|XMLHttpRequest|WebSocket", parts.inline)


def test_the_check_for_addresses_can_fail() -> None:
    for bad in (
        '<img src="a.png">',
        "<style>@import 'x'</style>",
        '<link href="#x">',
        "<p onclick='x'>",
        "<script>fetch(1)</script>",
    ):
        with pytest.raises(AssertionError):
            assert_self_contained(bad)


def test_points_survive_the_packing() -> None:
    joints = standing(bodies=2)
    joints[1, 2] = 0
    scene = make_scene(SkeletonSequence(joints, NTU25, name="two"))
    data = make_clip(scene, fps=30).data
    whole = np.frombuffer(base64.b64decode(data["data"]), "<i2").reshape(2, 4, 25, 3)
    assert data["shape"] == [2, 4, 25]
    assert (whole[1, 2] == -32768).all()
    np.testing.assert_allclose(whole[0] / 8191, scene.points[0], atol=1e-4)
    assert [4, 5, "left"] in data["bones"]
    assert json.loads(json.dumps(data)) == data


def test_heat_goes_from_0_to_254_and_255_is_none() -> None:
    heat = np.full((1, 4, 25), np.nan)
    heat[0, 1, :3] = 0, 0.5, 1
    data = make_clip(make_scene(SkeletonSequence(standing(), NTU25)), fps=30, heat=heat).data
    whole = np.frombuffer(base64.b64decode(data["heat"]), np.uint8).reshape(1, 4, 25)
    assert whole[0, 1, :4].tolist() == [0, 127, 254, 255]
    assert (whole[0, 0] == 255).all()
    assert "heat" not in make_clip(make_scene(SkeletonSequence(standing(), NTU25)), fps=30).data


def test_far_points_are_cut_off_and_not_wrapped_round() -> None:
    joints = standing(frames=40)
    joints[0, 7, 11, 1] = 900
    data = make_clip(make_scene(SkeletonSequence(joints, NTU25)), fps=30).data
    whole = np.frombuffer(base64.b64decode(data["data"]), "<i2").reshape(1, 40, 25, 3)
    assert whole[0, 7, 11, 1] == 4 * 8191


def test_a_page_needs_nothing_else_and_escapes_names() -> None:
    evil = """</script><script>alert("1")</script> & <img src=x onerror='y'>"""
    scene = make_scene(SkeletonSequence(standing(), NTU25, name=evil))
    page = fill("clip.html", clip=make_clip(scene, fps=30, caption=evil))
    tags = Parts(page).tags
    assert tags.count("script") == 2  # the data's and the player's
    assert "img" not in tags
    assert "&lt;/script&gt;&lt;script&gt;" in page
    assert_self_contained(page)


@pytest.mark.parametrize("part", ["<canvas", 'type="range"', "<button", "<noscript", "prefers-color-scheme: dark"])
def test_the_player_is_there(person: SkeletonSequence, part: str) -> None:
    assert part in fill("clip.html", clip=make_clip(make_scene(person), fps=30))


def test_the_data_in_the_page_are_the_clip(person: SkeletonSequence) -> None:
    clip = make_clip(make_scene(person), fps=25)
    page = fill("clip.html", clip=clip)
    found = re.search(r'<script type="application/json">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    assert json.loads(found[1]) == clip.data
    assert clip.label == "S001C001P001R001A001"


def test_the_page_uses_no_colour_that_is_not_there() -> None:
    folder = Path(__file__).parents[2] / "src" / "dualhead" / "visualize" / "assets"
    texts = [file.read_text("utf-8") for file in folder.glob("*.*")]
    used = {name for text in texts for name in re.findall(r"var\(--(\w+)\)", text)}
    set_by_scripts = {name for text in texts for name in re.findall(r'setProperty\("--(\w+)"', text)}
    assert used
    assert used <= set(LIGHT) | set_by_scripts
    assert set(LIGHT) == set(DARK)


def luminance(colour: str) -> float:
    """Relative luminance of WCAG 2."""
    parts = [part / 255 for part in rgb(colour)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))


@pytest.mark.parametrize("colours", [LIGHT, DARK])
@pytest.mark.parametrize(
    ("role", "least"),
    [("ink", 7), ("soft", 4.5), ("accent", 4.5), ("good", 4.5), ("bad", 4.5), ("left", 3), ("right", 3)],
)
def test_contrast_is_enough_to_read(colours: dict[str, str], role: str, least: float) -> None:
    for ground in ("paper", "panel"):
        light, dark = sorted([luminance(colours[role]), luminance(colours[ground])], reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= least
