"""One recording as a moving picture: `dualhead render`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import track

from dualhead.errors import ConfigError, unknown
from dualhead.files import write_text
from dualhead.sequence import SkeletonSequence
from dualhead.visualize.colours import DARK, LIGHT
from dualhead.visualize.movie import write_gif, write_video
from dualhead.visualize.page import fill, make_clip
from dualhead.visualize.painter import paint
from dualhead.visualize.recordings import find_recording
from dualhead.visualize.scene import make_scene

KINDS = (".html", ".gif", ".mp4")
"""What can be written, by the end of the file's name."""

_SIZES = range(64, 2049)


def render(
    source: str | Path | SkeletonSequence,
    out: str | Path | None = None,
    *,
    sample: str | None = None,
    checkpoint: Sequence[str | Path] = (),
    fps: float = 30.0,
    start: int = 0,
    stop: int | None = None,
    size: int = 400,
    yaw: float = 0.0,
    turn: float = 0.0,
    dark: bool = False,
) -> Path:
    """Draw one recording as an HTML page, a GIF or a video.

    The page holds a player that works offline: play, step, and in 3D turn the skeleton with the mouse, a finger or the
    arrow keys. Left limbs are blue, right limbs orange; the second body has hollow joints. A 3D recording is seen from
    its camera and not mirrored.

    Args:
        source: A raw recording (.skeleton, NW-UCLA .json), a store's folder, or a recording in memory.
        out: The file to write, .html, .gif or .mp4 (which needs ffmpeg); default: the recording's name with .html, in
            the current folder.
        sample: Name of the sample to draw, where the source is a store.
        checkpoint: Checkpoints of one or more streams whose prediction is written above the recording.
        fps: Frames a second.
        start: First frame, from 0.
        stop: Frame before which to stop; default: the end.
        size: Width of a GIF or video in pixels, 64 to 2048.
        yaw: Degrees by which a GIF or video of a 3D recording is turned about the vertical axis.
        turn: Degrees by which it turns further over the clip.
        dark: Whether a GIF or video has a dark ground; the page follows the reader's system.

    Returns:
        The file that was written.

    Raises:
        ConfigError: If an argument cannot be used, there is no body to draw, or .mp4 is asked for without ffmpeg.
        FormatError: If the recording cannot be read.
        StoreError: If the store cannot be opened or holds no such sample.
        CheckpointError: If a checkpoint cannot be read.
    """
    if not 0 < fps <= 1000:
        raise ConfigError(f"fps is {fps:g}: give frames a second, above 0 and at most 1000")
    if size not in _SIZES:
        raise ConfigError(f"size is {size}: give a width in pixels, {_SIZES.start} to {_SIZES.stop - 1}")
    sequence, true_class = find_recording(source, sample)
    target = Path(f"{_file_name(sequence.name)}.html") if out is None else Path(out)
    kind = target.suffix.lower()
    if kind not in KINDS:
        raise unknown("kind of picture", kind or target.name, KINDS)
    scene = make_scene(sequence, start, stop)
    parts = [sequence.name, true_class, *_predicted(sequence, checkpoint)]
    caption = " · ".join(part for part in parts if part)
    console = Console(stderr=True)
    if kind == ".html":
        write_text(target, fill("clip.html", clip=make_clip(scene, fps=fps, label=caption or "recording")))
    else:
        colours = DARK if dark else LIGHT
        pictures = paint(scene, size=size, yaw=yaw, turn=turn, caption=caption, colours=colours)
        shown = track(
            pictures,
            f"drawing {escape(target.name)}",
            total=scene.num_frames,
            transient=True,
            console=console,
            disable=not console.is_terminal,
        )
        if kind == ".gif":
            ground = colours["paper"]
            drawn = [colour for role, colour in colours.items() if role not in ("paper", "panel")]
            write_gif(shown, target, frames=scene.num_frames, fps=fps, colours=drawn, ground=ground)
        else:
            write_video(shown, target, fps=fps)
    if console.is_terminal:
        console.print(f"wrote {escape(str(target))} ({scene.num_frames} frames)", highlight=False)
    return target


def _predicted(sequence: SkeletonSequence, checkpoint: Sequence[str | Path]) -> list[str]:
    """Say what checkpoints predict, as parts of a caption."""
    if not checkpoint:
        return []
    # Torch takes seconds to import, and most pictures are drawn without it.
    from dualhead.inference.predictor import Predictor

    top = Predictor.from_checkpoint(list(checkpoint)).predict(sequence).top(1)[0]
    return [f"predicted {top.name} ({100 * top.probability:.0f} %)"]


def _file_name(name: str) -> str:
    """Make a sample's name, which comes from a file, safe as a file name."""
    return re.sub(r"[^\w.-]+", "_", name).strip("._")[:120] or "recording"
