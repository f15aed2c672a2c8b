"""Skeletons and predictions of a recording over time: drawn over its frames, or as data for a page."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from dualhead.inference.prediction import Prediction
from dualhead.inference.segments import Interval, Segment
from dualhead.poses.recording import PoseRecording
from dualhead.sequence import SkeletonSequence
from dualhead.skeletons.mediapipe import MEDIAPIPE33
from dualhead.visualize.colours import DARK, SERIES, rgb
from dualhead.visualize.scene import LEFT, MIDDLE, RIGHT, make_scene

LEAST_VISIBILITY = 0.3
"""Visibility below which a landmark is not drawn: it is hidden or outside of the picture."""

TOP_CLASSES = 5
"""Classes that are named for a window."""

_ABSENT, _UNIT = -32768, 16384  # int16 of twice the picture, so that a joint may lie outside of it

_DRAWN = (
    "nose-left_eye nose-right_eye left_eye-left_ear right_eye-right_ear mouth_left-mouth_right "
    "left_shoulder-right_shoulder left_hip-right_hip left_shoulder-left_hip right_shoulder-right_hip "
    "left_shoulder-left_elbow left_elbow-left_wrist left_wrist-left_index left_wrist-left_pinky left_wrist-left_thumb "
    "right_shoulder-right_elbow right_elbow-right_wrist right_wrist-right_index right_wrist-right_pinky "
    "right_wrist-right_thumb left_hip-left_knee left_knee-left_ankle left_ankle-left_heel left_heel-left_foot_index "
    "right_hip-right_knee right_knee-right_ankle right_ankle-right_heel right_heel-right_foot_index"
)


def _pose_lines() -> tuple[tuple[int, int, str], ...]:
    lines = []
    for pair in _DRAWN.split():
        one, two = pair.split("-")
        sides = {name.partition("_")[0] for name in (one, two)}
        side = LEFT if "left" in sides and "right" not in sides else RIGHT if sides == {"right"} else MIDDLE
        side = RIGHT if "right" in sides and "left" not in sides else side
        lines.append((MEDIAPIPE33.joints.index(one), MEDIAPIPE33.joints.index(two), side))
    return tuple(lines)


POSE_LINES = _pose_lines()
"""The lines that a pose is drawn with: two landmarks and the side of the body."""


@dataclass(frozen=True, eq=False)
class Annotation:
    """The people in a recording over time, and the predictions for them.

    Attributes:
        name: The recording's name.
        points: `(M, T, V, 2)`, fractions of the picture from its upper left corner; NaN where absent.
        lines: Two joints and the side of the body, of each line that is drawn.
        fps: Frames a second.
        size: Width and height of the picture.
        windows: The predictions of the windows of all bodies, in the order of time.
        intervals: Stretches in which one class is the most probable, in the order of time.
        whole: The prediction of the whole recording, or None.
        notes: Notes for the user, one sentence each.
    """

    name: str
    points: NDArray[np.float32]
    lines: tuple[tuple[int, int, str], ...]
    fps: float
    size: tuple[int, int]
    windows: Sequence[Segment] = ()
    intervals: Sequence[Interval] = ()
    whole: Prediction | None = None
    notes: Sequence[str] = ()

    @property
    def num_frames(self) -> int:
        """T."""
        return int(self.points.shape[1])

    def to_dict(self) -> dict[str, Any]:
        """Convert to values that JSON knows, as `assets/annotation.js` reads them."""
        whole = np.rint(np.clip(self.points, -1, 1.99) * _UNIT)  # (M, T, V, 2)
        packed = np.where(np.isnan(whole), _ABSENT, whole).astype("<i2")
        return {
            "name": self.name,
            "shape": list(self.points.shape[:3]),
            "points": base64.b64encode(packed.tobytes()).decode("ascii"),
            "lines": [list(line) for line in self.lines],
            "fps": self.fps,
            "size": list(self.size),
            "windows": [window_to_dict(segment) for segment in self.windows],
            "intervals": [interval.to_dict() for interval in self.intervals],
            "whole": None if self.whole is None else prediction_to_dict(self.whole),
            "notes": list(self.notes),
        }


def prediction_to_dict(prediction: Prediction, k: int = TOP_CLASSES) -> dict[str, Any]:
    """Convert a prediction to values for a page: its top classes, and for each of them what each head says.

    Args:
        prediction: The prediction.
        k: Number of classes.

    Returns:
        `top`, a list of `class`, `probability` and `heads`; `best`, the first class of each head by its name.
    """
    top = [
        {
            "class": item.name,
            "probability": round(item.probability, 4),
            "heads": {name: round(float(values[item.label]), 4) for name, values in prediction.heads.items()},
        }
        for item in prediction.top(k)
    ]
    return {"top": top, "best": {name: prediction.top(1, name)[0].name for name in prediction.heads}}


def window_to_dict(segment: Segment) -> dict[str, Any]:
    """Convert a window to values for a page: the stretch that it speaks for, and what is said."""
    return {"start": segment.share[0], "stop": segment.share[1], **prediction_to_dict(segment.prediction)}


def pose_points(poses: PoseRecording) -> tuple[NDArray[np.float32], tuple[tuple[int, int, str], ...]]:
    """Return the points and lines that the poses of a video are drawn with; see `Annotation`."""
    hidden = poses.confidence < LEAST_VISIBILITY
    return np.where(hidden[..., None], np.nan, poses.image).astype(np.float32), POSE_LINES


def sequence_points(
    sequence: SkeletonSequence,
) -> tuple[NDArray[np.float32], tuple[tuple[int, int, str], ...], tuple[int, int]]:
    """Return the points, lines and the picture's size that a recording without a video is drawn with.

    Args:
        sequence: The recording, flat or in space; in space it is seen from its camera.

    Raises:
        ConfigError: If no person is in it.
    """
    scene = make_scene(sequence)
    points = scene.points[..., :2] * np.array([0.5, -0.5], np.float32) + 0.5
    lines = tuple((one, two, side) for (one, two), side in zip(scene.edges, scene.sides, strict=True))
    return points.astype(np.float32), lines, (480, 480)


def paint_frames(pictures: Iterable[NDArray[np.uint8]], annotation: Annotation) -> Iterator[Image.Image]:
    """Draw skeletons, the current class and its probability over pictures.

    Args:
        pictures: RGB, one for each frame.
        annotation: The skeletons and predictions.

    Yields:
        The pictures, each with a band under it for the classes and a bar of the time.
    """
    width, height = annotation.size
    band = max(64, round(width * 0.14))
    fonts = [ImageFont.load_default(size) for size in (max(15, width / 26), max(11, width / 42))]
    colours = class_colours(annotation)
    current = _by_frame(annotation)
    for frame, pixels in enumerate(pictures):
        if frame >= annotation.num_frames:
            return
        picture = Image.new("RGB", (width, height + band), rgb(DARK["paper"]))
        picture.paste(Image.fromarray(pixels).resize((width, height)) if pixels.shape[:2] != (height, width) else
                      Image.fromarray(pixels), (0, 0))  # fmt: skip
        pen = ImageDraw.Draw(picture)
        draw_points(pen, annotation.points[:, frame], annotation.lines, (width, height))
        _band(pen, annotation, current.get(frame), colours, fonts, frame, band)
        yield picture


def class_colours(annotation: Annotation) -> Mapping[str, str]:
    """Choose a colour for each class that is named, in the order in which they come."""
    names = [interval.action for interval in annotation.intervals]
    names += [segment.prediction.top(1)[0].name for segment in annotation.windows]
    if annotation.whole is not None:
        names.append(annotation.whole.top(1)[0].name)
    return {name: SERIES[number % len(SERIES)] for number, name in enumerate(dict.fromkeys(names))}


def draw_points(
    pen: ImageDraw.ImageDraw,
    points: NDArray[np.float32],
    lines: Sequence[tuple[int, int, str]],
    size: tuple[int, int],
) -> None:
    """Draw people in one frame.

    Args:
        pen: The picture.
        points: `(M, V, 2)`, fractions of the picture; NaN where absent.
        lines: As of `Annotation`.
        size: Width and height in pixels.
    """
    thick = max(2, round(max(size) / 200))
    pixels = points * np.array(size, np.float32)
    for body, joints in enumerate(pixels):
        for one, two, side in lines:
            ends = joints[[one, two]]
            if not np.isfinite(ends).all():
                continue
            places = [(float(x), float(y)) for x, y in ends]
            pen.line(places, fill=(255, 255, 255), width=thick + 2)
            pen.line(places, fill=rgb(DARK[side]), width=thick)
            for x, y in places:
                fill = rgb(DARK[side]) if body == 0 else (255, 255, 255)
                pen.ellipse((x - thick, y - thick, x + thick, y + thick), fill=fill, outline=rgb(DARK[side]))


def _by_frame(annotation: Annotation) -> dict[int, Prediction]:
    """Return the prediction for each frame: that of its window, else that of the whole recording."""
    if not annotation.windows:
        return {} if annotation.whole is None else dict.fromkeys(range(annotation.num_frames), annotation.whole)
    return {frame: segment.prediction for segment in annotation.windows for frame in range(*segment.share)}


def _band(
    pen: ImageDraw.ImageDraw,
    annotation: Annotation,
    said: Prediction | None,
    colours: Mapping[str, str],
    fonts: Sequence[ImageFont.FreeTypeFont | ImageFont.ImageFont],
    frame: int,
    band: int,
) -> None:
    """Draw the current class, what each head says, and the intervals with the place in time."""
    width, top = annotation.size[0], annotation.size[1]
    margin = band // 6
    if said is None:
        pen.text((margin, top + band * 0.38), "no person in view", fill=rgb(DARK["soft"]), font=fonts[0], anchor="ls")
    else:
        best = said.top(1)[0]
        colour = rgb(colours.get(best.name, DARK["accent"]))
        line = f"{_plain(best.name)}  {100 * best.probability:.0f} %"
        pen.text((margin, top + band * 0.4), line, fill=rgb(DARK["ink"]), font=fonts[0], anchor="ls")
        pen.rectangle((0, top, width * best.probability, top + max(2, band // 20)), fill=colour)
        if len(said.heads) > 1:
            heads = [(name, said.top(1, name)[0]) for name in said.heads]
            text = "   ".join(f"{name}: {_plain(item.name)} {100 * item.probability:.0f} %" for name, item in heads)
            pen.text((margin, top + band * 0.68), text, fill=rgb(DARK["soft"]), font=fonts[1], anchor="ls")
    scale = (width - 2 * margin) / max(annotation.num_frames, 1)
    low, high = top + band * 0.8, top + band * 0.92
    pen.rectangle((margin, low, width - margin, high), fill=rgb(DARK["line"]))
    for interval in annotation.intervals:
        if interval.body is None:
            ends = (margin + interval.start * scale, low, margin + interval.stop * scale, high)
            pen.rectangle(ends, fill=rgb(colours[interval.action]))
    place = margin + (frame + 0.5) * scale
    pen.rectangle((place - 1, low - 3, place + 1, high + 3), fill=rgb(DARK["ink"]))


def _plain(text: str) -> str:
    """Replace characters that the built-in font lacks."""
    return " ".join(text.split()).encode("latin-1", "replace").decode("latin-1")
