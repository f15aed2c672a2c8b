"""Write the tables of README.md and docs/results.md from `results/`: `python -m benchmarks.tables`.

A result file, `results/*.json`, is a run's `result.json` with three keys added: `command`, `commit` and `machine`; or
the same keys for a fusion, with a `stream` such as "4 streams fused". An ablation, `results/ablations/*/results.json`,
has `command`, `commit`, `machine` and `runs`: by variant and value kept back the top-1 on that part, one a repetition.
"""

from __future__ import annotations

import json
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dualhead.models.published_results import published_result
from dualhead.models.registry import list_models
from dualhead.runtime.errors import FormatError
from dualhead.runtime.files import write_text

ROOT = Path(__file__).parents[1]
BEGIN = "<!-- results: written by `python -m benchmarks.tables` -->\n"
END = "<!-- end of results -->\n"
NEEDED = ("dataset", "protocol", "model", "stream", "epochs", "last", "best", "device", "command", "commit", "machine")
COLUMNS = ("data set", "protocol", "model", "stream", "epochs", "last epoch", "device", "file")


def load_results(folder: Path) -> dict[str, dict[str, Any]]:
    """Read every result file.

    Args:
        folder: Where they are.

    Returns:
        The results by file name, in its order.

    Raises:
        FormatError: If a file is not JSON or lacks a key.
    """
    results = {}
    for path in sorted(folder.glob("*.json")):
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise FormatError(f"not JSON: {error}", path) from error
        missing = [key for key in NEEDED if key not in values]
        if missing:
            raise FormatError(f"key {missing[0]!r} is missing: a result needs {', '.join(NEEDED)}", path)
        results[path.name] = values
    return results


def results_table(results: Mapping[str, Mapping[str, Any]]) -> str:
    """Lay out results as a Markdown table.

    Args:
        results: Results by file name.

    Returns:
        The table, top-1 in %; ends with a line end.
    """
    if not results:
        return "No results yet.\n"
    rows = []
    for group in _by_seed(results):
        values = next(iter(group.values()))
        rows.append(
            [
                str(values["dataset"]),
                str(values["protocol"]),
                str(values["model"]),
                str(values["stream"]).replace("_", " "),
                str(values["epochs"]),
                _mean_top1([one["last"].get("test") for one in group.values()]),
                str(values["device"]),
                ", ".join(f"[{name.removesuffix('.json')}](results/{name})" for name in group),
            ]
        )
    rule = ["---:" if column in ("epochs", "last epoch") else "---" for column in COLUMNS]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (COLUMNS, rule, *rows))


def full_table(results: Mapping[str, Mapping[str, Any]]) -> str:
    """Return results as a Markdown table with the published figure, parameters and time of each.

    Runs that differ in nothing but the seed are one row: their mean and standard deviation, and the minutes of one.

    Args:
        results: Results by file name.

    Returns:
        The table, top-1 in %; ends with a line end.
    """
    head = (
        "| data | model | stream | recipe | epochs | last epoch | one clip | published | parameters | minutes | device "
        "| file |\n|---|---|---|---|---:|---:|---:|---|---:|---:|---|---|\n"
    )
    return head + "".join(_full_row(group) for group in _by_seed(results))


def recipe_name(values: Mapping[str, Any]) -> str:
    """Return what the recipe of a result is called; that of an inline recipe is its key `name`."""
    recipe = values["recipe"]
    return str(recipe.get("name", "inline") if isinstance(recipe, Mapping) else recipe)


def _by_seed(results: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Mapping[str, Any]]]:
    """Group results by file name so that runs of other seeds stand together."""
    groups: dict[tuple[str, ...], dict[str, Mapping[str, Any]]] = {}
    for name, values in results.items():
        same = [str(values.get(key)) for key in ("dataset", "protocol", "model", "stream", "recipe", "variant", "init")]
        same += [str(values["epochs"]), str(values.get("weights"))]
        groups.setdefault(tuple(same), {})[name] = values
    return list(groups.values())


def _full_row(group: Mapping[str, Mapping[str, Any]]) -> str:
    values = next(iter(group.values()))
    known = values["model"] in list_models()  # a fusion may have several
    published = published_result(values["model"], values["dataset"], values["protocol"]) if known else None
    theirs = (
        "" if published is None else f"{published.top1} ({published.setting.rpartition(', ')[2]}, {published.epoch})"
    )
    cells = [
        f"{values['dataset']} {values['protocol']}",
        str(values["model"]),
        str(values["stream"]).replace("_", " "),
        recipe_name(values) + (f", from {values['init']}" if "init" in values else ""),
        str(values["epochs"]),
        _mean_top1([one["last"].get("test") for one in group.values()]),
        _mean_top1([one["last"].get("one_clip") for one in group.values()]),
        theirs,
        f"{values['parameters']:,}" if "parameters" in values else "",
        f"{values['seconds'] / 60:.0f}" if "seconds" in values else "",
        str(values["device"]),
        ", ".join(f"`results/{name}`" for name in group),
    ]
    return f"| {' | '.join(cells)} |\n"


