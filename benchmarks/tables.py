"""Writes the table of results in the README from `results/*.json`: `python -m benchmarks.tables`.

A result file is a run's `result.json` with three keys added: `command`, `commit` and `machine`; or the same keys for a
fusion, with a `stream` such as "4 streams fused".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

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
    """Write the table into the README.

    Args:
        root: The folder of README.md and results/.
    """
    page = root / "README.md"
    write_text(page, with_table(page.read_text(encoding="utf-8"), results_table(load_results(root / "results"))))


def _top1(selection: Mapping[str, Any] | None) -> str:
    """The test side's top-1 of one selection in %, and the epoch that it is of."""
    if selection is None or selection.get("test") is None:
        return ""
    return f"{100 * selection['test']['mean']['top1']:.2f} ({selection['epoch']})"


if __name__ == "__main__":
    main()
