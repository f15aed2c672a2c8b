"""An inspection of a store as one HTML page that opens offline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from dualhead.inspection.store_inspection import StoreInspection
from dualhead.runtime.files import write_text
from dualhead.visualize import plots
from dualhead.visualize.data_summary import summarise
from dualhead.visualize.page import asset, fill

MOST_SUSPECTS = 500
"""Most suspicious clips that the page lists."""

MOST_BARS = 130
"""Most values of a field with a bar of their own; of more, those with the most clips."""


def write_inspection(out: str | Path, inspection: StoreInspection) -> Path:
    """Write an inspection as one HTML page that loads nothing from anywhere.

    Args:
        out: The page to create or replace.
        inspection: The findings.

    Returns:
        `out` as a path.
    """
    store = inspection.store
    page = fill(
        "inspection.html",
        report_css=Markup(asset("report.css")),
        title=f"{store.meta.get('dataset', 'store')}: what is in it",
        subtitle=f"{store.path.name} · {len(store):,} clips · {len(store.classes)} classes · {store.skeleton.name}",
        figures=_headline(inspection),
        class_bars=plots.counts(store.classes, inspection.classes, label="clips") if store.classes else None,
        protocols=list(inspection.splits),
        class_rows=_class_rows(inspection),
        fields=[_field(name, *counted) for name, counted in inspection.values.items()],
        plots=_plots(inspection),
        suspects=inspection.suspects[:MOST_SUSPECTS],
        num_suspects=inspection.num_suspects,
        data=summarise(store),
    )
    write_text(out, page)
    return Path(out)


def _headline(inspection: StoreInspection) -> list[dict[str, str]]:
    store = inspection.store
    size = int((store.frames * store.bodies).sum()) * store.skeleton.num_joints * store.skeleton.dimensions * 4
    figures = [
        ("clips", f"{len(store):,}", ""),
        ("frames", f"{int(store.frames.sum()):,}", ""),
        ("coordinates", f"{size / 1e6:,.1f}", "MB"),
        ("suspicious clips", f"{inspection.num_suspects:,}", ""),
        ("rejected files", f"{len(store.meta.get('rejected', ())):,}", ""),
    ]
    return [{"label": label, "value": value, "unit": unit} for label, value, unit in figures]


def _class_rows(inspection: StoreInspection) -> list[dict[str, Any]]:
    return [
        {
            "label": label,
            "name": name,
            "count": int(inspection.classes[label]),
            "splits": [int(count) for counts in inspection.splits.values() for count in counts[:, label]],
        }
        for label, name in enumerate(inspection.store.classes)
    ]


def _field(name: str, values: NDArray[np.int64], counts: NDArray[np.int64]) -> dict[str, Any]:
    shown = np.sort(np.argsort(-counts, kind="stable")[:MOST_BARS])
    bars = plots.counts([str(value) for value in values[shown].tolist()], counts[shown], label=f"clips by {name}")
    few = f", the {MOST_BARS} with most clips" if len(shown) < len(values) else ""
    return {"name": name, "note": f"{len(values)} values{few}", "svg": bars if len(shown) else None}


def _plots(inspection: StoreInspection) -> list[dict[str, Any]]:
    if not len(inspection.store):
        return []
    store, figures = inspection.store, inspection.figures
    columns: dict[str, tuple[NDArray[np.int64] | NDArray[np.float64], str]] = {
        "Length": (store.frames, "frames"),
        "Bodies": (store.bodies, "bodies"),
        "Empty frames": (figures.empty_frames, "frames in which no person is seen"),
        "Bodies that come and go": (figures.absent, "share of frames in which a body is absent"),
        "Jumps": (figures.jump, "furthest move of a joint from one frame to the next"),
        "Joints that never move": (figures.constant_joints, "joints"),
        "Missing joints": (figures.missing_joints, "share of joints"),
        "Size": (figures.extent, "extent of a body from end to end"),
    }
    return [
        {"title": title, "svg": plots.histogram(values, x_label=label, y_label="clips")}
        for title, (values, label) in columns.items()
    ]
