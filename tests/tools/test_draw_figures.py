"""The drawn figures of the documentation are those that the script draws, and small."""

import importlib.util
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_SPEC = importlib.util.spec_from_file_location("draw_figures", ROOT / "tools" / "draw_figures.py")
assert _SPEC is not None and _SPEC.loader is not None
figures = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(figures)
IMAGES = ROOT / "docs" / "images"


@pytest.mark.parametrize("name", ["pipeline.svg", "heads.svg"])
def test_the_figures_are_as_drawn(name, tmp_path):
    assert figures.main(["--out", str(tmp_path)]) == 0
    drawn = (tmp_path / name).read_text(encoding="utf-8")
    assert drawn == (IMAGES / name).read_text(encoding="utf-8")
    assert ElementTree.fromstring(drawn).tag.endswith("svg")


@pytest.mark.parametrize("path", sorted(IMAGES.iterdir()), ids=lambda path: path.name)
def test_images_are_small(path):
    assert path.stat().st_size < 200_000
