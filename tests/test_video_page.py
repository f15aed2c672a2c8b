"""From drawn videos to a model that names new ones, as docs/video.md walks through it, and the page in a browser."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from dualhead.cli import main
from dualhead.inference.predictor import Predictor
from dualhead.sequence import SkeletonSequence
from dualhead.serve.server import Server, Settings
from dualhead.skeleton import NTU25
from dualhead.synthetic.videos import VIDEO_ACTIONS, VideoTake, generate_videos
from tests.serve.browser import Browser, chromium, programs, write_y4m

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[1] / "docs" / "video.md"

SMALL = shlex.split(
    """--recipe resample16 --epochs 30 --batch_size 8 --optimizer.name adamw --optimizer.lr 0.004
    --optimizer.weight_decay 0.05 --model.name dualhead_small --model.arguments.width 12
    --model.arguments.num_gcn_scales 3 --model.arguments.num_g3d_scales 2"""
)
"""What makes the training of the page fit into a test."""

NEW = (101, 102, 103)
"""Performers whom the model has not seen."""


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory, pose_weights: Path) -> Path:
    """A folder in which the page was walked through: `runs/mine`, and the videos of new performers in `new`."""
    folder = tmp_path_factory.mktemp("video")
    section = PAGE.read_text(encoding="utf-8").split("## Training on your own videos")[1].split("\n## ")[0]
    (code,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    lines = [line[2:].split() for line in re.findall(r"^\$ .*$", section, re.MULTILINE)]
    assert [line[1] for line in lines] == ["prepare", "train", "predict", "predict"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        exec(code, {})
        generate_videos("new", num_performers=len(NEW), first_performer=NEW[0], fps=10, size=(320, 240), quiet=True)
        first = next(Path("new").rglob("*.mp4"))
        for name in ("new.mp4", "long.mp4"):
            shutil.copy(first, name)
        for line in lines:
            more = {"prepare": ["--workers", "1", "--quiet"], "train": [*SMALL, "--quiet"]}.get(line[1], [])
            assert main([*line[1:], *more]) == 0, line
    return folder


@pytest.fixture(scope="module")
def predictor(walked: Path) -> Predictor:
    return Predictor.from_checkpoint(walked / "runs" / "mine" / "last.safetensors", device="cpu")


def test_new_videos_are_named_right(walked: Path, predictor: Predictor) -> None:
    """At least 90 % through poses; through the true joints, on which the model did not learn, it is for comparison."""
    assert predictor.dataset == "videos" and sorted(predictor.classes) == sorted(VIDEO_ACTIONS)
    videos = sorted((walked / "new").rglob("*.mp4"))
    right = [predictor.predict(path).top(1)[0].name == path.parent.name for path in videos]  # type: ignore[union-attr]
    assert len(right) == len(NEW) * len(VIDEO_ACTIONS)
    assert np.mean(right) >= 0.9
    true = []
    for path in videos:
        take = VideoTake(path.parent.name, int(path.stem[1:4]), fps=10)
        joints = take.truth().astype(np.float32)
        true.append(predictor.predict(SkeletonSequence(joints, NTU25, fps=10)).top(1)[0].name == take.action)
    assert np.mean(true) >= 0.75


def test_a_video_is_predicted_and_drawn_by_command(
    walked: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video = next((walked / "new" / "wave a hand").glob("*.mp4"))
    checkpoint, kept = str(walked / "runs" / "mine" / "last.safetensors"), str(tmp_path / "kept")
    window = ["--window", "2s", "--stride", "0.5s", "--keep-poses", kept]
    assert main(["predict", checkpoint, str(video), *window, "--format", "jsonl"]) == 0
    said = capsys.readouterr()
    lines = [json.loads(line) for line in said.out.splitlines()]
    assert lines[0]["class"] == "wave a hand" and lines[0]["start_s"] == 0
    assert "Kinect" not in said.err  # it learned from videos
    assert (Path(kept) / f"{video.stem}.npz").is_file()
    for ending in (".mp4", ".html"):
        out = tmp_path / f"seen{ending}"
        assert main(["render", str(video), "--checkpoint", checkpoint, "--out", str(out), *window]) == 0
    page = (tmp_path / "seen.html").read_text(encoding="utf-8")
    assert "data:video/mp4;base64," in page and '"class": "wave a hand"' in page
    assert not re.search(r"(src|href)=\"?http", page)
    assert (tmp_path / "seen.mp4").stat().st_size > 10_000


@pytest.fixture(scope="module")
def server(predictor: Predictor, pose_weights: Path) -> Iterator[Server]:
    found = Server(predictor, Settings("2s", "0.5s", 2, 2**20, pose_weights))
    thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield found
    found.shutdown()
    found.close()


@pytest.fixture(scope="module")
def browser(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser on the page, before whose webcam a new performer kicks."""
    if programs() is None:
        pytest.skip("chromium and its driver are not installed")
    folder = tmp_path_factory.mktemp("browser")
    camera = write_y4m(folder / "camera.y4m", VideoTake("kick", 101, size=(320, 240)).pictures())
    with chromium(folder, camera) as found:
        found.requests()
        found.resize(1200, 900)
        found.open(server.url)
        found.wait(lambda: found.run("return document.body.dataset.ready"))
        yield found


