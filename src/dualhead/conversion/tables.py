"""Tables of what a converted checkpoint lacks, and of how its keys were matched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from dualhead.conversion.published import KeyReport
from dualhead.runtime.terminal import cell


def lacking(provenance: Mapping[str, Any]) -> list[str]:
    """Describe the facts that a checkpoint lacks, what is then unavailable, and the option that adds each.

    Args:
        provenance: The checkpoint's.

    Returns:
        A sentence for each thing.
    """
    needed = (
        ("recipe", "`predict` cannot make its clips", "--recipe NAME or --experiment NAME"),
        ("stream", "`predict` cannot make its clips", "--stream NAME"),
        ("classes", "`predict` writes numbers instead of names", "--classes FILE or --experiment NAME"),
        ("experiment", "`evaluate` does not know its protocol", "--experiment NAME"),
    )
    return [
        f"the checkpoint does not record its {what}, so {therefore}: convert again with {option}"
        for what, therefore, option in needed
        if not provenance.get(what)
    ]


def keys_table(keys: KeyReport, title: str, aside: tuple[str, ...] = ()) -> Table:
    """Build the table of how the keys of a checkpoint were matched.

    Args:
        keys: The report.
        title: The title of the table.
        aside: The entries beside the weights.

    Returns:
        One row for each kind, with the count and, but for mapped keys, all of them.
    """
    table = Table(title=cell(title))
    table.add_column("keys")
    table.add_column("count", justify="right")
    table.add_column("which", overflow="fold")
    first = next(iter(keys.mapped.items()), None)
    table.add_row("mapped", str(len(keys.mapped)), "" if first is None else cell(f"{first[0]} -> {first[1]}, ..."))
    rows = {
        "missing": keys.missing,
        "unexpected": keys.unexpected,
        "of another shape": keys.shape_mismatches,
        "of another graph": keys.other_graph,
        "NaN or infinity": keys.not_finite,
        "constants of the graph, left aside": keys.constants,
        "beside the weights, left aside": aside,
    }
    for kind, names in rows.items():
        table.add_row(kind, str(len(names)), "\n".join(map(cell, names)))
    for sentence in keys.converted:
        count, _, rest = sentence.partition(" ")
        table.add_row("of another precision", count, cell(rest))
    return table
