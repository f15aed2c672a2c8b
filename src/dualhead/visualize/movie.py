"""Pictures into a GIF or a video."""

from __future__ import annotations

import itertools
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from dualhead.poses.video import has_av
from dualhead.poses.video_file import encode_video
from dualhead.runtime.errors import ConfigError
from dualhead.runtime.files import replacing
from dualhead.visualize.colours import rgb

GIF_FRAMES = 1000
"""Most frames of a GIF: its encoder holds them all in memory."""

GIF_RATE = 50.0
"""Most frames per second of a GIF: viewers slow down those with a frame of under 2/100 s."""

GIF_LEAST_RATE = 0.0016
"""Fewest frames per second of a GIF: it counts the 1/100 s of a frame in 16 bits, which are 655 s."""

_SHADES = 4
"""Steps from the ground to a colour, for smooth edges: more of them only make the file larger."""


def gif_durations(frames: int, fps: float) -> list[int]:
    """Compute the duration of each frame: a GIF counts in 1/100 s, of which 1/30 s is not a multiple.

    Args:
        frames: Number of frames.
        fps: Frames a second.

    Returns:
        Milliseconds of each frame, multiples of 10, whose sum is right to 5 ms.
    """
    ends = [round((frame + 1) * 100 / fps) for frame in range(frames)]
    return [10 * (end - start) for start, end in itertools.pairwise([0, *ends])]


def write_gif(
    pictures: Iterable[Image.Image], out: str | Path, *, frames: int, fps: float, colours: Sequence[str], ground: str
) -> None:
    """Write an endlessly repeated GIF.

    Args:
        pictures: RGB pictures of one size, `frames` of them.
        out: The file to create or replace.
        frames: Number of pictures.
        fps: Frames a second.
        colours: The colours drawn with, `#rrggbb`, at most 60; all frames have these and their blends with the ground.
        ground: The colour drawn on.

    Raises:
        ConfigError: If there are more than `GIF_FRAMES` pictures, more than `GIF_RATE` or fewer than
            `GIF_LEAST_RATE` a second.
    """
    if frames > GIF_FRAMES:
        raise ConfigError(f"a GIF of {frames} frames is too large: use at most {GIF_FRAMES}, or .html or .mp4")
    if fps > GIF_RATE:
        raise ConfigError(f"a GIF cannot be played at {fps:g} frames per second: use at most {GIF_RATE:g}, or .html")
    if fps < GIF_LEAST_RATE:
        raise ConfigError(
            f"a GIF cannot be played at {fps:g} frames per second: use at least {GIF_LEAST_RATE:g}, or .html"
        )
    palette = _palette(colours, ground)
    reduced = (_reduced(picture, palette, rgb(ground)) for picture in pictures)
    first = next(reduced)
    with replacing(out) as temporary:
        first.save(
            temporary,
            format="GIF",
            save_all=True,
            append_images=reduced,
            duration=gif_durations(frames, fps),
            loop=0,
            disposal=1,
            optimize=False,
        )


def _palette(colours: Sequence[str], ground: str) -> Image.Image:
    """Build one palette for all frames, which is smaller than one each and avoids flicker."""
    shades = [rgb(ground)]
    for colour in colours:
        for step in range(1, _SHADES + 1):
            share = step / _SHADES
            mixed = [round(share * a + (1 - share) * b) for a, b in zip(rgb(colour), rgb(ground), strict=True)]
            shades.append((mixed[0], mixed[1], mixed[2]))
    palette = Image.new("P", (1, 1))
    palette.putpalette([value for shade in shades for value in shade])
    return palette


def _reduced(picture: Image.Image, palette: Image.Image, ground: tuple[int, int, int]) -> Image.Image:
    indices = np.array(picture.quantize(palette=palette, dither=Image.Dither.NONE))
    # Pillow looks colours up roughly, and a ground that is not quite white shows on a white page.
    indices[(np.asarray(picture) == ground).all(axis=-1)] = 0
    reduced = Image.fromarray(indices, mode="P")
    reduced.putpalette(palette.getpalette() or [])
    return reduced


def write_video(pictures: Iterable[Image.Image], out: str | Path, *, fps: float) -> None:
    """Write an H.264 video with PyAV where it is installed, else through the program `ffmpeg`.

    Args:
        pictures: RGB pictures of one size.
        out: The file to create or replace.
        fps: Frames a second.

    Raises:
        ConfigError: If neither is there, or the encoder fails; its last words are in the message.
    """
    if has_av():
        encode_video(pictures, out, fps=fps)
        return
    program = shutil.which("ffmpeg")
    if program is None:
        raise ConfigError(
            f"{str(out)!r} needs PyAV or the program ffmpeg, neither of which was found: "
            "pip install 'dualhead[video]', install ffmpeg, or use .gif or .html"
        )
    supply = iter(pictures)
    first = next(supply)
    width, height = first.size
    # yuv420p, the one layout that every player reads, has half the colour resolution: sides must be even.
    command = [
        program, "-hide_banner", "-loglevel", "error", "-y",
        "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", f"{fps:g}", "-i", "-",
        "-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2", "-pix_fmt", "yuv420p", "-movflags", "+faststart",
    ]  # fmt: skip
    with replacing(out) as temporary, tempfile.TemporaryFile() as words:
        process = subprocess.Popen([*command, str(temporary)], stdin=subprocess.PIPE, stderr=words)
        assert process.stdin is not None
        try:
            for picture in itertools.chain([first], supply):
                process.stdin.write(picture.tobytes())
            process.stdin.close()
        except BrokenPipeError:
            pass  # ffmpeg has ended early: its exit status and words, read below, say why
        except BaseException:
            process.kill()
            raise
        finally:
            status = process.wait()
        if status:
            words.seek(0)
            said = words.read().decode("utf-8", "replace").strip().splitlines()
            raise ConfigError(f"ffmpeg could not write {str(out)!r}: {said[-1] if said else f'exit status {status}'}")
