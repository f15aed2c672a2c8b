"""The report: one HTML page with everything there is to say about a training, which opens offline."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from dualhead.data.store.identity import check_store
from dualhead.data.store.store import Store, open_store
from dualhead.evaluation.fusion import FusionResult
from dualhead.evaluation.metrics import class_accuracy, confusion_matrix
from dualhead.evaluation.scores import Scores, as_scores
from dualhead.runtime.files import check_apart, write_text
from dualhead.visualize import plots
from dualhead.visualize.agreement_calibration import compare_predictions
from dualhead.visualize.data_summary import summarise
from dualhead.visualize.highlights import pick_clips
from dualhead.visualize.page import asset, fill
from dualhead.visualize.provenance import provenance_table
from dualhead.visualize.result_table import ResultTable, build_result_tables
from dualhead.visualize.runs import Run, files_of_run, find_curves, read_run

MOST_BARS = 60
"""Most classes with a bar of their own; of more, those with the lowest accuracy."""

_LEGIBLE = 30  # classes whose names can be read beside the whole matrix
_PART = 24
_PAIRS = 12


def write_report(
    out: str | Path,
    *,
    runs: Sequence[str | Path] = (),
    scores: Sequence[Scores | str | Path] = (),
    fused: FusionResult | Sequence[FusionResult] = (),
    store: Store | str | Path | None = None,
    title: str | None = None,
    command: str | None = None,
    mistakes: int = 2,
    quiet: bool = True,
) -> Path:
    """Write the report of a training, an evaluation or a fusion as one HTML page that loads nothing from anywhere.

    It holds the score table per stream and head and fused (last epoch and best epoch apart, with each stream's weight
    and share), the confusion matrix, the accuracy of each class, what streams and heads agree on, calibration, curves
    of the runs, a right clip and wrong ones to play, a summary of the data with the rejected files, and where it all
    comes from. What is about one set of scores
    (confusion, classes, clips) takes the fusion of the last epoch, or whatever is nearest to it.

    Args:
        out: The page to create or replace.
        runs: Run folders of the streams; their test scores are fused, with weights found on their validation scores.
        scores: Further test scores, or score files.
        fused: Fusions that are already made, such as those of the last and of the best epoch.
        store: The store that the scores are of, for the data summary and the clips; without it both are left out.
        title: The page's title; default: data set and protocol.
        command: The command that made it all, for the end of the page.
        mistakes: Number of wrong clips to show, the most confident ones of different classes.
        quiet: Show no progress.

    Returns:
        `out` as a path.

    Raises:
        ConfigError: If there are no scores, or `out` is one of the files that are read or is inside the store.
        MismatchError: If scores, or scores and store, do not match; names the field that differs.
        FormatError: If a file is damaged.
        StoreError: If the store cannot be opened.
    """
    stores = [] if store is None else [store.path if isinstance(store, Store) else store]
    files = [item for item in scores if not isinstance(item, Scores)]
    check_apart(out, [*files, *stores, *(file for run in runs for file in files_of_run(run))])
    folders = [read_run(run) for run in runs]
    fusions = [fused] if isinstance(fused, FusionResult) else list(fused)
    tables = build_result_tables(folders, as_scores(scores), fusions, quiet=quiet)
    main = tables[0]
    opened = open_store(store) if isinstance(store, str | Path) else store
    if opened is not None:
        for table in tables:
            for name, item in table.streams.items():
                check_store(opened, item.provenance, f"the scores of {name}")
    clips = [] if opened is None else pick_clips(main, opened, mistakes)
    page = fill(
        "report.html",
        report_css=Markup(asset("report.css")),
        title=title or _title(main.scores),
        subtitle=_subtitle(main),
        figures=_figures(main),
        tables=tables,
        clips=clips,
        clips_note=f"From the {_clips(main)} ({_of(main)}): the right one of median confidence, and the most confident "
        "mistakes of different classes.",
        **_confusion(main),
        **_classes(main),
        **compare_predictions(main),
        judged_note=f"On the {_clips(main)} ({_of(main)}).",
        plots=_plots(folders),
        data=None if opened is None else summarise(opened),
        provenance=provenance_table(main),
        experiments=[(run.name, run.experiment) for run in folders if run.experiment],
        command=command,
    )
    write_text(out, page)
    return Path(out)


def _title(scores: Scores) -> str:
    parts = [str(scores.provenance[key]) for key in ("dataset", "protocol") if scores.provenance.get(key)]
    return " ".join(parts) or "Report"


def _of(main: ResultTable) -> str:
    """Describe which scores the sections of the page show."""
    name = "fused" if main.fused else next(iter(main.streams))
    return f"{name}, {main.title.lower()}" if main.selection else name


def _clips(main: ResultTable) -> str:
    """Describe the clips by their protocol split, where the scores record it."""
    return f"{main.scores.provenance.get('split') or ''} clips".lstrip()


def _subtitle(main: ResultTable) -> str:
    models = sorted({str(item.provenance["model"]) for item in main.streams.values() if "model" in item.provenance})
    streams = f"{len(main.streams)} streams, fused" if main.fused else next(iter(main.streams))
    return " · ".join([*models, streams, f"{len(main.scores):,} {_clips(main)}", f"{main.scores.num_classes} classes"])


def _figures(main: ResultTable) -> list[dict[str, str]]:
    rows = main.rows
    best = max((row for row in rows if not row.fused), key=lambda row: row.top1)
    last = rows[-1]
    suffix = f", {main.title.lower()}" if main.selection else ""
    figures = [
        {
            "label": f"{'fused' if last.fused else last.name} top-1{suffix}",
            "value": f"{100 * last.top1:.2f}",
            "unit": "%",
        },
        {"label": "top-5", "value": f"{100 * last.top5:.2f}", "unit": "%"},
        {"label": "mean class accuracy", "value": f"{100 * last.mean_class:.2f}", "unit": "%"},
    ]
    if last.fused:
        gain = 100 * (last.top1 - best.top1)
        figures.append({"label": f"over the best stream ({best.name})", "value": f"{gain:+.2f}", "unit": "points"})
    return figures


def _confusion(main: ResultTable) -> dict[str, Any]:
    scores = main.scores
    names = scores.classes
    matrix = confusion_matrix(scores.labels, scores.predictions, scores.num_classes)
    order = plots.confusion_order(matrix)
    wrong = matrix * ~np.eye(len(matrix), dtype=bool)
    totals = matrix.sum(axis=1)
    pairs = []
    for at in np.argsort(-wrong, axis=None, kind="stable")[:_PAIRS]:
        row, column = divmod(int(at), len(matrix))
        if wrong[row, column]:
            count, total = int(wrong[row, column]), int(totals[row])
            pairs.append(
                {"true": names[row], "predicted": names[column], "count": count, "total": total, "share": count / total}
            )
    part = None
    if len(names) > _LEGIBLE:
        involved = np.argsort(-(wrong.sum(axis=0) + wrong.sum(axis=1)), kind="stable")[:_PART]
        chosen = order[np.isin(order, involved)]
        part = plots.confusion(matrix[np.ix_(chosen, chosen)], [names[row] for row in chosen], numbers=True)
    note = (
        f"{_clips(main).capitalize()} ({_of(main)}). Rows are true classes, columns predicted ones; right answers are "
        "blue, wrong ones orange; the stronger a cell, the larger its share of its row. Classes that are confused "
        "stand side by side."
    )
    return {
        "confusion": plots.confusion(matrix[np.ix_(order, order)], [names[row] for row in order]),
        "confusion_part": part,
        "confusion_note": note,
        "pairs": pairs,
    }


def _classes(main: ResultTable) -> dict[str, Any]:
    scores = main.scores
    accuracy = class_accuracy(scores.mean, scores.labels)
    order = np.argsort(np.where(np.isnan(accuracy), 2, accuracy), kind="stable")
    counts = np.bincount(scores.labels, minlength=scores.num_classes)
    shown = order[:MOST_BARS]
    many = len(order) > MOST_BARS
    table = [_class_row(scores, accuracy, counts, row) for row in order] if many else []
    which = f"The {MOST_BARS} classes of lowest accuracy" if many else "All classes, the lowest accuracy first"
    return {
        "class_bars": plots.bars([scores.classes[row] for row in shown], accuracy[shown], label="top-1 accuracy"),
        "class_table": table,
        "classes_note": f"{which} ({_of(main)}).",
    }


def _class_row(
    scores: Scores, accuracy: NDArray[np.float64], counts: NDArray[np.int64], row: int
) -> dict[str, str | int | float | None]:
    known = np.isfinite(accuracy[row])
    value = float(accuracy[row]) if known else None
    return {"name": scores.classes[row], "count": int(counts[row]), "accuracy": value}


def _plots(runs: Sequence[Run]) -> list[dict[str, Any]]:
    columns = {
        "train_loss": "Training loss",
        "val_cross_entropy": "Validation cross-entropy",
        "train_top1": "Training top-1",
        "val_top1": "Validation top-1",
        "lr": "Learning rate",
    }
    found = []
    for column, title in columns.items():
        series = find_curves(runs, column)
        if series:
            svg = plots.curves(series, x_label="epoch", y_label=title, percent=column.endswith("top1"))
            found.append({"title": title, "svg": svg})
    return found
