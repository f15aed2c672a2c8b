"""The command `predict`: labels for whole recordings, or over time."""

from __future__ import annotations

import sys
from collections import Counter
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Literal, get_args

from dualhead.evaluation.weights import WeightsName
from dualhead.formats.video import domain_gap
from dualhead.inference.cluster import ShardFormat, predict_on_cluster
from dualhead.inference.job import Job
from dualhead.inference.members import Weights
from dualhead.inference.predictions_file import PredictionsFile
from dualhead.inference.predictor import Predictor
from dualhead.inference.segments import check_threshold
from dualhead.inference.writing import write_items
from dualhead.poses.command import PoseEstimator, find_videos
from dualhead.poses.video import is_video
from dualhead.runtime.errors import CheckpointError, ConfigError, FormatError, MismatchError, printable_line, unknown
from dualhead.runtime.files import check_apart
from dualhead.runtime.memory import keep_freed_memory
from dualhead.runtime.progress import show_progress

Format = Literal["auto", "table", "jsonl", "csv", "parquet"]
"""Output formats of predictions; "auto" is a table on a terminal and JSON lines elsewhere."""

_MOST_ALIKE = 3


def predict(
    checkpoints: list[Path],
    source: Path,
    *,
    weights: list[float] | WeightsName | None = None,
    fusion: Path | None = None,
    top_k: int = 5,
    format: Format = "auto",  # noqa: A002  (the option's name)
    skeleton: str | Path | None = None,
    image_size: tuple[int, ...] | None = None,
    window: str | None = None,
    stride: str | None = None,
    fps: float | None = None,
    threshold: float = 0.0,
    each_body: bool = False,
    every_window: bool = False,
    unit: str | None = None,
    kind: str | None = None,
    axes: str | None = None,
    strict: bool = False,
    max_people: int = 2,
    pose_weights: Path | None = None,
    keep_poses: Path | None = None,
    batch_size: int = 16,
    device: str | None = None,
    out: Path | None = None,
    resume: bool = False,
    cluster: str | None = None,
    quiet: bool = False,
) -> None:
    """Predict the action in a recording, in every recording of a folder or archive, or in a store.

    The recipe, the stream, the skeleton and the selection of bodies come from each checkpoint; a recording of another
    skeleton is converted where there is a map (docs/predict.md). Predictions are written to standard output as they are
    made; recordings that cannot be read or converted are named on standard error and the rest goes on.

    With a window, recordings may be of any length: each window is named, and neighbouring windows with the same most
    probable class become one interval, with start and stop.

    Args:
        checkpoints: Checkpoints (.safetensors); several are fused.
        source: A video, a raw file (.skeleton; .json of NW-UCLA or Kinetics-Skeleton; .npy, .npz, .csv; .pkl of PYSKL),
            a folder of OpenPose's frames, a folder, zip or tar archive of any of these, or a store.
        weights: Weights of several checkpoints: numbers in their order, "equal", "published" or "pyskl". Default:
            equal.
        fusion: The score file that `dualhead fuse --out` wrote for these checkpoints, in place of weights.
        top_k: Number of classes to name.
        format: "table", "jsonl" (JSON lines), "csv" or, on a cluster, "parquet"; "auto" is a table on a terminal and
            JSON lines elsewhere.
        skeleton: The layout of the joints of files that leave it open (.npy, .npz, .csv, .pkl, lists in .json): a name
            such as coco17, or a YAML file. Default: the checkpoint's.
        image_size: Width and height of the image in pixels, for 2D key points in pixels.
        window: Length of a window: frames (90) or seconds (3s). Default: each recording is named as a whole.
        stride: From the start of a window to the start of the next, likewise. Default: half a window.
        fps: Frames a second of the recordings. Default: that of NTU RGB+D, Kinetics and NW-UCLA, 30, where the
            checkpoint was trained on one of them.
        threshold: The least probability of a window's class, 0 to 1; less sure windows are in no interval.
        each_body: Name also what each body does by itself, where there are several.
        every_window: Write every window with its top classes instead of intervals.
        max_people: Most people to follow in a video.
        pose_weights: Folder of the pose networks for videos. Default: the user's cache, filled at the first use.
        keep_poses: A folder in which the poses of videos are kept, and looked up when they are predicted again.
        unit: Unit of the 3D coordinates of files that leave it open: m, cm, mm or in. Default: metres; bodies more than
            three times as large or small as those of the training are refused.
        kind: The format of the files, such as alphapose (docs/predict.md). Default: decided by their content.
        axes: Order of the axes of arrays: the letters M (bodies), T (frames), V (joints), C (coordinates), such as
            TMVC. Default: as their numbers say.
        strict: Exit with 1 where a recording is left out. The others are written all the same.
        batch_size: Clips that are computed at a time.
        device: The device to run on, such as "cpu" or "cuda:1". Default: a CUDA GPU if there is one, else the CPU.
        out: A file for the predictions in place of standard output: CSV where its name ends in .csv or `format` says
            so, else JSON lines. It appears when all is done; until then they are in OUT.partial.
        resume: Go on with OUT.partial of an interrupted call, or add to OUT what is new: recordings that are written
            already are not computed again.
        cluster: Predict on a Ray cluster (docs/scale.md): its address HOST:PORT, "auto", or "local" for one on this
            machine. `out` is then a folder of shards, JSON lines or, with the format "parquet", Parquet.
        quiet: Show no progress.

    Raises:
        ClusterError: If a cluster cannot be reached, or its workers die.
        CheckpointError: If a checkpoint cannot be read or does not say its recipe and stream.
        ConfigError: If an option cannot be used.
        FormatError: If nothing could be read or converted, or, with `strict`, something could not.
        MismatchError: If checkpoints do not belong together, or the one recording or the store has a skeleton that
            cannot be converted to theirs.
    """
    form = _output_form(format, out, resume=resume, cluster=cluster is not None)
    if out is not None:
        check_apart(out, [source, *checkpoints, *([fusion] if fusion else [])])
    if top_k < 1:
        raise ConfigError(f"top_k is {top_k}: give 1 or more")
    if weights is not None and fusion is not None:
        raise ConfigError("weights and a fusion that holds weights are both given: pass one of the two")
    over_time = {
        "stride": stride, "fps": fps, "threshold": threshold, "each_body": each_body, "every_window": every_window,
    }  # fmt: skip
    without = [name for name, value in over_time.items() if value]
    if window is None and without:
        raise ConfigError(f"{without[0]} needs a window: pass window too, such as --window 3s")
    check_threshold(threshold)
    shares = weights if fusion is None else fusion
    predictor = _load(checkpoints, shares, device, source)
    if predictor.device.type == "cpu":
        keep_freed_memory()
    poses = PoseEstimator(pose_weights, max_people, keep=keep_poses)
    reader = predictor.make_reader(
        skeleton=skeleton, image_size=image_size, each_body=each_body, poses=poses, fps=fps, unit=unit, kind=kind,
        axes=axes,
    )  # fmt: skip
    job = Job(
        tuple(checkpoints), shares, device, source, reader, top_k, batch_size, window, stride, fps, each_body,
        every_window, threshold,
    )  # fmt: skip
    gap = domain_gap(predictor.dataset)
    if gap and (is_video(source) or (source.is_dir() and find_videos(source))):
        print(f"dualhead: {gap}", file=sys.stderr)
    notes = _Notes()
    if cluster is not None and out is not None:
        shards: ShardFormat = "parquet" if form == "parquet" else "jsonl"
        _, reasons = predict_on_cluster(cluster, job, out, form=shards, resume=resume, quiet=quiet, on_note=notes)
        notes.close()
        left_out = len(reasons)
    else:
        left_out = _write(job, predictor, out, form, notes, resume=resume, quiet=quiet)
    if strict and left_out:
        raise FormatError(f"{left_out} recordings were left out (--strict): see the reasons above", source)


