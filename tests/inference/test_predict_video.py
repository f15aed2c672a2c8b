"""`predict` of a video with a checkpoint that learned from something else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dualhead.cli import main
from dualhead.formats.video import DOMAIN_GAP
from dualhead.poses.video_file import encode_video
from dualhead.synthetic.videos import VideoTake
from tests.inference.builders import write_checkpoint


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory, pose_weights: Path) -> Path:
    """A folder of two short videos, and one that is damaged."""
    folder = tmp_path_factory.mktemp("videos")
    for action in ("clap", "kick"):
        pictures = [picture for picture, _ in zip(VideoTake(action, 1).pictures(), range(6), strict=False)]
        encode_video(pictures, folder / f"{action}.mp4", fps=6)
    (folder / "text.mp4").write_text("text")
    return folder


def test_what_to_expect_is_said_once(videos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checkpoint = write_checkpoint(tmp_path / "a.safetensors")
    code = main(["predict", str(checkpoint), str(videos), "--keep-poses", str(tmp_path / "kept"), "--device", "cpu"])
    said = capsys.readouterr()
    assert sum(DOMAIN_GAP in line for line in said.err.splitlines()) == 1
    assert [json.loads(line)["name"] for line in said.out.splitlines()] == ["clap", "kick"]
    assert "text.mp4" in said.err and code in (0, 1)
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == ["clap.npz", "kick.npz"]


def test_windows_count_by_the_rate_of_the_video(
    videos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = write_checkpoint(tmp_path / "a.safetensors", dataset="custom")
    words = [str(checkpoint), str(videos / "clap.mp4"), "--window", "0.5s", "--stride", "0.5s", "--every-window"]
    assert main(["predict", *words, "--device", "cpu"]) == 0
    said = capsys.readouterr()
    starts = [(line["start"], line["stop_s"]) for line in map(json.loads, said.out.splitlines())]
    assert starts == [(0, 0.5), (3, 1.0)] and DOMAIN_GAP not in said.err


def test_a_flat_checkpoint_takes_the_landmarks_in_the_picture(
    videos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = write_checkpoint(
        tmp_path / "a.safetensors", dataset="kinetics", protocol="official", skeleton="openpose18", recipe="dualhead16",
        classes=["clap", "kick"], body_selection="score",
    )  # fmt: skip
    assert main(["predict", str(checkpoint), str(videos / "kick.mp4"), "--device", "cpu"]) == 0
    (line,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert {item["class"] for item in line["top"]} == {"clap", "kick"}
