"""Small videos for the tests: frame k is gray of value 8 k, with a white corner that says which way is up."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np


def gray(value: int, size: tuple[int, int] = (64, 48)) -> np.ndarray:
    pixels = np.full((size[1], size[0], 3), value, np.uint8)
    pixels[:16, :16] = 255
    return pixels


def write_video(
    path: Path,
    count: int = 20,
    *,
    fps: int = 25,
    times: list[float] | None = None,
    size: tuple[int, int] = (64, 48),
    gop: int = 5,
) -> Path:
    """Write frames, at an even rate or at given times in seconds."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        stream.options = {"crf": "5", "g": str(gop), "bf": "0", "tune": "zerolatency"}
        for number in range(count):
            frame = av.VideoFrame.from_ndarray(gray(8 * number, size), format="rgb24")
            frame.pts = round(1000 * (number / fps if times is None else times[number]))
            frame.time_base = Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def turn(path: Path, degrees: int) -> Path:
    """Write into an mp4 that players are to turn it clockwise, as a phone does."""
    cos, sin = {90: (0, 1), 180: (-1, 0), 270: (0, -1)}[degrees]
    data = bytearray(path.read_bytes())
    start = data.index(b"tkhd") + 4 + 40  # version, times, track and so on of version 0
    matrix = (cos, sin, 0, -sin, cos, 0, 0, 0, 0x40000000 >> 16)
    for place, value in enumerate(matrix):
        fixed = (value << 16) & 0xFFFFFFFF
        data[start + 4 * place : start + 4 * place + 4] = fixed.to_bytes(4, "big")
    path.write_bytes(bytes(data))
    return path
