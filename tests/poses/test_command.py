"""The command `poses`: one file for a video, a folder for a folder, resumed and with reasons."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dualhead.cli import main
from dualhead.poses import command
from dualhead.poses.command import poses
from dualhead.poses.recording import load_poses
from dualhead.runtime.errors import ConfigError, FormatError
from dualhead.synthetic.videos import VideoTake
from tests.poses.videos import write_video


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of three pictures of a drawn person."""
    folder = tmp_path_factory.mktemp("still")
    for number, picture in zip(range(3), VideoTake("wave a hand", 1).pictures(), strict=False):
        picture.save(folder / f"{number}.png")
    return folder


def test_a_folder_of_pictures_becomes_one_file(still: Path, tmp_path: Path, pose_weights: Path) -> None:
    poses(still, tmp_path / "out.npz", fps=10, weights=pose_weights, quiet=True)
    found = load_poses(tmp_path / "out.npz")
    assert found.joints.shape == (1, 3, 33, 3) and found.fps == 10
    assert found.source == still.name


def test_a_folder_of_videos_is_done_once(
    tmp_path: Path, pose_weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    videos = tmp_path / "videos"
    (videos / "wave").mkdir(parents=True)
    write_video(videos / "wave" / "a.mp4", 3)
    (videos / "b.mp4").write_bytes(b"not a video")
    poses(videos, tmp_path / "out")
    said = capsys.readouterr().err
    assert "no person was found" in said and "left out" in said and "b.mp4" in said
    kept = tmp_path / "out" / "wave" / "a.npz"
    before = kept.stat().st_mtime_ns
    assert load_poses(kept).num_people == 0
    poses(videos, tmp_path / "out")
    assert "done already" in capsys.readouterr().err and kept.stat().st_mtime_ns == before
    poses(videos, tmp_path / "out", max_people=1, quiet=True)  # another setting: done again
    assert kept.stat().st_mtime_ns > before


def test_fetch_finds_them_in_place(pose_weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["poses", "--fetch"]) == 0
    assert str(pose_weights) in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["poses"], "--fetch"),
        (["poses", "a.mp4"], "out"),
        (["poses", "a.mp4", "out.npz", "--fetch"], "a.mp4"),
        (["poses", "a.mp4", "out.json"], "out.json"),
        (["poses", "a.mp4", "out.npz", "--threads", "0"], "threads is 0"),
    ],
)
def test_wrong_arguments_are_one_sentence(words: list[str], names: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 1
    said = capsys.readouterr().err
    assert names in said and len(said.splitlines()) == 1


def test_a_folder_with_neither_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with pytest.raises(FormatError, match="picture"):
        poses(tmp_path / "in", tmp_path / "out.npz")


def test_videos_in_a_folder_need_a_folder(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", 2)
    with pytest.raises(ConfigError, match="a folder"):
        poses(tmp_path, tmp_path / "out.npz")


def test_poses_are_kept_and_looked_up(
    tmp_path: Path, still: Path, pose_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    estimator = command.PoseEstimator(pose_weights, keep=tmp_path / "kept")
    first = estimator.find(still)
    monkeypatch.setattr(command, "estimate", None)  # a second look would fail
    again = command.PoseEstimator(pose_weights, keep=tmp_path / "kept").find(still)
    assert np.array_equal(first.joints, again.joints)


def test_one_picture(tmp_path: Path, pose_weights: Path) -> None:
    Image.new("RGB", (64, 64)).save(tmp_path / "a.png")
    poses(tmp_path / "a.png", tmp_path / "a.npz", weights=pose_weights, quiet=True)
    assert load_poses(tmp_path / "a.npz").num_frames == 1
