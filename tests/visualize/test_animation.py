from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dualhead.cli import main
from dualhead.data.store.store import Store
from dualhead.models.checkpoint import save_checkpoint
from dualhead.models.registry import create_model
from dualhead.runtime.errors import ConfigError, FormatError
from dualhead.sequence import SkeletonSequence
from dualhead.skeleton import KINECT20, NTU25, OPENPOSE18, Skeleton
from dualhead.visualize import movie
from dualhead.visualize.animation import render

from ..exporting.making import SMALL
from .browser import open_page
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


def test_what_was_written_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "a.npy", np.random.default_rng(0).random((2, 25, 3)))
    out = tmp_path / "[red].html"
    assert main(["render", str(tmp_path / "a.npy"), "--out", str(out), "--skeleton", "ntu25"]) == 0
    assert f"wrote {out}\n" in capsys.readouterr().err


def test_the_default_name_stays_in_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    joints = np.random.default_rng(0).random((1, 2, 25, 3)).astype(np.float32)
    for name, file in (
        ("../../etc/pass wd", ".._.._etc_pass wd"),
        ("été 日本 ✓", "été 日本 ✓"),
        ("été 日本 ✗", "été 日本 ✗"),
        ("a\n\x1b\ud800\0b", "a<0a><1b><d800><00>b"),
        ("..", ".."),
        ("日" * 300, "日" * 66),
    ):
        assert render(SkeletonSequence(joints, NTU25, name=name)) == Path(f"{file}.html")
        assert (tmp_path / f"{file}.html").is_file()
    assert render(SkeletonSequence(joints, NTU25)) == Path("recording.html")
    assert len(list(tmp_path.iterdir())) == 7


def make_checkpoint(
    folder: Path, name: str = "dualhead", skeleton: Skeleton = NTU25, recipe: str = "resample16"
) -> Path:
    model = create_model(name, num_classes=2, skeleton=skeleton, **SMALL[name])
    provenance = {"recipe": recipe, "stream": "bone", "classes": ["left <b>", "left <b>"]}
    save_checkpoint(folder / "bone.safetensors", model, provenance)
    return folder / "bone.safetensors"


def test_with_a_checkpoint_prediction_and_gates_are_shown(small_store: Store, tmp_path: Path) -> None:
    checkpoint = make_checkpoint(tmp_path)
    out = render(
        small_store.path, tmp_path / "clip.html", sample="S001C001P001R001A001", checkpoint=[checkpoint], start=1
    )
    page = out.read_text("utf-8")
    assert "S001C001P001R001A001 · " in page
    assert " · predicted left &lt;b&gt; (" in page
    assert_self_contained(page)
    assert page.count('class="track chart"') == 2
    assert page.count('class="track strip"') == 1
    found = re.search(r'<script type="application/json">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    heat = np.frombuffer(base64.b64decode(json.loads(found[1])["heat"]), np.uint8)
    assert heat.shape == (1 * 4 * 25,)  # one body, 5 frames without the first, 25 joints
    dom, console = open_page(out)
    assert not console
    assert 'class="playhead" style="left: ' in dom


def test_pictures_with_a_checkpoint_have_charts_below(person: SkeletonSequence, tmp_path: Path) -> None:
    out = render(person, tmp_path / "clip.gif", size=200, checkpoint=[make_checkpoint(tmp_path)])
    with Image.open(out) as image:
        # 1.125 and: two charts (0.18 each), two lines for classes (0.05 each), a strip (0.08) and the gaps (0.03).
        assert (image.n_frames, image.size) == (4, (200, 339))  # type: ignore[attr-defined]


def test_a_recording_in_pixels_needs_the_size_of_the_image(tmp_path: Path) -> None:
    checkpoint = make_checkpoint(tmp_path, "stgcn", OPENPOSE18, "uniform16")
    points = np.random.default_rng(0).uniform(100, 900, (1, 12, 18, 2)).astype(np.float32)
    np.save(tmp_path / "poses.npy", points)
    with pytest.raises(FormatError, match="look like pixels: pass the size of the image"):
        render(tmp_path / "poses.npy", tmp_path / "clip.html", checkpoint=[checkpoint])
    out = render(tmp_path / "poses.npy", tmp_path / "clip.html", checkpoint=[checkpoint], image_size=(1000, 1000))
    page = out.read_text("utf-8")
    assert "This model has no gates between its heads" in page
    assert '"flat": true' in page
    assert '"heat"' not in page


def test_an_array_is_drawn_where_its_skeleton_is_said(tmp_path: Path) -> None:
    np.save(tmp_path / "poses.npy", np.random.default_rng(0).random((1, 3, 25, 3)).astype(np.float32))
    page = render(tmp_path / "poses.npy", tmp_path / "clip.html", skeleton="ntu25").read_text("utf-8")
    assert '"shape": [1, 3, 25]' in page
    with pytest.raises(FormatError, match="skeleton"):
        render(tmp_path / "poses.npy", tmp_path / "other.html")


def test_what_cannot_be_asked_for(person: SkeletonSequence, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"unknown kind of picture '\.avi': .*\.html, \.gif, \.mp4"):
        render(person, tmp_path / "clip.avi")
    with pytest.raises(ConfigError, match="fps is 0"):
        render(person, tmp_path / "clip.gif", fps=0)
    with pytest.raises(ConfigError, match="size is 5000"):
        render(person, tmp_path / "clip.gif", size=5000)
    for angles in ({"yaw": float("inf")}, {"turn": float("nan")}):
        with pytest.raises(ConfigError, match=r"yaw is .* and turn is .*: pass both in degrees"):
            render(person, tmp_path / "clip.gif", **angles)
    monkey = pytest.MonkeyPatch()
    monkey.setenv("PATH", str(tmp_path))
    monkey.setattr(movie, "has_av", lambda: False)
    with monkey.context(), pytest.raises(ConfigError, match="ffmpeg"):
        render(person, tmp_path / "clip.mp4")
    monkey.undo()
    assert not list(tmp_path.iterdir())


def test_a_picture_is_not_written_over_what_is_read(small_store: Store, tmp_path: Path) -> None:
    checkpoint = tmp_path / "odd.html"
    checkpoint.write_text("weights")
    with pytest.raises(ConfigError, match=r"odd\.html is an input and would be overwritten"):
        render(small_store[0], checkpoint, checkpoint=[checkpoint])
    with pytest.raises(ConfigError, match=r"clip\.html is inside .*store"):
        render(small_store.path, small_store.path / "clip.html", sample=str(small_store.names[0]))
    frames = tmp_path / "frames"
    frames.mkdir()
    for number in range(2):
        (frames / f"clip_{number:012}_keypoints.json").write_text(
            json.dumps({"people": [{"pose_keypoints_2d": [0.5] * 75}]})
        )
    assert render(frames, frames / "clip.html").is_file()  # among frames it harms nothing
