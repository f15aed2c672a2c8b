"""A store scored clip by clip, or untrimmed recordings scored over time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from dualhead.data.store.store import Store
from dualhead.data.untrimmed import Annotated, read_untrimmed
from dualhead.evaluation.detection import Stretch, Untrimmed, score_untrimmed
from dualhead.evaluation.scores import Scores
from dualhead.formats.units import body_extent, doubt_unit
from dualhead.inference.predictor import Predictor
from dualhead.inference.segments import Segment, check_threshold, merge_segments
from dualhead.runtime.errors import ConfigError, FormatError
from dualhead.runtime.files import write_text
from dualhead.training.evaluate import evaluate_store


@overload
def evaluate(
    checkpoint: str | Path,
    store: str | Path | Store,
    out: str | Path | None = None,
    *,
    split: str = "test",
    batch_size: int | None = None,
    workers: int = 2,
    device: str = "auto",
    quiet: bool = False,
) -> Scores: ...


@overload
def evaluate(
    checkpoint: str | Path,
    store: str | Path,
    out: str | Path | None = None,
    *,
    batch_size: int | None = None,
    device: str = "auto",
    window: str,
    stride: str | None = None,
    threshold: float = 0.0,
    fps: float | None = None,
    unit: str | None = None,
    background: str | None = None,
    quiet: bool = False,
) -> Untrimmed: ...


def evaluate(
    checkpoint: str | Path,
    store: str | Path | Store,
    out: str | Path | None = None,
    *,
    split: str = "test",
    batch_size: int | None = None,
    workers: int = 2,
    device: str = "auto",
    window: str | None = None,
    stride: str | None = None,
    threshold: float = 0.0,
    fps: float | None = None,
    unit: str | None = None,
    background: str | None = None,
    quiet: bool = False,
) -> Scores | Untrimmed:
    """Score one split of a store with a checkpoint: top-1, top-5 and mean class accuracy of every head.

    The recipe, stream, protocol and precision are the checkpoint's own. Under `torchrun` the processes share the work
    and pass the same scores as one. All test clips of the recipe are averaged; where it has several, the provenance of
    the scores has their number (`test_clips`), what was averaged (`clip_average`), and the figures of the first clip
    of each sample alone (`one_clip`).

    With a window, untrimmed recordings are scored instead: frame by frame, and by the intervals that `predict --window`
    finds in them, as mean average precision at overlaps (IoU) of 0.1, 0.3, 0.5 and 0.7. Matching and interpolation are
    those of ActivityNet's `eval_detection.py`.

    Args:
        checkpoint: A `.safetensors` file that `train` wrote.
        store: Folder of a prepared store. With a window: the raw data set of your own, whose table has the columns
            `start` and `stop` or whose clips have label files (docs/custom-data.md).
        out: The `.npz` file to write the scores to; with a window, a `.json` file. Default: none is written.
        split: "test", or "validation" for the part of the training split that the training kept back.
        batch_size: Samples that a process scores at once. Default: as many as in training.
        workers: Processes that load data beside each evaluating process, 0 or more.
        device: "cpu", "cuda", "mps", or "auto" for a GPU where CUDA has one.
        window: Length of a window over untrimmed recordings: frames (90) or seconds (3s).
        stride: With a window, from the start of one to the start of the next. Default: half a window.
        threshold: With a window, the least probability of a window's class; less sure windows are in no interval.
        fps: With a window, frames per second. Default: as the recordings say, else as in training.
        unit: With a window, the unit of 3D coordinates: m, cm, mm or in. Default: that of dataset.yaml, else metres.
        background: With a window, the class of frames in no annotated interval; it is not an interval that is scored.
            Default: such frames do not count.
        quiet: Show neither progress nor messages.

    Returns:
        The scores; with a window, the figures.

    Raises:
        CheckpointError: If the checkpoint cannot be read.
        ConfigError: If an option cannot be used, or no class is one of the checkpoint's.
        FormatError: If the untrimmed recordings cannot be read.
        StoreError: If the store cannot be opened.
        MismatchError: If the store or a recording does not match the checkpoint.
    """
    over_time = {"stride": stride, "threshold": threshold, "fps": fps, "unit": unit, "background": background}
    if window is None:
        without = [name for name, value in over_time.items() if value]
        if without:
            raise ConfigError(f"{without[0]} needs a window: pass window too, such as --window 3s")
        return evaluate_store(
            checkpoint, store, out, split=split, batch_size=batch_size, workers=workers, device=device, quiet=quiet
        )
    if isinstance(store, Store):
        raise ConfigError("a store has no untrimmed recordings: pass the raw data set, or omit window")
    if split != "test":
        raise ConfigError(f"split is {split!r}: untrimmed recordings are always scored whole: omit split")
    check_threshold(threshold)
    predictor = Predictor.from_checkpoint(Path(checkpoint), device=device)
    figures = evaluate_untrimmed(
        predictor, list(read_untrimmed(Path(store), unit=unit, fps=fps)), window=window, stride=stride,
        threshold=threshold, background=background, batch_size=batch_size or 16,
    )  # fmt: skip
    if out is not None:
        write_text(out, json.dumps(figures.to_dict(predictor.classes), indent=1) + "\n")
    return figures


def evaluate_untrimmed(
    predictor: Predictor,
    recordings: Sequence[Annotated],
    *,
    window: int | str,
    stride: int | str | None = None,
    threshold: float = 0.0,
    background: str | None = None,
    batch_size: int = 16,
) -> Untrimmed:
    """Score untrimmed recordings frame by frame and by intervals.

    Convention: a frame has the class of the window that speaks for it (`Segment.share`); an interval found is what
    `merge_segments` makes of neighbouring windows, as sure as they are in the mean.

    Args:
        predictor: The model.
        recordings: The recordings with their annotated intervals.
        window: Length of a window: frames, or seconds such as "3s".
        stride: From the start of one to the start of the next; default: half a window.
        threshold: The least probability of a window's class that is in an interval.
        background: The class of frames in no annotated interval; None: such frames do not count.
        batch_size: Clips that are computed at a time.

    Returns:
        The figures.

    Raises:
        ConfigError: If no annotated class is one of the checkpoint's, or the background is not a class.
        FormatError: If bodies are not as large as those of the training, so that their unit is doubted.
    """
    classes = predictor.classes
    if background is not None and background not in classes:
        raise ConfigError(
            f"background {background!r} is not among the checkpoint's classes: {', '.join(classes[:8])}, ..."
        )
    names = {name for item in recordings for _, _, name in item.intervals}
    if not names & set(classes):
        raise ConfigError(
            f"none of the annotated classes ({', '.join(sorted(names)[:5])}) is one of the checkpoint's "
            f"({', '.join(classes[:5])}): pass data of the same classes"
        )
    nothing = -1 if background is None else classes.index(background)
    truth: list[Stretch] = []
    found: list[Stretch] = []
    frames: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
    for number, item in enumerate(recordings):
        doubt = doubt_unit(body_extent(item.sequence.joints), predictor.body_extent)
        if doubt:
            raise FormatError(doubt, item.sequence.name)
        name, count = f"{number} {item.sequence.name}", item.sequence.num_frames
        true, said = np.full(count, nothing, np.int64), np.full(count, -1, np.int64)
        for start, stop, class_name in item.intervals:
            if class_name not in classes:
                true[start:stop] = -1
                continue
            label = classes.index(class_name)
            true[start:stop] = label
            if label != nothing:
                truth.append(Stretch(name, start, stop, label))
        segments: list[Segment] = list(
            predictor.segments([item.sequence], window=window, stride=stride, batch_size=batch_size)
        )
        for segment in segments:
            said[slice(*segment.share)] = segment.prediction.top(1)[0].label
        found += [
            Stretch(name, interval.start, interval.stop, interval.label, interval.probability)
            for interval in merge_segments(segments, threshold)
            if interval.label != nothing
        ]
        frames.append((true, said))
    return score_untrimmed(truth, found, frames)
