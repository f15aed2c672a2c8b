"""One recording as a moving picture: `dualhead render`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from dualhead.data.reader import Reader
from dualhead.data.store.store import closed_inputs
from dualhead.formats.video import domain_gap
from dualhead.poses.command import PoseEstimator
from dualhead.poses.video import is_video
from dualhead.runtime.errors import ConfigError, printable, unknown
from dualhead.runtime.files import check_apart, check_writable, write_text
from dualhead.runtime.progress import track
from dualhead.runtime.terminal import print_line
from dualhead.sequence import SkeletonSequence
from dualhead.visualize.colours import DARK, LIGHT, SERIES
from dualhead.visualize.insight_page import insight_values, stretched
from dualhead.visualize.insight_painter import InsightPainter
from dualhead.visualize.movie import write_gif, write_video
from dualhead.visualize.page import fill, make_clip
from dualhead.visualize.painter import paint
from dualhead.visualize.recordings import find_recording
from dualhead.visualize.scene import Scene, make_scene

if TYPE_CHECKING:
    from dualhead.inference.predictor import Predictor
    from dualhead.visualize.insight import Insight

KINDS = (".html", ".gif", ".mp4")
"""Suffixes of the files that can be written."""

_LONGEST_NAME = 200  # bytes; a file system has 255, some of which a temporary name needs

_SIZES = range(64, 2049)
_USUAL_FPS = 30.0


def render(
    source: str | Path | SkeletonSequence,
    out: str | Path | None = None,
    *,
    sample: str | None = None,
    checkpoint: Sequence[str | Path] = (),
    skeleton: str | Path | None = None,
    image_size: tuple[int, int] | None = None,
    fps: float | None = None,
    unit: str | None = None,
    kind: str | None = None,
    axes: str | None = None,
    start: int = 0,
    stop: int | None = None,
    size: int = 400,
    yaw: float = 0.0,
    turn: float = 0.0,
    dark: bool = False,
    window: str | None = None,
    stride: str | None = None,
    max_people: int = 2,
    pose_weights: Path | None = None,
    keep_poses: Path | None = None,
    quiet: bool = False,
) -> Path:
    """Draw one recording as an HTML page, a GIF or a video.

    The page holds a player that works offline: play, step, and in 3D turn the skeleton with the mouse, a finger or the
    arrow keys. Left limbs are blue, right limbs orange; the second body has hollow joints. A 3D recording is seen from
    its camera and not mirrored.

    A video is drawn as it is, with the skeletons that are found in it over the picture: as .mp4 with the class and the
    probability of the current window under it, or as .html with a timeline (docs/video.md).

    With checkpoints, the most probable class is written above the recording and the probabilities of the top classes
    over time are drawn under it, a chart a head, found in windows of a third of the recording. Where heads pass
    messages (DualHead-Net), the temporal gates are strips under the charts, and the spatial gate colours the joints.

    Args:
        source: A raw recording (.skeleton, .json, arrays, a folder of OpenPose's frames), a video, a store's folder, or
            a recording in memory.
        out: The file to write, .html, .gif or .mp4 (by PyAV or ffmpeg); default: the recording's name with .html, in
            the current folder.
        sample: Name of the sample to draw, where the source is a store.
        checkpoint: Checkpoints of one or more streams, whose prediction is shown.
        skeleton: The layout of the joints of a file that leaves it open, such as an array: a name or a YAML file.
            Default: the checkpoints'.
        image_size: Width and height in pixels, for the prediction on flat coordinates whose file does not say it.
        fps: Frames a second. Default: as the recording says, else 30.
        unit: Unit of the 3D coordinates of files that leave it open: m, cm, mm or in. Default: metres.
        kind: The format of the file, such as alphapose (docs/predict.md). Default: decided by its content.
        axes: Order of the axes of an array, such as TMVC. Default: as its numbers say.
        start: First frame, from 0.
        stop: Frame before which to stop; default: the end.
        size: Width of a GIF or video in pixels, 64 to 2048.
        yaw: Degrees by which a GIF or video of a 3D recording is turned about the vertical axis.
        turn: Degrees by which it turns further over the clip.
        dark: Whether a GIF or video has a dark ground; the page follows the reader's system.
        window: Of a video, the length of the windows that are named, such as 90 or 3s. Default: 3s.
        stride: Of a video, from the start of a window to the start of the next. Default: 0.5s.
        max_people: Of a video, the most people to follow.
        pose_weights: Of a video, the folder of the pose networks. Default: the user's cache, filled at the first use.
        keep_poses: Of a video, a folder in which its poses are kept, and looked up when it is drawn again.
        quiet: Show neither progress nor notes.

    Returns:
        The file that was written.

    Raises:
        ConfigError: If an argument cannot be used, `out` is a file that is read or is inside the store, there is no
            body to draw, or .mp4 is requested without PyAV or ffmpeg.
        FormatError: If the recording cannot be read.
        StoreError: If the store cannot be opened or contains no such sample.
        CheckpointError: If a checkpoint cannot be read.
    """
    if fps is not None and not 0 < fps <= 1000:
        raise ConfigError(f"fps is {fps:g}: expected frames per second, above 0 and at most 1000")
    if size not in _SIZES:
        raise ConfigError(f"size is {size}: expected a width in pixels, {_SIZES.start} to {_SIZES.stop - 1}")
    if not (math.isfinite(yaw) and math.isfinite(turn)):
        raise ConfigError(f"yaw is {yaw:g} and turn is {turn:g}: pass both in degrees")
    target = None if out is None else Path(out)
    if target is not None:
        if target.suffix.lower() not in KINDS:
            raise unknown("kind of picture", target.suffix.lower() or target.name, KINDS)
        check_apart(target, [*checkpoint, *([] if isinstance(source, SkeletonSequence) else closed_inputs(source))])
        check_writable(target)
    predictor = _load(checkpoint)
    if isinstance(source, str | Path) and is_video(source):
        from dualhead.visualize.video_render import render_video

        target = target or Path(f"{_file_name(Path(source).stem)}.html")
        estimator = PoseEstimator(pose_weights, max_people, keep=keep_poses)
        gap = "" if predictor is None else domain_gap(predictor.dataset)
        _print(f"dualhead: {gap}" if gap else "", quiet)
        render_video(Path(source), target, predictor, window=window, stride=stride, estimator=estimator, quiet=quiet)
        return target
    reading: dict[str, Any] = {
        "skeleton": skeleton, "image_size": image_size, "fps": fps, "unit": unit, "kind": kind, "axes": axes,
    }  # fmt: skip
    reader = Reader(**reading, any_scale=True) if predictor is None else predictor.make_reader(**reading)
    notes: dict[str, None] = {}
    sequence, true_class = find_recording(source, sample, reader=reader, on_note=lambda _, note: notes.setdefault(note))
    for note in notes:
        _print(f"note: {note}", quiet)
    target = target or Path(f"{_file_name(sequence.name)}.html")
    fps = fps or sequence.fps or _USUAL_FPS
    scene = make_scene(sequence, start, stop)
    insight, said = _look(predictor, sequence, quiet)
    caption = " · ".join(part for part in (sequence.name, true_class, said) if part)
    insight = None if insight is None else insight.cut(start, stop)
    heated = _heat(insight, scene)
    if target.suffix.lower() == ".html":
        clip = make_clip(scene, fps=fps, label=caption or "recording", heat=heated)
        write_text(target, fill("clip.html", clip=clip, insight=None if insight is None else insight_values(insight)))
        return target
    colours = DARK if dark else LIGHT
    below = None if insight is None else InsightPainter(insight, colours)
    pictures = paint(scene, size=size, yaw=yaw, turn=turn, caption=caption, colours=colours, heat=heated, below=below)
    shown = track(pictures, f"drawing {target.name}", scene.num_frames, quiet)
    if target.suffix.lower() == ".gif":
        drawn = [colour for role, colour in colours.items() if role not in ("paper", "panel")]
        drawn += [] if insight is None else SERIES[: len(insight.classes)]
        write_gif(shown, target, frames=scene.num_frames, fps=fps, colours=drawn, ground=colours["paper"])
    else:
        write_video(shown, target, fps=fps)
    return target


def _print(line: str, quiet: bool) -> None:
    """Print a line, if any, on standard error."""
    if line and not quiet:
        print_line(Console(stderr=True), line)


def _load(checkpoint: Sequence[str | Path]) -> Predictor | None:
    if not checkpoint:
        return None
    # Torch takes seconds to import, and most pictures are drawn without it.
    from dualhead.inference.predictor import Predictor

    return Predictor.from_checkpoint(list(checkpoint))


def _look(predictor: Predictor | None, sequence: SkeletonSequence, quiet: bool) -> tuple[Insight | None, str]:
    """Find what checkpoints say, over time where that can be had, and the prediction as a part of the caption."""
    if predictor is None:
        return None, ""
    if sequence.prepared:  # its frames are no longer those that were recorded, so there are no windows over it
        top = predictor.predict(sequence).top(1)[0]
        return None, f"predicted {top.name} ({100 * top.probability:.0f} %)"
    from dualhead.visualize.insight import explain

    insight = explain(predictor, sequence, quiet)
    return insight, f"predicted {insight.predicted} ({100 * insight.probability:.0f} %)"


def _heat(insight: Insight | None, scene: Scene) -> NDArray[np.float64] | None:
    """Compute the colour intensity of the joints of the drawn bodies, `(M, T, V)`."""
    if insight is None or insight.joints is None:
        return None
    return stretched(insight.joints[list(scene.bodies)])


def _file_name(name: str) -> str:
    """Convert a recording's name, which comes from a file, to a valid and short file name."""
    kept = printable(name).replace("/", "_").encode()[:_LONGEST_NAME]
    return kept.decode("utf-8", "ignore") or "recording"
