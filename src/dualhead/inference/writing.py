"""Predictions, windows and intervals, written out: a table for a person, lines for a program."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from typing import IO, Any

from rich.console import Console
from rich.table import Table

from dualhead.inference.prediction import Prediction
from dualhead.inference.segments import Interval, Segment
from dualhead.runtime.progress import track
from dualhead.runtime.terminal import cell, data_cell, print_json

Item = Prediction | Segment | Interval
"""A prediction of a whole recording or of a window, or an interval."""

PREDICTION_COLUMNS = ("name", "true_label", "true_class", "head", "rank", "label", "class", "probability")
"""Columns of predictions in CSV: one line per recording, head ("mean" is the prediction) and rank."""

SEGMENT_COLUMNS = (
    "name", "body", "start", "stop", "start_s", "stop_s", "head", "rank", "label", "class", "probability",
)  # fmt: skip
"""Columns of windows in CSV: one line per window, head and rank; `body` is empty for all bodies together."""

INTERVAL_COLUMNS = (
    "name", "body", "start", "stop", "start_s", "stop_s", "label", "class", "probability", "windows",
)  # fmt: skip
"""Columns of intervals in CSV."""


def write_items(
    items: Iterable[Item],
    file: IO[str],
    form: str,
    columns: tuple[str, ...],
    top_k: int,
    *,
    header: bool = True,
    quiet: bool = False,
) -> int:
    """Write items: lines as soon as each is known, or a table when all are.

    Args:
        items: The items to write, all of one kind.
        file: The open text file.
        form: "table", "jsonl" (a JSON object a line, as `to_dict` returns it) or "csv".
        columns: The columns of the items in CSV.
        top_k: Number of classes of a prediction or a window.
        header: Write the line of CSV's columns first.
        quiet: Show no progress of a table.

    Returns:
        How many were written.
    """
    if form == "table":
        return _write_table(items, file, top_k, quiet)
    writer = csv.DictWriter(file, columns, lineterminator="\n", extrasaction="ignore", restval="")
    if form == "csv" and header:
        writer.writeheader()
    count = 0
    for item in items:
        if form == "csv":
            for row in _rows(item, top_k):
                writer.writerow({name: data_cell(value, file) for name, value in row.items()})
            file.flush()
        else:
            print_json(item.to_dict() if isinstance(item, Interval) else item.to_dict(top_k), file)
        count += 1
    return count


def _rows(item: Item, top_k: int) -> Iterator[dict[str, Any]]:
    """Yield the lines of an item in CSV."""
    if isinstance(item, Interval):
        yield {**item.to_dict(), "probability": f"{item.probability:.6f}"}
        return
    if isinstance(item, Segment):
        prediction, first = item.prediction, item.to_dict()
    else:
        truth = {} if item.label is None else {"true_label": item.label, "true_class": item.classes[item.label]}
        prediction, first = item, {"name": item.name, **truth}
    for head in (None, *prediction.heads):
        for rank, entry in enumerate(prediction.top(top_k, head), start=1):
            row = {"head": head or "mean", "rank": rank, "label": entry.label, "class": entry.name}
            yield {**first, **row, "probability": f"{entry.probability:.6f}"}


def _write_table(items: Iterable[Item], file: IO[str], top_k: int, quiet: bool) -> int:
    """Write a table of what is done, even if the rest is interrupted."""
    table: Table | None = None
    count, last = 0, ""
    try:
        for item in track(items, "predicting", None, quiet):
            table = table or _empty_table(item)
            if isinstance(item, Prediction):
                _add_prediction(table, item, top_k)
            else:
                _add_stretch(table, item, "" if item.name == last else item.name)
            last = item.name
            count += 1
    finally:
        if table is not None:
            Console(file=file).print(table)
    return count


def _empty_table(item: Item) -> Table:
    table = Table()
    table.add_column("recording", overflow="fold")
    if isinstance(item, Prediction):
        heads = item.heads if len(item.heads) > 1 else {}
        table.add_column("class", overflow="fold")
        table.add_column("mean %" if heads else "probability %", justify="right")
        for head in heads:
            table.add_column(f"{cell(head)} %", justify="right")
    else:
        table.add_column("body")
        table.add_column("from", justify="right")
        table.add_column("to", justify="right")
        table.add_column("class", overflow="fold")
        table.add_column("%", justify="right")
    return table


def _add_prediction(table: Table, prediction: Prediction, top_k: int) -> None:
    """Add a row for each of the top classes, with the heads' own probabilities beside the prediction's."""
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


def _add_stretch(table: Table, item: Segment | Interval, name: str) -> None:
    """Add a row for an interval, or for a window with its most probable class."""
    if isinstance(item, Interval):
        action, probability = item.action, item.probability
    else:
        top = item.prediction.top(1)[0]
        action, probability = top.name, top.probability
    table.add_row(
        cell(name),
        "all" if item.body is None else str(item.body + 1),
        *(str(frame) if item.fps is None else f"{frame / item.fps:.2f} s" for frame in (item.start, item.stop)),
        cell(action),
        f"{100 * probability:.1f}",
    )
