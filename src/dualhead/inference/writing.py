"""Predictions of whole recordings, written out: a table for a person, lines for a program."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import IO

from rich.console import Console
from rich.table import Table

from dualhead.inference.prediction import Prediction
from dualhead.runtime.progress import show_progress
from dualhead.runtime.terminal import cell, data_cell, print_json

CSV_COLUMNS = ("name", "true_label", "true_class", "head", "rank", "label", "class", "probability")
"""Columns of the CSV form: one line per recording, head ("mean" is the prediction) and rank."""


def write_jsonl(predictions: Iterator[Prediction], file: IO[str], top_k: int) -> int:
    """Write one JSON object a line, as `Prediction.to_dict` gives it, each as soon as it is known.

    Args:
        predictions: The predictions to write.
        file: The open text file.
        top_k: Number of classes.

    Returns:
        How many were written.
    """
    count = 0
    for prediction in predictions:
        print_json(prediction.to_dict(top_k), file)
        count += 1
    return count


def write_csv(predictions: Iterator[Prediction], file: IO[str], top_k: int, header: bool = True) -> int:
    """Write CSV with the columns of `CSV_COLUMNS`.

    Args:
        predictions: The predictions to write.
        file: The open text file.
        top_k: Number of classes.
        header: Write the line of columns first.

    Returns:
        How many predictions were written.
    """
    writer = csv.writer(file, lineterminator="\n")
    if header:
        writer.writerow(CSV_COLUMNS)
    count = 0
    for prediction in predictions:
        truth = ("", "") if prediction.label is None else (prediction.label, prediction.classes[prediction.label])
        for head in (None, *prediction.heads):
            for place, item in enumerate(prediction.top(top_k, head), start=1):
                row = (head or "mean", place, item.label, item.name, f"{item.probability:.6f}")
                writer.writerow(data_cell(value, file) for value in (prediction.name, *truth, *row))
        file.flush()
        count += 1
    return count


def write_table(predictions: Iterator[Prediction], file: IO[str], top_k: int, quiet: bool = False) -> int:
    """Write a table: a row a class, the heads' own probabilities beside the prediction's.

    What is done is shown even if the rest is interrupted.

    Args:
        predictions: The predictions to write.
        file: The open text file.
        top_k: Number of classes.
        quiet: Show no progress.

    Returns:
        How many predictions were written.
    """
    table: Table | None = None
    count = 0
    try:
        with show_progress(quiet) as new_bar:
            bar = new_bar("predicting", None)
            for prediction in predictions:
                table = table or _empty_table(prediction)
                _add_rows(table, prediction, top_k)
                count += 1
                bar.update(count)
    finally:
        if table is not None:
            Console(file=file).print(table)
    return count


def _empty_table(prediction: Prediction) -> Table:
    table = Table()
    table.add_column("recording", overflow="fold")
    table.add_column("class", overflow="fold")
    table.add_column("mean %" if len(prediction.heads) > 1 else "probability %", justify="right")
    for head in prediction.heads if len(prediction.heads) > 1 else ():
        table.add_column(f"{cell(head)} %", justify="right")
    return table


def _add_rows(table: Table, prediction: Prediction, top_k: int) -> None:
    heads = prediction.heads if len(prediction.heads) > 1 else {}
    top = prediction.top(top_k)
    for place, item in enumerate(top):
        mark = " (true)" if item.label == prediction.label else ""
        table.add_row(
            cell(prediction.name) if place == 0 else "",
            cell(item.name) + mark,
            f"{100 * item.probability:.1f}",
            *(f"{100 * values[item.label]:.1f}" for values in heads.values()),
            style="bold" if place == 0 else None,
            end_section=place == len(top) - 1,
        )
