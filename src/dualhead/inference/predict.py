"""Predicting from the command line: a table for a person, lines for a program."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Literal, get_args

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from dualhead.errors import ConfigError, FormatError, unknown
from dualhead.inference.prediction import Prediction
from dualhead.inference.predictor import Predictor

Format = Literal["auto", "table", "jsonl", "csv"]
"""How predictions are written; "auto" is a table on a terminal and JSON lines elsewhere."""

CSV_COLUMNS = ("name", "true_label", "true_class", "head", "rank", "label", "class", "probability")
"""Columns of the CSV form: one line per recording, head ("mean" is the prediction) and rank."""


def predict(
    checkpoints: list[Path],
    source: Path,
    *,
    weights: list[float] | Literal["equal", "published"] | None = None,
    fusion: Path | None = None,
    top_k: int = 5,
    format: Format = "auto",  # noqa: A002  (the option's name)
    batch_size: int = 16,
    device: str | None = None,
) -> None:
    """Name the action in a recording, in every recording of a folder or zip, or in a store.

    The recipe and the stream come from each checkpoint. Predictions are written to standard output as they are made;
    files that cannot be read are named on standard error and the rest goes on.

    Args:
        checkpoints: Checkpoints (.safetensors); several are fused.
        source: A raw file (.skeleton, or .json of NW-UCLA), a folder or zip of them, or a store.
        weights: Weights of several checkpoints: numbers in their order, "equal" or "published". Default: equal.
        fusion: The score file that `dualhead fuse --out` wrote for these checkpoints, in place of weights.
        top_k: How many classes to name.
        format: "table", "jsonl" (JSON lines) or "csv"; "auto" is a table on a terminal and JSON lines elsewhere.
        batch_size: Clips that are computed at a time.
        device: Where to run, such as "cpu" or "cuda:1". Default: a CUDA GPU if there is one, else the CPU.

    Raises:
        ConfigError: If an option cannot be used.
        FormatError: If nothing could be read.
    """
    if format not in get_args(Format):
        raise unknown("format", format, get_args(Format))
    if top_k < 1:
        raise ConfigError(f"top_k is {top_k}: give 1 or more")
    if weights is not None and fusion is not None:
        raise ConfigError("weights and a fusion that holds weights are both given: give one of the two")
    chosen = weights if fusion is None else fusion
    predictor = Predictor.from_checkpoint(checkpoints, weights=chosen, device=device)
    rejected: list[FormatError] = []

    def reject(error: FormatError) -> None:
        rejected.append(error)
        print(f"dualhead: not read: {error}", file=sys.stderr)

    predictions = predictor.predict_each([source], batch_size=batch_size, on_rejected=reject)
    kind = ("table" if sys.stdout.isatty() else "jsonl") if format == "auto" else format
    write = {"table": write_table, "jsonl": write_jsonl, "csv": write_csv}[kind]
    count = write(predictions, sys.stdout, top_k)
    if not count and rejected:
        raise FormatError(f"none of {len(rejected)} recordings could be read: see the reasons above", source)


def write_jsonl(predictions: Iterator[Prediction], file: IO[str], top_k: int) -> int:
    """Write one JSON object a line, as `Prediction.to_dict` gives it, each as soon as it is known.

    Args:
        predictions: What to write.
        file: Where to.
        top_k: How many classes.

    Returns:
        How many were written.
    """
    count = 0
    for prediction in predictions:
        print(json.dumps(prediction.to_dict(top_k), ensure_ascii=False), file=file, flush=True)
        count += 1
    return count


def write_csv(predictions: Iterator[Prediction], file: IO[str], top_k: int) -> int:
    """Write CSV with the columns of `CSV_COLUMNS`.

    Args:
        predictions: What to write.
        file: Where to.
        top_k: How many classes.

    Returns:
        How many predictions were written.
    """
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    count = 0
    for prediction in predictions:
        truth = ("", "") if prediction.label is None else (prediction.label, prediction.classes[prediction.label])
        for head in (None, *prediction.heads):
            for place, item in enumerate(prediction.top(top_k, head), start=1):
                row = (head or "mean", place, item.label, item.name, f"{item.probability:.6f}")
                writer.writerow((prediction.name, *truth, *row))
        file.flush()
        count += 1
    return count


def write_table(predictions: Iterator[Prediction], file: IO[str], top_k: int) -> int:
    """Write a table: a row a class, the heads' own probabilities beside the prediction's.

    What is done is shown even if the rest is interrupted.

    Args:
        predictions: What to write.
        file: Where to.
        top_k: How many classes.

    Returns:
        How many predictions were written.
    """
    table: Table | None = None
    count = 0
    try:
        with _progress() as progress:
            task = progress.add_task("predicting", total=None)
            for prediction in predictions:
                table = table or _empty_table(prediction)
                _add_rows(table, prediction, top_k)
                count += 1
                progress.update(task, completed=count)
    finally:
        if table is not None:
            Console(file=file).print(table)
    return count


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)


def _empty_table(prediction: Prediction) -> Table:
    table = Table()
    table.add_column("recording", overflow="fold")
    table.add_column("class", overflow="fold")
    table.add_column("mean %" if len(prediction.heads) > 1 else "probability %", justify="right")
    for head in prediction.heads if len(prediction.heads) > 1 else ():
        table.add_column(f"{escape(head)} %", justify="right")
    return table


def _add_rows(table: Table, prediction: Prediction, top_k: int) -> None:
    heads = prediction.heads if len(prediction.heads) > 1 else {}
    top = prediction.top(top_k)
    for place, item in enumerate(top):
        mark = " (true)" if item.label == prediction.label else ""
        table.add_row(
            escape(prediction.name) if place == 0 else "",
            escape(item.name) + mark,
            f"{100 * item.probability:.1f}",
            *(f"{100 * values[item.label]:.1f}" for values in heads.values()),
            style="bold" if place == 0 else None,
            end_section=place == len(top) - 1,
        )
