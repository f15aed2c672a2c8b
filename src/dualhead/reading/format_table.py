"""The table of docs/formats.md: what is read, as the formats themselves say it."""

from __future__ import annotations

from dualhead.formats.file_format import FileFormat
from dualhead.reading.registry import list_formats

_HEAD = """\
| what | files | `--kind` | skeleton | unit, axes | frame rate | who is who |
|---|---|---|---|---|---|---|"""
_OTHER_HEAD = """\
| what | files | what to do |
|---|---|---|"""


def formats_table() -> str:
    """Return the formats that are read as a table in Markdown."""
    return "\n".join([_HEAD, *(_row(known) for known in list_formats() if known.is_supported)])


def unsupported_table() -> str:
    """Return the files that are recognised and not read as a table in Markdown."""
    rows = [f"| {known.title} | {_files(known)} | {known.instead} |" for known in list_formats() if known.instead]
    return "\n".join([_OTHER_HEAD, *rows])


def _row(known: FileFormat) -> str:
    return f"| {known.title} | {_files(known)} | `{known.name}` | {known.row} |"


def _files(known: FileFormat) -> str:
    return ", ".join(f"`{suffix}`" for suffix in known.suffixes)
