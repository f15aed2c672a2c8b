"""Writing an H.264 video with PyAV."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dualhead.poses.video import require_av
from dualhead.runtime.errors import ConfigError
from dualhead.runtime.files import replacing


def encode_video(
    pictures: Iterable[Image.Image | NDArray[np.uint8]], out: str | Path, *, fps: float, quality: int = 20
) -> int:
    """Write pictures as an H.264 mp4 that every player shows and that starts before it is loaded whole.

    Args:
        pictures: RGB pictures of one size; an odd side is extended by a pixel, since colours have half the resolution.
        out: The file to create or replace.
        fps: Frames a second.
        quality: Constant rate factor, 0 (lossless) to 51.

    Returns:
        How many frames were written.

    Raises:
        ConfigError: If PyAV is not installed, the list of pictures is empty, or the encoder fails.
    """
    av = require_av()
    count = 0
    with replacing(out) as temporary:
        try:
            with av.open(str(temporary), "w", format="mp4", options={"movflags": "+faststart"}) as container:
                stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001))
                stream.pix_fmt = "yuv420p"
                stream.options = {"crf": str(quality), "preset": "veryfast"}
                for picture in pictures:
                    pixels = _even(np.asarray(picture))
                    if not count:
                        stream.height, stream.width = pixels.shape[:2]
                    container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
                    count += 1
                if count:
                    container.mux(stream.encode(None))
        except (av.error.FFmpegError, ValueError) as error:
            raise ConfigError(f"PyAV could not write {str(out)!r} ({error})") from error
        if not count:
            raise ConfigError(f"no picture to write to {str(out)!r}")
    return count


def _even(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    high, wide = (side % 2 for side in pixels.shape[:2])
    return np.pad(pixels, ((0, high), (0, wide), (0, 0)), mode="edge") if high or wide else pixels
