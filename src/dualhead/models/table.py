"""Tables of the registered models."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from dualhead.models.listing import COUNTED_FOR, ModelCard, gigas


def models_table(cards: Sequence[ModelCard]) -> Table:
    """Build the table of the models, one row each, with their heads, size and cost; at most 80 columns wide.

    Args:
        cards: The models.

    Returns:
        The table.
    """
    table = Table(
        title="models",
        caption=f"parameters and GMACs a clip of so many frames, as the paper writes the model, for {COUNTED_FOR}",
    )
    table.add_column("name", no_wrap=True)
    table.add_column("heads", no_wrap=True)
    for column in ("parameters", "frames", "GMACs"):
        table.add_column(column, justify="right", no_wrap=True)
    for card in cards:
        figures = (f"{card.parameters:,}", str(card.frames), gigas(card.gmacs))
        table.add_row(Text(card.name), Text(", ".join(card.heads)), *figures)
    return table


def model_details(card: ModelCard) -> Group:
    """Describe a model's origin, its options, and its published results.

    Args:
        card: The model.

    Returns:
        Lines under the model's name; results are top-1 in %.
    """
    lines = [
        f"{card.paper}.",
        f"arguments: {', '.join(f'{name} {default}' for name, default in card.arguments.items())}",
        *(f"{setting}: {top1} %" for setting, top1 in card.published.items()),
    ]
    return Group(Text(card.name, style="bold"), *(Padding(Text(line), (0, 0, 0, 2), expand=False) for line in lines))
