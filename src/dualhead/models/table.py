"""Printing what the registry knows."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from dualhead.models.listing import COUNTED_FOR, describe_models, gigas


def models_table() -> Table:
    """Lay out every model: its heads, size and cost, its variant arguments, its published results and its paper.

    Returns:
        The table; results are top-1 in %.
    """
    table = Table(
        title="models",
        caption=f"parameters and GMACs a clip, as the paper writes the model, for {COUNTED_FOR}",
        show_lines=True,
    )
    table.add_column("name", no_wrap=True)
    table.add_column("heads")
    table.add_column("parameters", justify="right", no_wrap=True)
    table.add_column("frames", justify="right", no_wrap=True)
    table.add_column("GMACs", justify="right", no_wrap=True)
    table.add_column("paper, variant arguments, published top-1 %")
    for card in describe_models():
        about = [card.paper, f"arguments: {', '.join(card.arguments)}"]
        about += [f"{setting}: {value}" for setting, value in card.published.items()]
        table.add_row(
            escape(card.name),
            ", ".join(card.heads),
            f"{card.parameters:,}",
            str(card.frames),
            gigas(card.macs),
            escape("\n".join(about)),
        )
    return table


def print_models() -> None:
    """List the models that `create_model` and experiments know, with their size, cost and published results."""
    Console().print(models_table())