def _output_form(format: Format, out: Path | None, *, resume: bool, cluster: bool) -> str:  # noqa: A002
    """Return the format that "auto" means, and raise where options contradict it."""
    if format not in get_args(Format):
        raise unknown("format", format, get_args(Format))
    form = format
    if format == "auto":
        form = "csv" if out is not None and out.suffix.lower() == ".csv" else "jsonl"
        form = "table" if out is None and sys.stdout.isatty() else form
    if resume and out is None:
        raise ConfigError("resume needs the file to go on with: pass it with --out")
    if cluster and (out is None or form not in get_args(ShardFormat)):
        raise ConfigError("a cluster writes shards: pass a folder with --out, and the format jsonl or parquet")
    if form == "parquet" and not cluster:
        raise ConfigError("parquet is written on a cluster alone: give --cluster local, or the format jsonl or csv")
    if form == "table" and out is not None:
        raise ConfigError("a table is for a terminal: pass the format jsonl or csv with out")
    return form


def _load(checkpoints: list[Path], weights: Weights | None, device: str | None, source: Path) -> Predictor:
    """Load checkpoints; where one is not valid, recall that the last argument is the source."""
    try:
        return Predictor.from_checkpoint(checkpoints, weights=weights, device=device)
    except CheckpointError as error:
        if all(path.suffix == ".safetensors" for path in checkpoints[1:]):
            raise
        hint = f"only the last argument, {source}, is what is predicted (the weights of a fusion: --fusion FILE)"
        raise CheckpointError(f"{error}; {hint}") from None


