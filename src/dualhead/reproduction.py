"""Reproducing a published result: prepare, train the streams, fuse, and put ours beside the published figure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from rich.console import Console
from rich.table import Table

from dualhead.data.prepare.prepare import prepare
from dualhead.data.recipes.streams import STREAMS, check_stream
from dualhead.data.store.store import open_store
from dualhead.evaluation.fusion import FusionResult, fuse
from dualhead.evaluation.weights import WeightsName
from dualhead.runtime.errors import ConfigError
from dualhead.runtime.files import write_text
from dualhead.runtime.terminal import cell, print_line
from dualhead.training.experiment import Experiment
from dualhead.version import __version__

if TYPE_CHECKING:
    from dualhead.models.published_results import PublishedResult
    from dualhead.training.result import TrainResult

AS_PUBLISHED = MappingProxyType({"validation.by": "none", "validation.value": None})
"""In what a published run differs from an experiment of this package: it learned from the whole training split."""

SELECTIONS = ("last", "best")
"""The epochs that are reported; "best" is the best on the validation split, where there is one."""


@dataclass(frozen=True)
class Reproduction:
    """Ours beside the published figure; top-1 on the test split in percent.

    Attributes:
        streams: Top-1 of each stream by selection ("last", "best").
        fused: Top-1 of the fusion by selection; that of the stream itself where there is only one.
        weighting: The source of the fusion's weights: "validation", "published" or "pyskl"; "" for one stream.
        published: The published figure, or None where none is known.
        comparable: Whether the same streams were fused as in the published figure.
        validation: Samples of the training split that were kept back; the published run learned from them too.
        report: The HTML page.
    """

    streams: dict[str, dict[str, float]]
    fused: dict[str, float]
    weighting: str
    published: PublishedResult | None
    comparable: bool
    validation: int
    report: Path


def reproduce(
    experiment: Experiment | str | Path,
    out: str | Path,
    *,
    raw: Sequence[str | Path] = (),
    store: str | Path | None = None,
    streams: Sequence[str] = (),
    device: str = "auto",
    processes: int = 1,
    quiet: bool = False,
) -> Reproduction:
    """Train what a published table reports, from raw recordings on, and put the result beside the published figure.

    Prepares the store, with the body selection that the experiment names, if it is not there, trains and scores every
    stream, fuses them with weights found on the validation split (or the published weights, where nothing is kept
    back), writes a report and prints a table. Stopped at any point, the same call goes on where it was; once
    finished, it only prints the table again.

    An experiment given by name or file learns from the whole training split, as published. With another validation.by,
    such as subject, a part is kept back, the best epoch is reported beside the last, and the fusion's weights are found
    on that part.

    Args:
        experiment: An experiment by its short name, such as ntu60_xsub/dualhead, or a YAML file; an `Experiment` is
            taken as it is.
        out: Folder for everything: `store/` (unless given), `runs/STREAM/`, `fused_last.npz`, `report.html`,
            `reproduction.json`.
        raw: Folders or archives of the raw recordings; not needed where the store is there.
        store: Folder of the store, which is prepared there if it is not there yet. Default: `store` in `out`.
        streams: Names of streams. Default: those of the published result, or "joint", "bone", "joint_motion" and
            "bone_motion".
        device: "cpu", "cuda", "mps", or "auto" for a GPU where CUDA has one.
        processes: Processes to train in together on this machine, on GPUs one each.
        quiet: Show neither progress nor messages; the table and the report's place are printed in any case.

    Returns:
        The figures.

    Raises:
        ConfigError: If an argument cannot be used, or there is neither a store nor raw recordings.
        FormatError: If the raw recordings cannot be read.
        MismatchError: If the store or a run in `out` is of another data set or experiment; names the field.
        StoreError: If the store cannot be read or written.
        TrainingError: If a run had to stop.
        KeyboardInterrupt: If it was stopped by Ctrl-C or SIGTERM.
    """
    from dualhead.models.published_results import published_result
    from dualhead.models.registry import check_variant
    from dualhead.training.config import load_experiment

    if isinstance(experiment, str | Path):
        experiment = load_experiment(experiment, AS_PUBLISHED)
    check_variant(experiment.model.name, experiment.model.arguments)
    published = published_result(experiment.model.name, experiment.dataset, experiment.protocol)
    chosen = tuple(dict.fromkeys(streams)) or (STREAMS if published is None else published.streams)
    for stream in chosen:
        check_stream(stream)
    folder, console = Path(out), Console()
    place = folder / "store" if store is None else Path(store)

    def say(what: str) -> None:
        if not quiet:
            print_line(console, what)

    if raw:
        if experiment.dataset is None:
            raise ConfigError("the experiment names no dataset to prepare: prepare the store, and pass it as store")
        say(f"preparing {experiment.dataset}: {place}")
        say(str(prepare(experiment.dataset, list(raw), place, body_selection=experiment.bodies, quiet=quiet)))
    elif not place.exists():
        raise ConfigError(f"there is no store at {place}: pass raw, the recordings to prepare it from")
    open_store(place)  # what cannot be read is said before anything is trained
    results = train_streams(
        experiment, place, folder, chosen, device=device, processes=processes, quiet=quiet, console=console
    )
    runs = [result.out for result in results.values()]
    weights = "published" if published is None else published.weights
    fusions = {
        name: fused
        for name in SELECTIONS
        if (fused := fuse_runs(runs, folder / f"fused_{name}.npz", name, weights)) is not None
    }
    say("writing the report")

    from dualhead.visualize.report import write_report

    name = f"{experiment.model.name} on {experiment.dataset} {experiment.protocol}"
    report = write_report(
        folder / "report.html", runs=runs, fused=list(fusions.values()), store=place, title=f"Reproducing {name}"
    )
    figures = {stream: _figures(result) for stream, result in results.items()}
    found = Reproduction(
        streams=figures,
        fused={name: 100 * fused.metrics["mean"].top1 for name, fused in fusions.items()} or figures[chosen[0]],
        weighting=next((fused.weighting for fused in fusions.values()), ""),
        published=published,
        comparable=published is not None and set(published.streams) == set(chosen),
        validation=max(result.details["samples"]["validation"] for result in results.values()),
        report=report,
    )
    _save(found, experiment, folder)
    print_reproduction(found, name, console)
    return found


def train_streams(
    experiment: Experiment,
    store: str | Path,
    folder: Path,
    streams: Sequence[str],
    *,
    device: str = "auto",
    processes: int = 1,
    quiet: bool = False,
    console: Console,
) -> dict[str, TrainResult]:
    """Train and score streams one after another, or go on where that was stopped.

    Args:
        experiment: The experiment.
        store: A prepared store.
        folder: The runs are in `runs/STREAM` in it.
        streams: The streams.
        device: As in `train`.
        processes: As in `train`.
        quiet: Show nothing.
        console: The console for messages.

    Returns:
        The result of each stream.
    """
    from dualhead.training.train import train

    results = {}
    for number, stream in enumerate(streams, start=1):
        run = folder / "runs" / stream
        if not quiet:
            line = f"stream {number} of {len(streams)}, {stream}: {run}"
            print_line(console, line)
        results[stream] = train(experiment, store, run, stream=stream, device=device, processes=processes, quiet=quiet)

    return results


def fuse_runs(runs: Sequence[Path], out: Path, selection: str, weights: str = "published") -> FusionResult | None:
    """Fuse the test scores of one selection of epochs.

    Args:
        runs: Run folders that have finished.
        out: The score file to write.
        selection: "last" or "best".
        weights: Name of the published weights.

    Returns:
        The fusion, with weights found on the validation scores or else the published ones; None where there is only one
        run, or no run has such an epoch.
    """
    test, held_out = ([run / "scores" / f"{split}_{selection}.npz" for run in runs] for split in ("test", "validation"))
    if len(runs) == 1 or not all(path.is_file() for path in test):
        return None
    if all(path.is_file() for path in held_out):
        return fuse(test, validation=held_out, out=out)
    return fuse(test, cast(WeightsName, weights), out=out)


def reproduction_table(found: Reproduction, title: str) -> Table:
    """Build the table of our figures beside the published ones.

    Args:
        found: The figures that were reached.
        title: The name of the reproduced experiment.

    Returns:
        The table; top-1 in percent, differences in points.
    """
    table = Table(title=cell(title))
    table.add_column("test top-1 %")
    columns = {"last": "last epoch", "best": "best epoch on validation"}
    shown = [name for name in SELECTIONS if name in found.fused]
    for name in shown:
        table.add_column(columns[name], justify="right")
    for stream, figures in found.streams.items():
        table.add_row(stream, *(f"{figures[name]:.2f}" for name in shown))
    if len(found.streams) > 1:
        table.add_row("fused", *(f"{found.fused[name]:.2f}" for name in shown), style="bold")
    table.add_section()
    if found.published is None:
        table.add_row("published", *("none known" for _ in shown))
        return table
    table.add_row("published", *(f"{found.published.top1:.2f}" for _ in shown))
    if found.comparable:
        table.add_row("difference", *(f"{found.fused[name] - found.published.top1:+.2f}" for name in shown))
    return table


def print_reproduction(found: Reproduction, title: str, console: Console | None = None) -> None:
    """Print the table, what to know when reading it, and where the report is.

    Args:
        found: The figures that were reached.
        title: The name of the reproduced experiment.
        console: The console to print on; standard output by default.
    """
    console = console or Console()
    console.print(reproduction_table(found, title))
    lines = [] if not found.weighting else [f"weights of the fusion: {found.weighting}"]
    if found.published is not None:
        lines.append(f"published: {found.published.setting}, {found.published.epoch}")
        if not found.comparable:
            lines.append("not compared: other streams than published")
    if found.validation:
        lines.append(
            f"{found.validation:,} training samples were kept back for validation; "
            "without --validation.by, all are learned from, as published"
        )
    for line in [*lines, f"report: {found.report.resolve()}"]:
        print_line(console, line)


def _figures(result: TrainResult) -> dict[str, float]:
    chosen = {"last": result.last} | ({} if result.best is None else {"best": result.best})
    return {name: 100 * selection.test["mean"].top1 for name, selection in chosen.items() if selection.test is not None}


def _save(found: Reproduction, experiment: Experiment, folder: Path) -> None:
    values: dict[str, Any] = {
        "schema": 1,
        "version": __version__,
        "dataset": experiment.dataset,
        "protocol": experiment.protocol,
        "model": experiment.model.name,
        **asdict(found),
        "report": found.report.name,
    }
    write_text(folder / "reproduction.json", json.dumps(values, indent=1) + "\n")
