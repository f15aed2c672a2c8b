"""A job of `predict`: checkpoints that look at recordings, as a whole or over time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dualhead.data.reader import Note, Reader, Rejection
from dualhead.inference.members import Weights
from dualhead.inference.predictor import Predictor
from dualhead.inference.segments import merge_segments
from dualhead.inference.writing import INTERVAL_COLUMNS, PREDICTION_COLUMNS, SEGMENT_COLUMNS, Item


@dataclass(frozen=True)
class Job:
    """The recordings to predict, and the options; it can be sent to other processes.

    Attributes:
        checkpoints: Checkpoints, fused if they are several.
        weights: As for `Predictor.from_checkpoint`.
        device: The device to run on.
        source: The recordings to predict.
        reader: The reader of files.
        top_k: Number of classes.
        batch_size: Clips that are computed at a time.
        window: Length of a window; None: recordings as a whole.
        stride: From window to window.
        fps: Frames a second.
        each_body: Whether bodies are named alone too.
        every_window: Whether windows are written instead of intervals.
        threshold: The least probability of an interval's windows.
    """

    checkpoints: tuple[Path, ...]
    weights: Weights | None
    device: str | None
    source: Path
    reader: Reader
    top_k: int
    batch_size: int
    window: str | None
    stride: str | None
    fps: float | None
    each_body: bool
    every_window: bool
    threshold: float

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of its items in CSV."""
        if self.window is None:
            return PREDICTION_COLUMNS
        return SEGMENT_COLUMNS if self.every_window else INTERVAL_COLUMNS

    def items(self, predictor: Predictor, reader: Reader, on_rejected: Rejection, on_note: Note) -> Iterator[Item]:
        """Compute predictions, windows or intervals one after another.

        Args:
            predictor: The checkpoints.
            reader: The reader of files, or of a part of them.
            on_rejected: As for `Predictor.predict_each`.
            on_note: As for `Predictor.predict_each`.
        """
        if self.window is None:
            return predictor.predict_each(
                [self.source], batch_size=self.batch_size, reader=reader, on_rejected=on_rejected, on_note=on_note
            )
        segments = predictor.segments(
            self.source, window=self.window, stride=self.stride, fps=self.fps, each_body=self.each_body,
            batch_size=self.batch_size, reader=reader, on_rejected=on_rejected, on_note=on_note,
        )  # fmt: skip
        return segments if self.every_window else merge_segments(segments, self.threshold)
