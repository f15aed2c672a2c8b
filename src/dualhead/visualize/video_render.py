"""Draw a video with its skeletons and predictions: `dualhead render VIDEO`."""

from __future__ import annotations

import base64
import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray
from PIL import Image

from dualhead.formats.video import domain_gap
from dualhead.inference.segments import merge_segments
from dualhead.poses.command import PoseEstimator
from dualhead.poses.frame_source import open_frame_source
from dualhead.poses.recording import PoseRecording
from dualhead.poses.video_file import encode_video
from dualhead.runtime.errors import ConfigError, FormatError
from dualhead.runtime.files import write_text
from dualhead.runtime.progress import show_progress
from dualhead.sequence import SkeletonSequence
from dualhead.visualize.annotation import Annotation, paint_frames, pose_points, sequence_points
from dualhead.visualize.movie import write_video
from dualhead.visualize.page import asset, fill

if TYPE_CHECKING:
    from dualhead.inference.predictor import Predictor

WINDOW, STRIDE = "3s", "0.5s"
"""Default length and stride of the windows of a video."""

_PAGE_WIDTH = 640


def annotate(
    name: str,
    predictor: Predictor | None,
    sequence: SkeletonSequence,
    poses: PoseRecording | None = None,
    *,
    window: str = WINDOW,
    stride: str = STRIDE,
    each_body: bool = False,
) -> Annotation:
    """Predict a recording as a whole and in windows, and prepare its skeletons for drawing.

    Args:
        name: The recording's name.
        predictor: The checkpoints, or None.
        sequence: The recording.
        poses: The poses of a video that it was made of; None: it is drawn from its camera.
        window: Length of a window.
        stride: From the start of a window to the start of the next.
        each_body: Whether each person is looked at alone too.

    Returns:
        The annotation.

    Raises:
        ConfigError: If no person is in it, or a window cannot be made.
        MismatchError: If its skeleton cannot be converted to the checkpoints'.
    """
    if poses is None:
        points, lines, size = sequence_points(sequence)
    else:
        (points, lines), size = pose_points(poses), poses.size
    fps = sequence.fps or (predictor.fps if predictor is not None else None) or 30.0
    if predictor is None:
        return Annotation(name, points, lines, fps, size)
    whole = predictor.predict(sequence)
    if sequence.prepared:
        return Annotation(name, points, lines, fps, size, whole=whole)
    found = list(predictor.segments(sequence, window=window, stride=stride, fps=fps, each_body=each_body))
    gap = domain_gap(predictor.dataset) if poses is not None else ""
    return Annotation(
        name, points, lines, fps, size,
        windows=[segment for segment in found if segment.body is None],
        intervals=list(merge_segments(found)),
        whole=whole,
        notes=[note for note in (gap, "" if poses is None else poses.damage) if note],
    )  # fmt: skip


def render_video(
    source: Path,
    out: Path,
    predictor: Predictor | None = None,
    *,
    window: str | None = None,
    stride: str | None = None,
    estimator: PoseEstimator | None = None,
    quiet: bool = False,
) -> int:
    """Write a video with skeletons and classes over the picture, or a page with the video and a timeline.

    Args:
        source: The video, a picture or a folder of pictures.
        out: The file to write, .mp4, .gif or .html.
        predictor: The checkpoints, or None to draw the skeletons alone.
        window: Length of a window; default: 3 seconds.
        stride: From the start of a window to the start of the next; default: half a second.
        estimator: Estimates the poses.
        quiet: Show no progress.

    Returns:
        How many frames were written.

    Raises:
        ConfigError: If a package or the weights are missing.
        FormatError: If the video cannot be decoded or no person is found in it.
    """
    estimator = estimator or PoseEstimator()
    with show_progress(quiet) as new_bar:
        bar = new_bar(f"poses of {source.name}", None)
        poses = estimator.find(source, lambda done, total: bar.update(done, total=total))
        if not poses.num_people:
            raise FormatError(f"no person was found in any of its {poses.num_frames} frames", source)
        flat = predictor is not None and predictor.skeleton.dimensions == 2
        annotation = annotate(
            source.name,
            predictor,
            poses.to_sequence(flat=flat),
            poses,
            window=window or WINDOW,
            stride=stride or STRIDE,
        )
        bar = new_bar(f"drawing {out.name}", annotation.num_frames)
        return draw(source, annotation, out, estimator.fps, lambda: bar.advance())


def draw(
    source: Path,
    annotation: Annotation,
    out: Path,
    fps: float | None = None,
    on_frame: Callable[[], object] | None = None,
) -> int:
    """Draw an annotation over its video.

    Args:
        source: The video.
        annotation: The skeletons and predictions.
        out: The file to write, .mp4, .gif or .html.
        fps: The frame rate that poses were estimated at, where it is not the video's own.
        on_frame: Called for each frame.

    Returns:
        How many frames were written.

    Raises:
        ConfigError: If the video cannot be written.
    """
    kind = out.suffix.lower()
    if kind == ".html":
        with tempfile.TemporaryDirectory(prefix="dualhead-") as folder:
            small = Path(folder) / "video.mp4"
            count = encode_video(_shrunk(_frames(source, fps, on_frame)), small, fps=annotation.fps, quality=26)
            write_text(out, annotation_page(annotation, small.read_bytes()))
        return count
    if kind == ".gif":
        raise ConfigError(f"{str(out)!r}: a GIF cannot show a video: use .mp4 or .html")
    write_video(paint_frames(_frames(source, fps, on_frame), annotation), out, fps=annotation.fps)
    return annotation.num_frames


def annotation_page(annotation: Annotation, video: bytes | None) -> str:
    """Build a page that works offline: the video, the skeletons over it, bars and a timeline.

    Args:
        annotation: The skeletons and predictions.
        video: An mp4 that browsers play, of the same frame rate; None: the skeletons alone.
    """
    data = annotation.to_dict()
    data["video"] = None if video is None else "data:video/mp4;base64," + base64.b64encode(video).decode("ascii")
    text = json.dumps(data, ensure_ascii=False).replace("<", "\\u003c")
    best = None if annotation.whole is None else annotation.whole.top(1)[0]
    return fill(
        "annotation.html",
        title=annotation.name,
        caption="" if best is None else f"as a whole: {best.name} ({100 * best.probability:.0f} %)",
        notes=annotation.notes,
        data=Markup(text),
        annotation_css=Markup(asset("annotation.css")),
        annotation_js=Markup(asset("annotation.js")),
    )


def _frames(source: Path, fps: float | None, on_frame: Callable[[], object] | None) -> Iterator[NDArray[np.uint8]]:
    with open_frame_source(source, fps) as moving:
        for frame in moving.frames():
            yield frame.pixels
            if on_frame is not None:
                on_frame()


def _shrunk(frames: Iterator[NDArray[np.uint8]]) -> Iterator[Image.Image]:
    for pixels in frames:
        picture = Image.fromarray(pixels)
        picture.thumbnail((_PAGE_WIDTH, _PAGE_WIDTH))
        yield picture
