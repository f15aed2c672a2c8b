from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dualhead.data.store import Store
from dualhead.errors import ConfigError
from dualhead.models.checkpoint import save_checkpoint
from dualhead.models.registry import create_model
from dualhead.sequence import SkeletonSequence
from dualhead.skeleton import KINECT20, NTU25, OPENPOSE18
from dualhead.visualize.animation import render

from .test_page import assert_self_contained


def test_a_raw_file_becomes_a_gif(small_store: Store, tmp_path: Path) -> None:
    raw = small_store.path.parent / "raw" / "S001C001P001R001A003.skeleton"
    out = render(raw, tmp_path / "clip.gif", size=80, turn=30)
    with Image.open(out) as image:
        assert (image.n_frames, image.size) == (7, (80, 90))  # type: ignore[attr-defined]
        assert image.convert("RGB").getpixel((0, 0)) == (255, 255, 255)


def test_a_sample_becomes_a_page(small_store: Store, tmp_path: Path) -> None:
    out = render(small_store.path, tmp_path / "clip.html", sample="S001C001P003R001A001", start=1, stop=4)
    page = out.read_text(encoding="utf-8")
    assert_self_contained(page)
    assert f"S001C001P003R001A001 · {small_store.classes[0]}" in page
    assert '"shape": [1, 3, 25]' in page


@pytest.mark.parametrize("skeleton", [KINECT20, OPENPOSE18])
@pytest.mark.parametrize("kind", ["html", "gif"])
def test_other_skeletons_and_single_frames(tmp_path: Path, skeleton: object, kind: str) -> None:
    assert skeleton in (KINECT20, OPENPOSE18)
    layout = KINECT20 if skeleton is KINECT20 else OPENPOSE18
    joints = np.random.default_rng(0).random((2, 1, layout.num_joints, layout.dimensions)).astype(np.float32)
    assert render(SkeletonSequence(joints, layout), tmp_path / f"clip.{kind}", size=64).stat().st_size > 500


def test_the_default_name_stays_in_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    joints = np.random.default_rng(0).random((1, 2, 25, 3)).astype(np.float32)
    assert render(SkeletonSequence(joints, NTU25, name="../../etc/pass wd")) == Path("etc_pass_wd.html")
    assert render(SkeletonSequence(joints, NTU25)) == Path("recording.html")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["etc_pass_wd.html", "recording.html"]


def test_with_a_checkpoint_the_prediction_is_written(small_store: Store, tmp_path: Path) -> None:
    model = create_model("dualhead", num_classes=2, skeleton="ntu25", width=12)
    provenance = {"recipe": "resample64", "stream": "bone", "classes": ["left <b>", "left <b>"]}
    save_checkpoint(tmp_path / "bone.safetensors", model, provenance)
    sequence = small_store[0]
    page = render(sequence, tmp_path / "clip.html", checkpoint=[tmp_path / "bone.safetensors"]).read_text("utf-8")
    assert "S001C001P001R001A001 · predicted left &lt;b&gt; (" in page


def test_what_cannot_be_asked_for(person: SkeletonSequence, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"unknown kind of picture '\.avi': .*\.html, \.gif, \.mp4"):
        render(person, tmp_path / "clip.avi")
    with pytest.raises(ConfigError, match="fps is 0"):
        render(person, tmp_path / "clip.gif", fps=0)
    with pytest.raises(ConfigError, match="size is 5000"):
        render(person, tmp_path / "clip.gif", size=5000)
    monkey = pytest.MonkeyPatch()
    monkey.setenv("PATH", str(tmp_path))
    with monkey.context(), pytest.raises(ConfigError, match="ffmpeg"):
        render(person, tmp_path / "clip.mp4")
    monkey.undo()
    assert not list(tmp_path.iterdir())
