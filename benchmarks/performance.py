"""Writes `docs/performance.md` and its plot from `benchmarks/results`: `python -m benchmarks.performance`.

The words are in `benchmarks/performance_page.md`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from dualhead.runtime.files import write_text

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"


def main() -> None:
    """Write the page and the plot."""
    write_text(ROOT / "docs" / "performance.md", page())
    _plot(_figures("model_growth")["growth"])


def _figures(name: str) -> dict[str, Any]:
    figures: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text())
    return figures


def page() -> str:
    """Give the page, as the results say it."""
    files = {name: _figures(f"model_{name}") for name in ("inference", "training", "short", "growth", "latency")}
    template = (ROOT / "benchmarks" / "performance_page.md").read_text()
    roofline = files["growth"]["roofline"]
    words: dict[str, str] = {"load": ", ".join(f"{each:.0f}" for each in files["inference"]["load before"])}
    for name, figures in files.items():
        words |= {f"{name}_{key}": str(figures[key]) for key in ("command", "commit", "machine")}
    words["inference"] = _table(
        (
            "",
            "plain, s a clip",
            "ours, s a clip",
            "bfloat16, s",
            "plain / ours",
            "plain / bfloat16",
            "published / ours",
            "arg-max",
        ),
        (_inference_row(what, row) for what, row in files["inference"]["inference"].items()),
    )
    products = _figures("products")
    words |= {f"products_{key}": products[key] for key in ("command", "commit")}
    words["products"] = _products({name: products[name] for name in roofline})
    words["training"] = _by_model(files["training"]["training"])
    forms = ("plain", "float32", "bfloat16")
    words["short"] = _table(
        ("clips a second", *forms, "float32 / plain", "bfloat16 / plain"),
        (
            (
                what,
                *(_short(row[f"{form}, clips a second"]) for form in forms),
                *(f"{row[f'plain / {form}']:.2f}" for form in forms[1:]),
            )
            for what, row in files["short"]["short"].items()
        ),
    )
    words["roofline"] = _by_model(roofline)
    growth = files["growth"]["growth"]
    words["growth"] = _table(
        ("", "clips a second", "GB"),
        ((what, _short(row["clips a second"]), _short(row["GB"])) for what, row in growth.items()),
    )
    latency = files["latency"]["latency"]
    words["latency"] = _table(("", "s"), ((what, _short(row["s"])) for what, row in latency.items()))
    agreement = _figures("agreement")
    words |= {f"agreement_{key}": agreement[key] for key in ("command", "commit")}
    words["agreement"] = _by_model(agreement["streams"])
    score_files = _figures("score_files")
    words |= {
        f"scores_{key}": str(score_files[key]) for key in ("command", "commit", "commit_before", "machine", "load")
    }
    sizes = dict(zip(*2 * [iter(score_files["command"].split()[3:9])], strict=True))
    words["scores_files"] = f"{sizes['--files']} score files"
    words |= {f"scores_{key}": f"{int(sizes[f'--{key}']):,}" for key in ("samples", "classes")}
    words["scores_page_mb"] = str(score_files["page_mb"])
    units = {"cpu_s": "processor, s", "wall_s": "wall, s", "peak_mb": "peak, MB"}
    words["scores"] = _table(
        ("", *(f"{unit}: {which}" for unit in units.values() for which in ("before", "now"))),
        (
            (name, *(f"{score_files[name][which][key]:,.1f}" for key in units for which in ("before", "now")))
            for name in ("fuse", "report")
        ),
    )
    memory = _figures("memory")
    words |= {f"memory_{key}": str(memory[key]) for key in ("command", "commit", "machine", "load")}
    measured = {"user_s": "user, s", "system_s": "system, s", "page_faults": "page faults", "peak_mb": "peak, MB"}
    words["memory"] = _table(
        ("", "freed memory", *measured.values(), "processor time, system's / this"),
        (
            (what, setting, *(f"{row[key]:,.6g}" for key in measured), f"{row['system / this']:.2f}")
            for what, settings in memory["cases"].items()
            for setting, row in settings.items()
        ),
    )
    return template.format(**words)


def _by_model(table: Mapping[str, Mapping[str, float]]) -> str:
    """Write a table of a column for each model (or stream), with the keys of the first as rows."""
    keys = next(iter(table.values()))
    return _table(("", *table), ((key, *(_short(row.get(key)) for row in table.values())) for key in keys))


def _products(models: Mapping[str, Mapping[str, Any]]) -> str:
    """Write the products of every model, those that take longest first."""
    rows = [(name, row) for name, figures in models.items() for row in figures["products"]]
    headings = ("", *rows[0][1])
    return _table(
        headings,
        (
            (name, *(_short(value) if isinstance(value, float) else str(value) for value in row.values()))
            for name, row in rows
        ),
    )


def _inference_row(what: str, row: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        f"{what}, T = {row['frames']}",
        _short(row.get("plain, s a clip")),
        _short(row["float32, s a clip"]),
        _short(row.get("bfloat16, s a clip")),
        f"{row['plain / float32']:.2f}",
        f"{row['plain / bfloat16']:.2f}",
        _short(row.get("published / float32")),
        f"{100 * row['float32: equal arg-max']:.0f} % equal" if "float32: equal arg-max" in row else "",
    )


def _short(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = list(head)
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *map(list, rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _plot(growth: Mapping[str, Mapping[str, float]]) -> None:
    figure = Figure(figsize=(9, 3), layout="constrained")
    for axes, (kind, base) in zip(figure.subplots(1, 3), (("batch", ()), ("T", (300,)), ("bodies", (2,))), strict=True):
        points = {
            int(what.split()[-1]): row["clips a second"] for what, row in growth.items() if what.startswith(f"{kind} ")
        }
        points |= dict.fromkeys(base, growth["batch 4"]["clips a second"])
        axes.plot(*zip(*sorted(points.items()), strict=True), marker="o", color="#2a6f97")
        axes.set_xlabel({"batch": "batch, clips", "T": "T, frames", "bodies": "bodies"}[kind])
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.3)
    figure.axes[0].set_ylabel("clips a second")
    figure.savefig(ROOT / "docs" / "images" / "performance.png", dpi=110)


if __name__ == "__main__":
    main()
