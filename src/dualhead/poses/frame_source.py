"""Frames at a constant rate, of a video, a picture or a folder of pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from dualhead.poses.video import HIGHEST_RATE, MOST_PIXELS, Damage, Frame, Video
from dualhead.runtime.errors import FormatError

if TYPE_CHECKING:
    pass

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")
"""File suffixes of images."""


@dataclass
class ImageSequence:
    """Image files in the order of their names, read like a video.

    Attributes:
        path: The folder, or the one picture.
        files: The pictures.
        fps: Frames a second that they are taken to have.
        width: Of the first picture in pixels; the others are brought to its size.
        height: Of the first picture in pixels.
        damage: Counts of what could not be decoded so far.
    """

    path: Path
    files: Sequence[Path]
    fps: float = HIGHEST_RATE
    width: int = 0
    height: int = 0
    damage: Damage = field(default_factory=Damage)

    def __post_init__(self) -> None:
        """Read the size of the first readable image.

        Raises:
            FormatError: If no picture can be decoded.
        """
        for file in self.files:
            pixels = self._read(file, None)
            if pixels is not None:
                self.height, self.width = pixels.shape[:2]
                return
        raise FormatError("none of its pictures can be decoded", self.path)

    def __enter__(self) -> ImageSequence:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close nothing: no stream stays open between calls."""

    @property
    def expected_frames(self) -> int | None:
        """Frames that `frames` is going to yield."""
        return len(self.files)

    def frames(self) -> Iterator[Frame]:
        """Yield the pictures; in the place of one that is damaged the one before it is repeated."""
        last: NDArray[np.uint8] | None = None
        for number, file in enumerate(self.files):
            pixels = self._read(file, (self.width, self.height))
            self.damage.frames += pixels is None
            shown = last if pixels is None else pixels
            if shown is None:
                shown = np.zeros((self.height, self.width, 3), np.uint8)
            yield Frame(number / self.fps, shown, repeated=pixels is None and last is not None)
            last = shown

    def _read(self, file: Path, size: tuple[int, int] | None) -> NDArray[np.uint8] | None:
        try:
            with Image.open(file) as raw:
                picture = ImageOps.exif_transpose(raw).convert("RGB")
        except (OSError, ValueError, Image.DecompressionBombError):
            return None
        if size is None:
            picture.thumbnail((MOST_PIXELS, MOST_PIXELS), Image.Resampling.BILINEAR)
        elif picture.size != size:
            picture = ImageOps.pad(picture, size, Image.Resampling.BILINEAR)
        return np.array(picture)


FrameSource = Video | ImageSequence
"""A source of frames at a constant rate."""


def is_image(path: str | Path) -> bool:
    """Return whether a file's name ends like that of a picture."""
    return str(path).lower().endswith(IMAGE_SUFFIXES)


def open_frame_source(path: str | Path, fps: float | None = None) -> FrameSource:
    """Open a video, an image or a folder of images.

    Args:
        path: The file or folder.
        fps: Frames a second; default: the video's own, at most 30; 30 for pictures.

    Returns:
        The frame source; close it, or use it as a context manager.

    Raises:
        ConfigError: If PyAV is needed and not installed, or `fps` is out of range.
        FormatError: If it cannot be read, or is a folder without pictures.
    """
    place = Path(path)
    if place.is_dir():
        files = sorted(file for file in place.iterdir() if file.is_file() and is_image(file))
        if not files:
            raise FormatError(f"the folder contains no picture ({', '.join(IMAGE_SUFFIXES)})", path)
        return ImageSequence(place, files, fps or HIGHEST_RATE)
    if is_image(place):
        if not place.is_file():
            raise FormatError("cannot be read: no such file", path)
        return ImageSequence(place, [place], fps or HIGHEST_RATE)
    return Video(place, fps)
