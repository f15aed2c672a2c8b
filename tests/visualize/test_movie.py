from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageSequence

from dualhead.poses.video import Video
from dualhead.runtime.errors import ConfigError
from dualhead.visualize import movie
from dualhead.visualize.movie import GIF_FRAMES, GIF_LEAST_RATE, gif_durations, write_gif, write_video

INK: dict[str, Any] = {"colours": ["#1f6fb8"], "ground": "#ffffff"}


def pictures(count: int) -> Iterator[Image.Image]:
    for number in range(count):
        picture = Image.new("RGB", (30, 20), "white")
        picture.putpixel((number, 5), (31, 111, 184))
        yield picture


def test_frames_sizes_colours_and_time_of_a_gif(tmp_path: Path) -> None:
    out = tmp_path / "a" / "clip.gif"
    write_gif(pictures(12), out, frames=12, fps=30, **INK)
    with Image.open(out) as image:
        assert (image.n_frames, image.size, image.info["loop"]) == (12, (30, 20), 0)  # type: ignore[attr-defined]
        frames = [(frame.info["duration"], frame.convert("RGB")) for frame in ImageSequence.Iterator(image)]
    assert sum(duration for duration, _ in frames) == 400  # 12 frames at 30 a second
    for number, (_, frame) in enumerate(frames):
        assert frame.getpixel((number, 5)) == (31, 111, 184)
        assert frame.getpixel((29, 19)) == (255, 255, 255)


def test_one_frame_is_a_gif(tmp_path: Path) -> None:
    write_gif(pictures(1), tmp_path / "one.gif", frames=1, fps=30, **INK)
    with Image.open(tmp_path / "one.gif") as image:
        assert image.n_frames == 1  # type: ignore[attr-defined]


def test_the_slowest_gif(tmp_path: Path) -> None:
    write_gif(pictures(2), tmp_path / "slow.gif", frames=2, fps=GIF_LEAST_RATE, **INK)
    with Image.open(tmp_path / "slow.gif") as image:
        assert image.info["duration"] == 625_000


def test_time_is_spread_over_hundredths() -> None:
    assert gif_durations(4, 30) == [30, 40, 30, 30]  # ends at 0.0333, 0.0667, 0.1, 0.1333 s
    assert sum(gif_durations(300, 30)) == 10_000
    assert gif_durations(2, 50) == [20, 20]


@pytest.mark.parametrize(
    ("frames", "fps", "words"),
    [
        (GIF_FRAMES + 1, 30, "too large"),
        (3, 60, "cannot be played at 60"),
        (3, 0.0015, "cannot be played at 0.0015 frames per second: use at least 0.0016"),
        (3, 5e-324, "at least 0.0016"),
    ],
)
def test_what_a_gif_cannot_be(tmp_path: Path, frames: int, fps: float, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        write_gif(pictures(3), tmp_path / "clip.gif", frames=frames, fps=fps, **INK)
    assert not list(tmp_path.iterdir())


def test_nothing_half_written_stays(tmp_path: Path) -> None:
    def breaks() -> Iterator[Image.Image]:
        yield from pictures(2)
        raise KeyboardInterrupt

    (tmp_path / "clip.gif").write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt):
        write_gif(breaks(), tmp_path / "clip.gif", frames=3, fps=30, **INK)
    assert [path.name for path in tmp_path.iterdir()] == ["clip.gif"]
    assert (tmp_path / "clip.gif").read_bytes() == b"old"


def test_pyav_writes_the_video_where_it_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("av")
    monkeypatch.setenv("PATH", str(tmp_path))  # no ffmpeg
    write_video(pictures(5), tmp_path / "clip.mp4", fps=10)
    with Video(tmp_path / "clip.mp4") as video:
        assert (video.fps, len(list(video.frames()))) == (10, 5)


def test_neither_pyav_nor_ffmpeg_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(movie, "has_av", lambda: False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match=r"clip\.mp4' needs PyAV .*dualhead\[video\].* ffmpeg, .* \.gif or \.html"):
        write_video(pictures(3), tmp_path / "clip.mp4", fps=30)
    assert not list(tmp_path.iterdir())


@pytest.fixture()
def no_av(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(movie, "has_av", lambda: False)


def stand_in(folder: Path, script: str) -> str:
    """A program called ffmpeg, and the PATH that finds it first."""
    program = folder / "bin" / "ffmpeg"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return f"{program.parent}{os.pathsep}{os.environ['PATH']}"


@pytest.mark.usefixtures("no_av")
def test_every_picture_reaches_ffmpeg_raw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", stand_in(tmp_path, 'for last; do :; done; echo "$@" > "$last"; wc -c >> "$last"'))
    out = tmp_path / "video" / "clip.mp4"
    write_video(pictures(5), out, fps=25)
    options, size = out.read_text().splitlines()
    assert "-pix_fmt rgb24 -s 30x20 -r 25 -i -" in options
    assert int(size) == 5 * 30 * 20 * 3
    assert [path.name for path in out.parent.iterdir()] == ["clip.mp4"]


@pytest.mark.usefixtures("no_av")
@pytest.mark.parametrize("reads", ["cat > /dev/null; ", ""])
def test_what_ffmpeg_says_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reads: str) -> None:
    monkeypatch.setenv("PATH", stand_in(tmp_path, f"{reads}echo first >&2; echo 'Unknown encoder' >&2; exit 3"))
    with pytest.raises(ConfigError, match=r"could not write '.*clip\.mp4': Unknown encoder"):
        write_video(pictures(30), tmp_path / "clip.mp4", fps=30)
    assert [path.name for path in tmp_path.iterdir()] == ["bin"]
