"""Text on a terminal: what a file says is shown, and never obeyed."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape

from dualhead.errors import printable


def print_line(console: Console, text: object, style: str | None = None) -> None:
    """Print a line as it is, however long, so that a path in it can be copied.

    Args:
        console: Where to print.
        text: What to print; brackets in it are no markup, and control characters but line feeds are named.
        style: Of the whole line, as rich writes it.
    """
    lines = (printable(line) for line in str(text).split("\n"))
    console.print("\n".join(lines), style=style, markup=False, highlight=False, soft_wrap=True)


def cell(text: object) -> str:
    """Make any text, such as a name from a file, a cell or the title of a table, or a part of a progress bar.

    Args:
        text: What to show.

    Returns:
        The text in rich's markup, where it has no brackets that style anything and no control characters.
    """
    return escape(printable(str(text)))
