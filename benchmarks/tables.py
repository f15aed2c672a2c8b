"""Write the tables of README.md and docs/results.md from `results/`: `python -m benchmarks.tables`.

A result file, `results/*.json`, is a run's `result.json` with three keys added: `command`, `commit` and `machine`; or
the same keys for a fusion, with a `stream` such as "4 streams fused". An ablation, `results/ablations/*/results.json`,
has `command`, `commit`, `machine` and `runs`: name of the variant to a list of top-1 on the held-out part, one a run.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dualhead.models.published_results import published_result
from dualhead.runtime.errors import FormatError
from dualhead.runtime.files import write_text

ROOT = Path(__file__).parents[1]
BEGIN = "<!-- results: written by `python -m benchmarks.tables` -->\n"
END = "<!-- end of results -->\n"
NEEDED = ("dataset", "protocol", "model", "stream", "epochs", "last", "best", "device", "command", "commit", "machine")
COLUMNS = ("data set", "protocol", "model", "stream", "epochs", "last epoch", "best epoch", "device", "file")


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
    rows = [
        [
            str(values["dataset"]),
            str(values["protocol"]),
            str(values["model"]),
            str(values["stream"]).replace("_", " "),
            str(values["epochs"]),
            _top1(values["last"]),
            _top1(values["best"]),
            str(values["device"]),
            f"[{name.removesuffix('.json')}](results/{name})",
        ]
        for name, values in results.items()
    ]
    rule = ["---:" if column in ("epochs", "last epoch", "best epoch") else "---" for column in COLUMNS]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (COLUMNS, rule, *rows))


def full_table(results: Mapping[str, Mapping[str, Any]]) -> str:
    """Return results as a Markdown table with the published figure, parameters and time of each.

    Args:
        results: Results by file name.

    Returns:
        The table, top-1 in %; ends with a line end.
    """
    rows = []
    for name, values in results.items():
        published = published_result(str(values["model"]), str(values["dataset"]), str(values["protocol"]))
        theirs = (
            ""
            if published is None
            else f"{published.top1} ({published.setting.rpartition(', ')[2]}, {published.epoch})"
        )
        minutes = f"{values['seconds'] / 60:.0f}" if "seconds" in values else ""
        parameters = f"{values['parameters']:,}" if "parameters" in values else ""
        stream = str(values["stream"]).replace("_", " ")
        rows.append(
            f"| {values['dataset']} {values['protocol']} | {values['model']} | {stream} | {values['recipe']} "
            f"| {_top1(values['last'])} | {theirs} | {parameters} | {minutes} | {values['device']} "
            f"| `results/{name}` |\n"
        )
    head = "| data | model | stream | recipe | last epoch | published | parameters | minutes | device | file |\n"
    return head + "|---|---|---|---|---:|---|---:|---:|---|---|\n" + "".join(rows)


def ablation_table(values: Mapping[str, Any]) -> str:
    """Return an ablation as a Markdown table: mean and spread of every variant, and its difference to the first.

    Args:
        values: The content of a `results.json`.

    Returns:
        The table, top-1 in %; ends with a line end.
    """
    means = {name: statistics.fmean(figures) for name, figures in values["runs"].items()}
    base = next(iter(means.values()))
    lines = ["| variant | runs | mean | standard deviation | difference |", "|---|---:|---:|---:|---:|"]
    for name, figures in values["runs"].items():
        spread = f"{100 * statistics.stdev(figures):.2f}" if len(figures) > 1 else ""
        difference = f"{100 * (means[name] - base):+.2f}"
        lines.append(f"| {name} | {len(figures)} | {100 * means[name]:.2f} | {spread} | {difference} |")
    return "\n".join([*lines, "", f"`{values['command']}`, commit {values['commit']}, {values['machine']}.", ""])


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
    tables = full_table(results) + "\n## Ablations\n\n" + ablations(root / "results" / "ablations")
    return {
        readme: with_table(readme.read_text(encoding="utf-8"), results_table(results)),
        page: with_table(page.read_text(encoding="utf-8"), tables),
    }


def _top1(selection: Mapping[str, Any] | None) -> str:
    """The test split's top-1 of one selection in %, and the epoch that it is of."""
    if selection is None or selection.get("test") is None:
        return ""
    return f"{100 * selection['test']['mean']['top1']:.2f} ({selection['epoch']})"


if __name__ == "__main__":
    main()
