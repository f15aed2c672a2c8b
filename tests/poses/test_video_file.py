"""Videos that are written can be read back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dualhead.poses.video import Video
from dualhead.poses.video_file import encode_video
from dualhead.runtime.errors import ConfigError

pytest.importorskip("av")


def test_written_and_read_back(tmp_path: Path) -> None:
    pictures = [Image.new("RGB", (65, 47), (20 * number, 100, 50)) for number in range(10)]
    assert encode_video(pictures, tmp_path / "a.mp4", fps=12.5) == 10
    with Video(tmp_path / "a.mp4") as video:
        frames = list(video.frames())
        assert video.fps == 12.5
    assert len(frames) == 10 and frames[0].pixels.shape == (48, 66, 3)  # even sides
    assert [float(np.median(frame.pixels[..., 0])) for frame in frames] == pytest.approx(range(0, 200, 20), abs=6)


def test_no_picture_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"a\.mp4"):
        encode_video([], tmp_path / "a.mp4", fps=10)
    assert list(tmp_path.iterdir()) == []


def test_an_error_of_the_source_leaves_no_file(tmp_path: Path) -> None:
    def broken():  # type: ignore[no-untyped-def]
        yield np.zeros((16, 16, 3), np.uint8)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        encode_video(broken(), tmp_path / "a.mp4", fps=10)
    assert list(tmp_path.iterdir()) == []
