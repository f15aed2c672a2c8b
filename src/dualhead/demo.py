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
from dualhead.reproduction import fuse_runs
from dualhead.runtime.errors import ConfigError, shorten
from dualhead.runtime.files import write_text
from dualhead.runtime.json_file import read_json
from dualhead.runtime.schema import mapping_of
from dualhead.runtime.terminal import print_line
from dualhead.synthetic.generate import ZIP_NAME, generate
from dualhead.training.config import load_experiment
from dualhead.training.run_folder import RunFolder
from dualhead.training.side_by_side import train_side_by_side
from dualhead.version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping

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
    """Go the whole way on generated data: make recordings, prepare, train four streams, score, fuse, and report.

    The recordings are made by `dualhead.synthetic.generate` in the syntax of NTU RGB+D; from there on everything is
    what a user would call. Takes three to four minutes on two cores. Interrupted at any point, the same call goes on
    where it was; once finished, it only fuses, reports and prints the table again.

    Args:
        out: Folder for everything: `raw/`, `store/`, `runs/STREAM/`, `fused.npz`, `report.html`.
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
        raise ConfigError(f"num_performers is {num_performers}: give 3 or more, some to train on and some to test on")
    if epochs is not None and epochs < 1:
        raise ConfigError(f"epochs is {epochs}: give 1 or more, or leave it out")
    _claim(folder, {"version": __version__, "num_performers": num_performers, "epochs": epochs, "seed": seed})
    console = Console()

    def show(line: str) -> None:
        print_line(console, line)

    def say(step: int, what: str) -> None:
        if not quiet:
            show(f"[{step}/5] {what}")

    raw, store = folder / "raw", folder / "store"
    say(1, f"recordings of {num_performers} performers: {raw}")
    if not (raw / ZIP_NAME).is_file():  # it appears when it is whole, after its missing list
        generate(raw, num_performers=num_performers, seed=seed, quiet=quiet)
    say(2, f"preparing: {store}")
    prepare("synthetic", raw, store, quiet=quiet)

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
    if not quiet:
        show(f"done in {time.monotonic() - started:.0f} s")
    print_fusion(fused, console)
    show(f"report: {report.resolve()}")
    return report


def _claim(folder: Path, settings: Mapping[str, object]) -> None:
    """Make the folder this demo's, or check that it already is.

    Raises:
        ConfigError: If it holds something else; says what differs.
    """
    record = folder / "demo.json"
    if record.is_file():
        before = read_json(record, mapping_of(lambda value, place: None), f"remove {folder}, or give another folder")
        for name, value in settings.items():
            if before.get(name) != value:
                raise ConfigError(
                    f"{folder} holds a demo whose {name} is {shorten(before.get(name))}, here it is {value!r}: "
                    "give another folder, or remove this one"
                )
    elif folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise ConfigError(f"{folder} is there already and holds no demo: give a folder that does not exist yet")
    else:
        write_text(record, json.dumps(dict(settings), indent=1) + "\n")