def test_the_webcam_shows_the_right_label(browser: Browser, tmp_path: Path) -> None:
    browser.click("#start")
    browser.wait(lambda: "kick" in browser.text("#now"), 90)
    browser.wait(lambda: browser.text("#delay-ms").endswith("ms") and browser.text("#fps") != "\u2013")
    assert browser.text("#trouble") == ""
    assert {"fine", "coarse"} <= set(browser.text("#live-bars").split())
    assert browser.run("return document.querySelectorAll('#live-bars svg polyline').length") >= 1
    assert browser.run("return document.querySelectorAll('#live-lanes .lane').length") == 3
    if place := os.environ.get("DUALHEAD_PICTURE"):  # the picture of the documentation
        browser.screenshot(Path(place))
    drawn = """const canvas = document.getElementById('overlay');
        const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
        return pixels.some((value) => value)"""
    browser.wait(lambda: browser.run(drawn))
    browser.resize(400, 800)  # a telephone: nothing is wider than the window
    browser.wait(lambda: browser.run("return innerWidth < 600"))
    assert browser.run("return document.documentElement.scrollWidth <= innerWidth")
    browser.resize(1200, 900)
    browser.click("#stop")
    assert browser.run("return document.getElementById('camera').srcObject === null")


def test_a_dropped_video_is_played_with_its_timeline(browser: Browser, walked: Path) -> None:
    browser.click("#tab-file")
    browser.choose_file("#pick", next((walked / "new" / "sit down").glob("*.mp4")))
    browser.wait(lambda: browser.text("#result-name") or browser.text("#trouble"), 90)
    assert browser.text("#trouble") == ""
    assert "sit down" in browser.text("#result-whole")
    assert browser.text("#player .block") == "sit down"
    assert [line for line in browser.text("#downloads").splitlines() if line] == [
        "download", "JSON lines", "CSV", "annotated mp4",
    ]  # fmt: skip
    before = browser.text("#player output")
    browser.press("\ue014")  # arrow to the right
    browser.wait(lambda: browser.text("#player output") != before)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [("empty.mp4", b"", "is empty"), ("text.mp4", b"text", "not a video"), ("big.mp4", b"x" * (2**20 + 9), "at most")],
)
def test_files_that_get_a_sentence(browser: Browser, tmp_path: Path, name: str, content: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(content)
    browser.click("#tab-file")
    browser.choose_file("#pick", tmp_path / name)
    said = browser.wait(lambda: browser.text("#trouble"))
    assert name in said and words in said
    assert browser.run("return !document.getElementById('drop').hidden")


def test_nothing_is_asked_of_anybody_else(browser: Browser, server: Server) -> None:
    own = f"http://127.0.0.1:{server.port}/"
    asked = [url for url in browser.requests() if not url.startswith(("data:", "blob:", "chrome:"))]
    assert any("/live/frame" in url for url in asked) and any("/files" in url for url in asked)
    assert [url for url in asked if not url.startswith(own)] == []


def test_the_keyboard_changes_tabs(browser: Browser) -> None:
    browser.run("document.getElementById('tab-file').focus()")
    browser.press("\ue012")  # arrow to the left
    assert browser.run("return document.activeElement.id") == "tab-live"
    assert browser.run("return document.getElementById('file').hidden")
