"""Segments and intervals, written out: a table for a person, lines for a program."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import IO, Any

from rich.console import Console
from rich.table import Table

from dualhead.inference.segments import Interval, Segment
from dualhead.runtime.progress import show_progress
from dualhead.runtime.terminal import cell, data_cell, print_json

INTERVAL_COLUMNS = (
    "name", "body", "start", "stop", "start_s", "stop_s", "label", "class", "probability", "windows",
)  # fmt: skip
"""Columns of the CSV form of intervals; `body` is empty for all bodies together."""

SEGMENT_COLUMNS = (
    "name", "body", "start", "stop", "start_s", "stop_s", "head", "rank", "label", "class", "probability",
)  # fmt: skip
"""Columns of the CSV form of windows: one line per window, head ("mean" is the prediction) and rank."""


Items = Iterator[Interval] | Iterator[Segment]
"""Sequences of intervals or windows that can be written."""


def write_over_time(
    items: Items, file: IO[str], kind: str, top_k: int, every: bool, header: bool = True, quiet: bool = False
) -> int:
    """Write intervals or windows.

    Args:
        items: The intervals or windows to write.
        file: The open text file.
        kind: "table", "jsonl" or "csv".
        top_k: Number of classes of a window.
        every: Whether the items are windows.
        header: Write the line of CSV's columns first.
        quiet: Show no progress of a table.

    Returns:
        How many were written.
    """
    if kind == "table":
        return write_interval_table(items, file, quiet)
    return write_lines(items, file, top_k) if kind == "jsonl" else write_csv_lines(items, file, top_k, every, header)


def write_lines(items: Items, file: IO[str], top_k: int) -> int:
    """Write one JSON object a line, each as soon as it is known.

    Args:
        items: The intervals or windows to write.
        file: The open text file.
        top_k: Number of classes of a segment.

    Returns:
        How many were written.
    """
    count = 0
    for item in items:
        print_json(item.to_dict(top_k) if isinstance(item, Segment) else item.to_dict(), file)
        count += 1
    return count


def write_csv_lines(items: Items, file: IO[str], top_k: int, every: bool, header: bool = True) -> int:
    """Write CSV with the columns of `INTERVAL_COLUMNS`, or of windows `SEGMENT_COLUMNS`.

    Args:
        items: The intervals or windows to write.
        file: The open text file.
        top_k: Number of classes of a segment.
        every: Whether the items are segments: the first line says so also where none follows.
        header: Write the line of columns first.

    Returns:
        How many were written.
    """
    columns = SEGMENT_COLUMNS if every else INTERVAL_COLUMNS
    writer = csv.DictWriter(file, columns, lineterminator="\n", extrasaction="ignore", restval="")
    if header:
        writer.writeheader()

    def write(values: dict[str, Any]) -> None:
        writer.writerow({name: data_cell(value, file) for name, value in values.items()})

    count = 0
    for item in items:
        values = item.to_dict()
        if isinstance(item, Segment):
            for head in (None, *item.prediction.heads):
                for rank, entry in enumerate(item.prediction.top(top_k, head), start=1):
                    row = {"head": head or "mean", "rank": rank, "label": entry.label, "class": entry.name}
                    write({**values, **row, "probability": f"{entry.probability:.6f}"})
        else:
            write({**values, "probability": f"{item.probability:.6f}"})
        file.flush()
        count += 1
    return count


def write_interval_table(items: Items, file: IO[str], quiet: bool = False) -> int:
    """Write a table: a row an interval or a window, with its most probable class.

    What is done is shown even if the rest is interrupted.

    Args:
        items: The intervals or windows to write.
        file: The open text file.
        quiet: Show no progress.

    Returns:
        How many were written.
    """
    table = Table()
    table.add_column("recording", overflow="fold")
    table.add_column("body")
    table.add_column("from", justify="right")
    table.add_column("to", justify="right")
    table.add_column("class", overflow="fold")
    table.add_column("%", justify="right")
    count = 0
    last = ""
    try:
        with show_progress(quiet) as new_bar:
            bar = new_bar("predicting", None)
            for item in items:
                label = item.prediction.top(1)[0] if isinstance(item, Segment) else item
                table.add_row(
                    cell(item.name) if item.name != last else "",
                    "all" if item.body is None else str(item.body + 1),
                    _time(item.start, item.fps),
                    _time(item.stop, item.fps),
                    cell(label.action if isinstance(label, Interval) else label.name),
                    f"{100 * label.probability:.1f}",
                )
                last = item.name
                count += 1
                bar.update(count)
    finally:
        if count:
            Console(file=file).print(table)
    return count


def _time(frame: int, fps: float | None) -> str:
    return str(frame) if fps is None else f"{frame / fps:.2f} s"
