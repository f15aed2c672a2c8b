"""Printing scores and fusions as tables."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from dualhead.evaluation.clip_average import one_clip_figures
from dualhead.evaluation.detection import Untrimmed
from dualhead.evaluation.fusion import FusionResult
from dualhead.evaluation.metrics import Metrics, measure_heads
from dualhead.evaluation.scores import Scores
from dualhead.runtime.terminal import cell, print_line

_FOOTNOTES = {
    "equal": "equal weights",
    "published": "published weights (0.6, motion 0.4)",
    "pyskl": "the weights of PYSKL (2, motion 1)",
    "given": "given weights",
    "validation": "weights found on validation scores",
}


def percent(value: float) -> str:
    """Write a share of 0 to 1 as a percentage with two digits, the unit left to the column's title."""
    return f"{100 * value:.2f}"


def scores_table(scores: Mapping[str, Scores], title: str | None = None) -> Table:
    """Build the table of score files: one row for each head and one for the heads' mean.

    Where several test clips were averaged, the figures of one clip follow.

    Args:
        scores: Scores by the name they go under.
        title: A title, or none.

    Returns:
        The table; shares are in %.
    """
    table = Table(title=title and cell(title))
    for column in ("scores", "head"):
        table.add_column(column)
    for column in ("samples", "top-1 %", "top-5 %", "mean class %"):
        table.add_column(column, justify="right")
    for name, item in scores.items():
        alone = one_clip_figures(item)
        parts = [(name if alone is None else f"{name}, {item.provenance['test_clips']} clips", measure_heads(item))]
        for title_of_part, figures in parts if alone is None else [*parts, ("one clip", alone)]:
            if len(item.heads) == 1:
                figures.pop(item.heads[0], None)
            for number, (head, metrics) in enumerate(figures.items()):
                table.add_row(
                    cell(title_of_part) if number == 0 else "", cell(head), str(metrics.count), *_figures(metrics),
                    end_section=number == len(figures) - 1,
                )  # fmt: skip
    return table


def fusion_table(result: FusionResult, title: str | None = None) -> Table:
    """Build the table of a fusion: a row for each stream with its weight and share, then the fusion.

    Args:
        result: The result of `fuse`.
        title: A title, or none.

    Returns:
        The table; shares are in %, "lost without" is in points of top-1 accuracy.
    """
    own_heads = [head for head in result.scores.heads if all(head in stream.metrics for stream in result.streams)]
    heads = own_heads if len(own_heads) > 1 else []
    table = Table(title=title and cell(title))
    table.add_column("stream", overflow="fold")
    columns = ("weight", *(f"{head} top-1 %" for head in heads), "top-1 %", "top-5 %", "mean class %", "lost without")
    for column in columns:  # a word a line: four streams of two heads fit into 80 columns
        table.add_column("\n".join(map(cell, column.split())), justify="right", no_wrap=True)
    for number, stream in enumerate(result.streams):
        table.add_row(
            cell(stream.name),
            f"{stream.weight:.3f}",
            *(percent(stream.metrics[head].top1) for head in heads),
            *_figures(stream.metrics["mean"]),
            "" if stream.drop is None else f"{100 * stream.drop:+.2f}",
            end_section=number == len(result.streams) - 1,
        )
    by_head = [percent(result.metrics[head].top1) for head in heads]
    table.add_row("fused", "", *by_head, *_figures(result.metrics["mean"]), "", style="bold")
    return table


def print_fusion(result: FusionResult, console: Console | None = None) -> None:
    """Print a fusion's table and how it was made.

    Args:
        result: The result of `fuse`.
        console: The console to print on; standard output by default.
    """
    console = console or Console()
    provenance = result.scores.provenance
    known = [str(provenance[field]) for field in ("dataset", "protocol", "split", "selection") if field in provenance]
    console.print(fusion_table(result, " ".join(known) or None))
    line = f"{len(result.scores)} samples; {result.method} summed with {_FOOTNOTES[result.weighting]}"
    if result.validation is not None:
        line += f" ({percent(result.validation.top1)} % top-1 on {result.validation.count} validation samples)"
    print_line(console, line)


def untrimmed_table(figures: Untrimmed, title: str) -> Table:
    """Build the table of the figures for the terminal.

    Args:
        figures: The figures.
        title: The title of the table.
    """
    table = Table(title=cell(title))
    table.add_column("figure")
    table.add_column("%", justify="right")
    table.add_row(f"frames with the right class (of {figures.frames:,})", f"{100 * figures.frame_accuracy:.2f}")
    table.add_row("the same, mean over classes", f"{100 * figures.mean_class_accuracy:.2f}")
    for iou, value in figures.mean_average_precision.items():
        table.add_row(f"mAP at IoU {iou:g}", f"{100 * value:.2f}")
    return table


def _figures(metrics: Metrics) -> tuple[str, str, str]:
    return percent(metrics.top1), percent(metrics.top5), percent(metrics.mean_class)
