"""Metrics of intervals detected in untrimmed recordings, compared with annotated ones; NumPy only.

Reference implementation: `eval_detection.py` of the ActivityNet evaluation code (Caba Heilbron et al., CVPR 2015),
whose matching and interpolated average precision are followed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dualhead.runtime.errors import ConfigError

IOU_THRESHOLDS = (0.1, 0.3, 0.5, 0.7)
"""Overlaps at which the mean average precision is reported."""


@dataclass(frozen=True)
class Stretch:
    """An interval of a recording with a class.

    Attributes:
        recording: The recording.
        start: The first frame, from 0.
        stop: The frame behind the last.
        label: The 0-based class.
        score: The confidence; 1 for an annotated one.
    """

    recording: str
    start: float
    stop: float
    label: int
    score: float = 1.0


@dataclass(frozen=True)
class Untrimmed:
    """The figures of a set of untrimmed recordings.

    Attributes:
        recordings: Number of recordings.
        frames: Frames with a true class.
        frame_accuracy: Share of them whose class is the one found, 0 to 1.
        mean_class_accuracy: The mean of that over the classes that have frames.
        average_precision: By overlap, the average precision of each class that has an annotated interval.
    """

    recordings: int
    frames: int
    frame_accuracy: float
    mean_class_accuracy: float
    average_precision: Mapping[float, Mapping[int, float]]

    @property
    def mean_average_precision(self) -> dict[float, float]:
        """The mean over classes by overlap."""
        return {
            iou: float(np.mean(list(by_class.values()))) if by_class else float("nan")
            for iou, by_class in self.average_precision.items()
        }

    def to_dict(self, classes: Sequence[str] = ()) -> dict[str, object]:
        """Return the figures as JSON-able values.

        Args:
            classes: Class names by label; without, classes are numbers.
        """
        return {
            "recordings": self.recordings,
            "frames": self.frames,
            "frame_accuracy": self.frame_accuracy,
            "mean_class_accuracy": self.mean_class_accuracy,
            "map": {f"{iou:g}": value for iou, value in self.mean_average_precision.items()},
            "ap": {
                f"{iou:g}": {classes[label] if classes else str(label): value for label, value in by_class.items()}
                for iou, by_class in self.average_precision.items()
            },
        }


def interval_iou(
    start: float, stop: float, starts: NDArray[np.float64], stops: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Compute the overlap of an interval with others: intersection over union.

    Args:
        start: The start.
        stop: The end.
        starts: The starts of the others `(n,)`.
        stops: Their ends `(n,)`.

    Returns:
        `(n,)`, 0 to 1.
    """
    common = np.maximum(np.minimum(stop, stops) - np.maximum(start, starts), 0)
    union = (stop - start) + (stops - starts) - common
    return np.asarray(common / np.maximum(union, 1e-12))


def average_precision(truth: Sequence[Stretch], found: Sequence[Stretch], iou: float) -> float:
    """Compute the interpolated average precision of one class.

    Convention: the intervals found are taken from the surest on; each matches the annotated interval of its recording
    that it overlaps most and that is not matched yet, if they overlap by `iou` or more. Precision at a recall is the
    best at that recall or a higher one, and the average is over the recalls at which it changes.

    Args:
        truth: The annotated intervals of the class.
        found: The intervals found.
        iou: The least overlap of a match, above 0 and at most 1.

    Returns:
        0 to 1; NaN without an annotated interval.
    """
    if not truth:
        return float("nan")
    if not found:
        return 0.0
    by_recording: dict[str, list[int]] = {}
    for number, stretch in enumerate(truth):
        by_recording.setdefault(stretch.recording, []).append(number)
    starts = np.array([stretch.start for stretch in truth], np.float64)
    stops = np.array([stretch.stop for stretch in truth], np.float64)
    matched = np.zeros(len(truth), np.bool_)
    order = np.argsort([-stretch.score for stretch in found], kind="stable")
    hits = np.zeros(len(found), np.bool_)
    for place, number in enumerate(order.tolist()):
        stretch = found[number]
        rows = np.array(by_recording.get(stretch.recording, []), np.int64)
        overlaps = interval_iou(stretch.start, stretch.stop, starts[rows], stops[rows])
        for best in np.argsort(-overlaps, kind="stable").tolist():
            if overlaps[best] < iou:
                break
            if not matched[rows[best]]:
                matched[rows[best]] = hits[place] = True
                break
    right = np.cumsum(hits)
    precision = right / np.arange(1, len(found) + 1)
    recall = right / len(truth)
    envelope = np.maximum.accumulate(np.concatenate([[0.0], precision, [0.0]])[::-1])[::-1]
    steps = np.concatenate([[0.0], recall, [1.0]])
    changes = np.flatnonzero(steps[1:] != steps[:-1]) + 1
    return float(((steps[changes] - steps[changes - 1]) * envelope[changes]).sum())


def score_untrimmed(
    truth: Sequence[Stretch],
    found: Sequence[Stretch],
    frames: Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]],
    thresholds: Sequence[float] = IOU_THRESHOLDS,
) -> Untrimmed:
    """Score untrimmed recordings frame by frame and by intervals.

    Args:
        truth: The annotated intervals.
        found: The intervals found.
        frames: For each recording its true class and the class found in each frame, `(T,)` both; -1 where there is
            none. Frames without a true class do not count.
        thresholds: The overlaps.

    Returns:
        The figures.

    Raises:
        ConfigError: If no frame has a true class.
    """
    true = np.concatenate([labels for labels, _ in frames]) if frames else np.zeros(0, np.int64)
    said = np.concatenate([labels for _, labels in frames]) if frames else np.zeros(0, np.int64)
    known = true >= 0
    if not known.any():
        raise ConfigError(
            "no frame has a true class among the classes of the checkpoint: compare the names of the classes"
        )
    hits = true[known] == said[known]
    labels = sorted({stretch.label for stretch in truth})
    return Untrimmed(
        recordings=len(frames),
        frames=int(known.sum()),
        frame_accuracy=float(hits.mean()),
        mean_class_accuracy=float(np.mean([hits[true[known] == label].mean() for label in np.unique(true[known])])),
        average_precision={
            iou: {
                label: average_precision(
                    [stretch for stretch in truth if stretch.label == label],
                    [stretch for stretch in found if stretch.label == label],
                    iou,
                )
                for label in labels
            }
            for iou in thresholds
        },
    )
