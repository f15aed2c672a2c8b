"""The demo: generated recordings through the same public functions that a user calls, to a report."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from dualhead.data.prepare.prepare import prepare
from dualhead.data.recipes.streams import STREAMS
from dualhead.evaluation.tables import print_fusion
from dualhead.poses.video_file import encode_video
from dualhead.reproduction import fuse_runs
from dualhead.runtime.errors import ConfigError, shorten
from dualhead.runtime.files import write_text
from dualhead.runtime.json_file import read_json
from dualhead.runtime.schema import mapping_of
from dualhead.runtime.terminal import print_line
from dualhead.synthetic.generate import ZIP_NAME, generate
from dualhead.synthetic.videos import VIDEO_ACTIONS, VideoTake
from dualhead.training.config import load_experiment
from dualhead.training.run_folder import RunFolder
from dualhead.training.side_by_side import train_side_by_side
from dualhead.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

VIDEO = "seen.mp4"
"""The annotated video in the demo's folder."""

EXPERIMENT = "synthetic_xsub/dualhead"
"""The experiment of the demo."""


def demo(
    out: str | Path = "demo",
    *,
    num_performers: int = 15,
    epochs: int | None = None,
    seed: int = 0,
    quiet: bool = False,
) -> Path:
    """Run the whole pipeline on generated data: generate, prepare, train four streams, score, fuse, and report.

    With the extra `video` it ends with a drawn video of someone new in which the four streams name what is seen; they
    learned from other poses than those of a video, so expect errors there (docs/video.md).

    The recordings are made by `dualhead.synthetic.generate` in the syntax of NTU RGB+D; from there on everything is
    what a user would call. Takes three to four minutes on two cores. Interrupted at any point, the same call goes on
    where it was; once finished, it only fuses, reports and prints the table again.

    Args:
        out: Folder for everything: `raw/`, `store/`, `runs/STREAM/`, `fused.npz`, `report.html`, `seen.mp4`.
        num_performers: Performers to generate, 3 or more, so that some train, some validate and some test.
        epochs: Epochs of each stream; default: what the experiment "synthetic_xsub/dualhead" says.
        seed: Seed of the recordings and of the training, 0 or more.
        quiet: Show neither progress nor messages; the table and the report's place are printed in any case.

    Returns:
        The report's path.

    Raises:
        ConfigError: If an argument cannot be used, or `out` holds a demo with other arguments.
    """
    started = time.monotonic()
    folder = Path(out)
    if num_performers < 3:
        raise ConfigError(
            f"num_performers is {num_performers}: expected 3 or more, some to train on and some to test on"
        )
    if epochs is not None and epochs < 1:
        raise ConfigError(f"epochs is {epochs}: expected 1 or more, or omit it")
    _claim(folder, {"version": __version__, "num_performers": num_performers, "epochs": epochs, "seed": seed})
    console = Console()

    def show(line: str) -> None:
        print_line(console, line)

    def say(step: int, what: str) -> None:
        if not quiet:
            show(f"[{step}/6] {what}")

    raw, store = folder / "raw", folder / "store"
    say(1, f"recordings of {num_performers} performers: {raw}")
    if not (raw / ZIP_NAME).is_file():  # it appears when it is whole, after its missing list
        generate(raw, num_performers=num_performers, seed=seed, quiet=quiet)
    say(2, f"preparing: {store}")
    prepared = prepare("synthetic", raw, store, quiet=quiet)
    if not quiet:
        show(str(prepared))

    changes: dict[str, object] = {"seed": seed}
    if epochs is not None:
        changes["epochs"] = epochs
    experiment = load_experiment(EXPERIMENT, changes)
    runs = {stream: folder / "runs" / stream for stream in STREAMS}
    say(3, f"training and scoring {len(STREAMS)} streams, two at a time: {folder / 'runs'}")
    left = {stream: run for stream, run in runs.items() if not RunFolder(run).result.is_file()}
    train_side_by_side(experiment, store, left, say=None if quiet else show)
    say(4, "fusing")
    fused = fuse_runs(list(runs.values()), folder / "fused.npz", "last")
    assert fused is not None  # there are four runs, and all have finished
    say(5, "writing the report")

    from dualhead.visualize.report import write_report

    report = write_report(
        folder / "report.html",
        runs=list(runs.values()),
        fused=fused,
        store=store,
        title="DualHead-Net on generated recordings",
        command=f"dualhead demo --out {folder}",
    )
    say(6, f"drawing a video of someone new, and the predictions of the four streams: {folder / VIDEO}")
    video = _draw_video(folder, runs, show, quiet)
    if not quiet:
        show(f"done in {time.monotonic() - started:.0f} s")
    print_fusion(fused, console)
    if video is not None:
        show(f"video: {video.resolve()}")
    show(f"report: {report.resolve()}")
    return report


def _draw_video(folder: Path, runs: Mapping[str, Path], show: Callable[[str], None], quiet: bool) -> Path | None:
    """Draw a generated video with its poses and classes, where the extra `video` and the weights are there."""
    from dualhead.inference.predictor import Predictor
    from dualhead.poses.command import PoseEstimator
    from dualhead.visualize.video_render import render_video

    out, source = folder / VIDEO, folder / "raw" / "someone.mp4"
    if out.is_file():
        return out
    try:
        estimator = PoseEstimator(max_people=1)
        estimator.load()
        pictures = (picture for action in VIDEO_ACTIONS for picture in VideoTake(action, 999, fps=15).pictures())
        encode_video(pictures, source, fps=15)
        checkpoints = [run / "last.safetensors" for run in runs.values()]
        predictor = Predictor.from_checkpoint(checkpoints, weights=folder / "fused.npz", device="cpu")
        render_video(source, out, predictor, window="2s", stride="0.2s", estimator=estimator, quiet=quiet)
    except ConfigError as error:  # without the extra, or offline without the weights, the demo is whole all the same
        if not quiet:
            show(f"no video: {error}")
        return None
    return out


def _claim(folder: Path, settings: Mapping[str, object]) -> None:
    """Create the folder of this demo, or check that it belongs to one.

    Raises:
        ConfigError: If it holds something else; states what differs.
    """
    record = folder / "demo.json"
    if record.is_file():
        before = read_json(record, mapping_of(lambda value, place: None), f"remove {folder}, or pass another folder")
        for name, value in settings.items():
            if before.get(name) != value:
                raise ConfigError(
                    f"{folder} holds a demo whose {name} is {shorten(before.get(name))}, here it is {value!r}: "
                    "choose another folder, or remove this one"
                )
    elif folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise ConfigError(f"{folder} already exists and contains no demo: choose a folder that does not exist yet")
    else:
        write_text(record, json.dumps(dict(settings), indent=1) + "\n")