def _mean_top1(figures: Sequence[Mapping[str, Any] | None]) -> str:
    """The mean top-1 in % of runs that differ in their seed, with the standard deviation and their number."""
    known = [100 * one["mean"]["top1"] for one in figures if one is not None]
    if len(known) < 2:
        return f"{known[0]:.2f}" if known else ""
    return f"{statistics.fmean(known):.2f} ± {statistics.stdev(known):.2f} ({len(known)} seeds)"


def confusions(results: Mapping[str, Mapping[str, Any]]) -> str:
    """Return what every fusion still gets wrong, the most frequent confusion first.

    Args:
        results: Results by file name; those without `errors` are left out.

    Returns:
        A Markdown list; ends with a line end.
    """
    lines = []
    for name, values in results.items():
        if "errors" in values:
            pairs = Counter((label, found) for _, label, found in values["errors"])
            shown = "; ".join(f"{label} taken for {found}: {count}" for (label, found), count in pairs.most_common())
            total = values["last"]["test"]["mean"]["count"]
            lines.append(f"- `{name.removesuffix('.json')}`, {len(values['errors'])} of {total} wrong. {shown}.\n")
    return "".join(lines) or "No fusion has been scored yet.\n"


def ablation_table(values: Mapping[str, Any]) -> str:
    """Return an ablation as a Markdown table.

    A row has the mean over the repetitions for each value kept back, the mean of those, its difference to the first
    row, and the standard deviation over repetitions, pooled over the values kept back.

    Args:
        values: The content of a `results.json`.

    Returns:
        The table, top-1 in %; ends with a line end.
    """
    kept = sorted({value for figures in values["runs"].values() for value in figures})
    lines = [
        "| variant | runs | " + "".join(f"without {value} | " for value in kept) + "mean | difference | spread |",
        "|---" + "|---:" * (len(kept) + 4) + "|",
    ]
    base = None
    for name, figures in values["runs"].items():
        means = [100 * statistics.fmean(figures[value]) if value in figures else None for value in kept]
        cells = ["" if mean is None else f"{mean:.2f}" for mean in means]
        mean, difference = "", ""
        if None not in means:
            centre = statistics.fmean([mean for mean in means if mean is not None])
            base = centre if base is None else base
            mean, difference = f"{centre:.2f}", f"{centre - base:+.2f}"
        count = sum(map(len, figures.values()))
        lines.append(f"| {' | '.join([name, str(count), *cells, mean, difference, _spread(figures)])} |")
    return "\n".join([*lines, "", f"`{values['command']}`, commit {values['commit']}, {values['machine']}.", ""])


def _spread(figures: Mapping[str, Sequence[float]]) -> str:
    """The standard deviation over repetitions in points, pooled over the values kept back; empty without any."""
    repeated = [values for values in figures.values() if len(values) > 1]
    if not repeated:
        return ""
    freedom = sum(len(values) - 1 for values in repeated)
    pooled = sum((len(values) - 1) * statistics.variance(values) for values in repeated) / freedom
    return f"{100 * pooled**0.5:.2f}"


def ablations(folder: Path) -> str:
    """Return the tables of all ablations that have results; a sentence where none has.

    Args:
        folder: The folder of ablations, each a folder with `results.json`.
    """
    tables = [
        f"### {path.parent.name}\n\n{ablation_table(json.loads(path.read_text(encoding='utf-8')))}"
        for path in sorted(folder.glob("*/results.json"))
    ]
    return "\n".join(tables) or "No ablation has been run to its end yet.\n"


def with_table(page: str, table: str) -> str:
    """Put a table between the marks of a page.

    Args:
        page: The page's text, with `BEGIN` and `END` in it.
        table: What goes between them.

    Returns:
        The new text.

    Raises:
        FormatError: If a mark is missing.
    """
    head, begin, rest = page.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise FormatError(f"the marks {BEGIN.strip()!r} and {END.strip()!r} are missing", "README.md")
    return head + begin + table + end + tail


def main(root: Path = ROOT) -> None:
    """Write the tables into README.md and docs/results.md.

    Args:
        root: The folder of README.md, docs/ and results/.
    """
    for page, text in written_pages(root).items():
        write_text(page, text)


def written_pages(root: Path = ROOT) -> dict[Path, str]:
    """Return README.md and docs/results.md as they should be.

    Args:
        root: The folder of README.md, docs/ and results/.

    Returns:
        The text of each page by its path.
    """
    results = load_results(root / "results")
    readme, page = root / "README.md", root / "docs" / "results.md"
    parts = (full_table(results), confusions(results), ablations(root / "results" / "ablations"))
    tables = "{}\n## What is still wrong\n\n{}\n## Ablations\n\n{}".format(*parts)
    return {
        readme: with_table(readme.read_text(encoding="utf-8"), results_table(results)),
        page: with_table(page.read_text(encoding="utf-8"), tables),
    }


if __name__ == "__main__":
    main()
