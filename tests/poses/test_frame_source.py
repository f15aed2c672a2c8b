from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from dualhead.poses.frame_source import open_frame_source
from dualhead.runtime.errors import FormatError
from tests.poses.videos import gray


def test_a_folder_of_pictures_is_a_video(tmp_path: Path) -> None:
    for number in (2, 1, 3):
        Image.fromarray(gray(8 * number)).save(tmp_path / f"{number}.png")
    (tmp_path / "2.png").write_bytes(b"damaged")
    (tmp_path / "notes.txt").write_text("no picture")
    with open_frame_source(tmp_path, fps=5) as pictures:
        frames = list(pictures.frames())
    assert [frame.time for frame in frames] == [0, 0.2, 0.4]
    assert [round(float(frame.pixels[-1, -1, 0]) / 8) for frame in frames] == [1, 1, 3]
    assert pictures.damage.frames == 1


def test_a_picture_is_turned_as_its_camera_says(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    Image.fromarray(gray(0)).save(tmp_path / "a.jpg", exif=exif)
    with open_frame_source(tmp_path / "a.jpg") as picture:
        assert (picture.width, picture.height) == (48, 64)


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="picture"):
        open_frame_source(tmp_path)
