"""Predictions of windows, and the intervals in which they agree."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from dualhead.inference.prediction import Prediction
from dualhead.runtime.errors import ConfigError


@dataclass(frozen=True, eq=False)
class Segment:
    """A window of a recording and what a predictor says about it.

    Attributes:
        start: Its first frame, from 0.
        stop: The frame behind its last.
        share: First frame and the frame behind the last that it speaks for, where windows overlap.
        body: The number of the one body that it shows, from 0; None where it shows all of them.
        fps: Frames a second, or None where that is not known.
        prediction: Its classes; the name is the recording's.
        recording: The number of the recording among those that were given, from 0: two may have one name.
    """

    start: int
    stop: int
    share: tuple[int, int]
    body: int | None
    fps: float | None
    prediction: Prediction
    recording: int = 0

    @property
    def name(self) -> str:
        """The recording's name."""
        return self.prediction.name

    def to_dict(self, k: int = 5) -> dict[str, Any]:
        """Convert the window and its top classes to JSON-able values.

        Args:
            k: Number of classes.

        Returns:
            `name`, `body`, `start`, `stop`, with a frame rate `start_s` and `stop_s`, and the rest of
            `Prediction.to_dict`.
        """
        values = self.prediction.to_dict(k)
        return {"name": values.pop("name"), "body": self.body, **times(self.start, self.stop, self.fps), **values}


@dataclass(frozen=True)
class Interval:
    """A stretch of a recording in which one class is the most probable.

    Attributes:
        name: The recording's name.
        body: The number of the one body that it is about, from 0; None where it is about all of them.
        start: Its first frame, from 0.
        stop: The frame behind its last.
        label: The 0-based class number.
        action: The class name.
        probability: The class's, averaged over the windows.
        windows: Number of windows that agree.
        fps: Frames a second, or None where that is not known.
    """

    name: str
    body: int | None
    start: int
    stop: int
    label: int
    action: str
    probability: float
    windows: int
    fps: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Convert the fields to JSON-able values; with a frame rate also `start_s` and `stop_s`, in seconds."""
        return {
            "name": self.name,
            "body": self.body,
            **times(self.start, self.stop, self.fps),
            "label": self.label,
            "class": self.action,
            "probability": self.probability,
            "windows": self.windows,
        }


def times(start: int, stop: int, fps: float | None) -> dict[str, Any]:
    """Format start and stop in frames, and in seconds where there is a frame rate."""
    frames: dict[str, Any] = {"start": start, "stop": stop}
    return frames if fps is None else {**frames, "start_s": round(start / fps, 3), "stop_s": round(stop / fps, 3)}


@dataclass
class _Open:
    """An interval that may go on."""

    body: int | None
    label: int
    start: int
    stop: int
    probabilities: list[float] = field(default_factory=list)


def merge_segments(segments: Iterable[Segment], threshold: float = 0.0) -> Iterator[Interval]:
    """Join neighbouring windows with the same most probable class, body by body.

    Convention: an interval is made of the frames that its windows speak for (`Segment.share`), so intervals of one body
    do not overlap, and none spans two recordings. A window whose most probable class is less probable than the
    threshold speaks for none, and leaves a gap, as does a stretch without a person.

    Args:
        segments: Windows as `Predictor.segments` gives them: recording after recording, in the order of time.
        threshold: The least probability of a window's class, 0 to 1.

    Yields:
        Intervals, as soon as they end; those of one body in the order of time.

    Raises:
        ConfigError: If the threshold is not a probability.
    """
    check_threshold(threshold)
    running: dict[int | None, _Open] = {}
    last: Segment | None = None
    for segment in segments:
        if last is not None and _starts_over(segment, last):
            yield from (_closed(item, last) for item in running.values())
            running.clear()
        last = segment
        top = segment.prediction.top(1)[0]
        item = running.get(segment.body)
        keep = top.probability >= threshold
        if item is not None and not (keep and item.label == top.label and item.stop == segment.share[0]):
            yield _closed(running.pop(segment.body), segment)
            item = None
        if keep:
            item = item or running.setdefault(segment.body, _Open(segment.body, top.label, *segment.share))
            item.stop = segment.share[1]
            item.probabilities.append(top.probability)
    if last is not None:
        yield from (_closed(item, last) for item in running.values())


def _starts_over(segment: Segment, last: Segment) -> bool:
    """Check whether a window is of another recording than the one before it."""
    return (segment.recording, segment.name) != (last.recording, last.name) or segment.start < last.start


def check_threshold(threshold: float) -> None:
    """Raise if a threshold is not a probability.

    Args:
        threshold: The value to check, 0 to 1.

    Raises:
        ConfigError: If it is not.
    """
    if not 0 <= threshold <= 1:
        raise ConfigError(f"threshold is {threshold:g}: expected a probability, 0 to 1")


def _closed(item: _Open, segment: Segment) -> Interval:
    """Finish an interval of the recording that `segment` is of."""
    return Interval(
        name=segment.name,
        body=item.body,
        start=item.start,
        stop=item.stop,
        label=item.label,
        action=segment.prediction.classes[item.label],
        probability=sum(item.probabilities) / len(item.probabilities),
        windows=len(item.probabilities),
        fps=segment.fps,
    )