def _write(
    job: Job, predictor: Predictor, out: Path | None, form: str, notes: _Notes, *, resume: bool, quiet: bool
) -> int:
    """Predict in this process and write what is found; return how many recordings were left out."""
    rejected = 0

    def reject(error: FormatError | MismatchError) -> None:
        nonlocal rejected
        rejected += 1
        print(f"dualhead: left out: {printable_line(str(error))}", file=sys.stderr)

    with ExitStack() as stack:
        file = None
        if out is not None:
            over_time = job.window is not None
            file = stack.enter_context(
                PredictionsFile(out, form, job.columns, over_time=over_time, top_k=job.top_k, resume=resume)
            )
        output = sys.stdout if file is None else file.stream
        header = file is None or not file.has_header
        new_bar = stack.enter_context(show_progress(quiet or form == "table" or output.isatty()))
        reader = replace(job.reader, done=() if file is None else file.written, bar=new_bar("predicting", None))
        found = job.items(predictor, reader, reject, notes)
        items = found if file is None else file.new(found)
        count = write_items(items, output, form, job.columns, job.top_k, header=header, quiet=quiet)
        notes.close()
        known = 0 if file is None else len(file.written.figures)
        if file is not None and known:
            of = "" if file.written.compared else f", none of them in {job.source}, so that they could not be compared"
            print(printable_line(f"dualhead: {known} recordings were in {out} already{of}"), file=sys.stderr)
        if not count and not known and rejected:
            raise FormatError(f"none of {rejected} recordings could be used: see the reasons above", job.source)
    if not count and not known and job.threshold:
        print(f"dualhead: no interval: no class is as probable as the threshold, {job.threshold:g}", file=sys.stderr)
    return rejected


class _Notes:
    """Prints what was decided by evidence on standard error, of many recordings alike only the first ones."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def __call__(self, where: str, note: str) -> None:
        self._counts[note] += 1
        if self._counts[note] <= _MOST_ALIKE:
            print(f"dualhead: note: {printable_line(f'{where}: {note}')}", file=sys.stderr)

    def close(self) -> None:
        for note, count in self._counts.items():
            if count > _MOST_ALIKE:
                more = f"{count - _MOST_ALIKE} more recordings: {note}"
                print(f"dualhead: note: {printable_line(more)}", file=sys.stderr)
