"""Reading what training left behind: score files and curves of run folders."""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dualhead.evaluation.scores import Scores
from dualhead.runtime.errors import ConfigError, FormatError

SELECTIONS = ("last", "best")
"""The epochs whose scores a run keeps: the last one, and the best one on validation."""

_DRAWABLE = 1e100  # the ends of an axis from here on overflow in their difference


@dataclass(frozen=True)
class Run:
    """One run folder.

    Attributes:
        name: Its stream, or the folder's name where no score file says.
        path: The folder.
        curves: Values over epochs by column of `metrics.csv`: pairs (epoch, mean over that epoch's rows).
        test: Test scores by selection.
        validation: Validation scores by selection.
        experiment: The text of `experiment.yaml`, or "".
    """

    name: str
    path: Path
    curves: dict[str, list[tuple[float, float]]]
    test: dict[str, Scores]
    validation: dict[str, Scores]
    experiment: str


def files_of_run(path: str | Path) -> list[Path]:
    """List the files of a run that a report reads: any other file in its folder may be overwritten.

    Args:
        path: The folder that training wrote.

    Returns:
        The files, and the folder of the scores.
    """
    return [Path(path) / name for name in ("metrics.csv", "scores", "experiment.yaml", "run.json")]


def read_run(path: str | Path) -> Run:
    """Read a run folder; a run that is still going on has fewer of the parts.

    Args:
        path: The folder that training wrote.

    Returns:
        What is there of it.

    Raises:
        ConfigError: If there is no such folder, or it holds neither scores nor metrics.
        FormatError: If a file in it is damaged.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise ConfigError(f"no run folder at {str(folder)!r}: pass one that training wrote")
    scores = {
        split: {
            selection: Scores.load(file)
            for selection in SELECTIONS
            if (file := folder / "scores" / f"{split}_{selection}.npz").is_file()
        }
        for split in ("test", "validation")
    }
    metrics = folder / "metrics.csv"
    curves = read_curves(metrics) if metrics.is_file() else {}
    if not curves and not scores["test"]:
        raise ConfigError(
            f"{str(folder)!r} holds neither metrics.csv nor test scores: pass a folder that training wrote"
        )
    config = folder / "experiment.yaml"
    name = next((str(item.provenance["stream"]) for item in scores["test"].values() if "stream" in item.provenance), "")
    return Run(
        name=name or folder.name,
        path=folder,
        curves=curves,
        test=scores["test"],
        validation=scores["validation"],
        experiment=config.read_text(encoding="utf-8", errors="replace") if config.is_file() else "",
    )


def read_curves(path: str | Path) -> dict[str, list[tuple[float, float]]]:
    """Read the columns of a metrics file over epochs.

    Empty cells and numbers too large to be drawn are left out; rows of one epoch are averaged, which joins those that
    loggers write in the middle of it.

    Args:
        path: A CSV file with a column `epoch`.

    Returns:
        By column, pairs (epoch, value) in rising order of epochs; columns without a number are left out.

    Raises:
        FormatError: If there is no column `epoch`, a cell is not a number, with its line, or one is far too long.
    """
    with Path(path).open(newline="", encoding="utf-8", errors="replace") as file:
        reader = csv.DictReader(file)
        try:
            return _means(reader, path)
        except csv.Error as error:
            raise FormatError(f"no table of numbers ({error})", path) from error


def _means(reader: csv.DictReader[str], path: str | Path) -> dict[str, list[tuple[float, float]]]:
    """Average the rows of each epoch, column by column."""
    if "epoch" not in (reader.fieldnames or ()):
        raise FormatError("no column 'epoch': pass the metrics.csv of a run", path)
    sums: dict[str, dict[float, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in reader:
        # A last line that was cut off has fewer cells, which read as None.
        cells = {name: cell for name, cell in row.items() if name and cell}
        try:
            numbers = {name: float(cell) for name, cell in cells.items()}
        except (TypeError, ValueError) as error:
            raise FormatError(f"a cell is not a number ({str(error)[:80]})", path, reader.line_num) from error
        epoch = numbers.pop("epoch", math.nan)
        for name, number in numbers.items():
            if name != "step" and abs(number) < _DRAWABLE and abs(epoch) < _DRAWABLE:
                sums[name][epoch].append(number)
    return {
        name: [(epoch, sum(values) / len(values)) for epoch, values in sorted(epochs.items())]
        for name, epochs in sums.items()
    }


def find_curves(runs: Sequence[Run], column: str) -> dict[str, tuple[list[float], list[float]]]:
    """Find the same column in all runs.

    Args:
        runs: The runs.
        column: Its name in `metrics.csv`, such as "train_loss".

    Returns:
        Epochs and values by the run's name (made unique); runs without the column are left out.
    """
    found: dict[str, tuple[list[float], list[float]]] = {}
    for run in runs:
        points = run.curves.get(column)
        if points:
            name = run.name if run.name not in found else f"{run.name} ({run.path.name})"
            found[name] = ([epoch for epoch, _ in points], [value for _, value in points])
    return found
