"""Text on a terminal: what a file says is shown, and never obeyed."""

from __future__ import annotations

import json
from typing import IO, Any

from rich.console import Console
from rich.markup import escape

from dualhead.runtime.errors import UNPRINTABLE, printable


def print_line(console: Console, text: object, style: str | None = None) -> None:
    """Print a line as it is, however long, so that a path in it can be copied.

    Args:
        console: The console to print on.
        text: The text to print; brackets in it are not markup, and control characters but line feeds are named.
        style: Of the whole line, as rich writes it.
    """
    lines = (printable(line) for line in str(text).split("\n"))
    console.print("\n".join(lines), style=style, markup=False, highlight=False, soft_wrap=True)


def cell(text: object) -> str:
    """Escape any text, such as a name from a file, for a cell or the title of a table, or a part of a progress bar.

    Args:
        text: The text to show.

    Returns:
        The text in rich's markup, where it has no brackets that style anything and no control characters.
    """
    return escape(printable(str(text)))


def print_json(values: Any, file: IO[str]) -> None:
    """Write values as a line of JSON, at once: any reader gets them back, and no terminal obeys them.

    Args:
        values: JSON-able values.
        file: The open file; characters that its encoding lacks are escaped.
    """
    line = _harmless(json.dumps(values, ensure_ascii=False))
    try:
        line.encode(getattr(file, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        line = _harmless(json.dumps(values))
    print(line, file=file, flush=True)


def _harmless(text: str) -> str:
    """Escape control characters in JSON, which are in strings alone."""
    return UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def data_cell(value: object, file: IO[str]) -> object:
    """Format a value as a cell of CSV: unchanged in files, escaped on a terminal, which might obey it.

    Args:
        value: The value to write.
        file: The open text file.
    """
    return printable(value) if isinstance(value, str) and file.isatty() else value
