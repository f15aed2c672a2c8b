"""Recognition of a file's format: the one with the strongest evidence, or an error that names what was found."""

from __future__ import annotations

from dataclasses import dataclass

from dualhead.formats.file_format import Evidence, FileFormat, RawFile, dump_keys
from dualhead.reading.registry import FORMATS, list_formats, readable_suffixes
from dualhead.runtime.errors import FormatError


@dataclass(frozen=True)
class Recognised:
    """The format that a file was recognised as.

    Attributes:
        format: The format.
        reason: The evidence.
    """

    format: FileFormat
    reason: str


def recognise(file: RawFile, kind: str | None = None) -> Recognised:
    """Find the format of a file.

    Args:
        file: The file.
        kind: The name of the format that the user says it has; None: decided by evidence.

    Returns:
        The format with the strongest evidence, which may be one that is recognised but not supported.

    Raises:
        ConfigError: If there is no format of that name.
        FormatError: If the file is of no known format, or matches two equally well; states what was found.
    """
    if kind is not None:
        return Recognised(FORMATS[kind], "as requested")
    found: list[tuple[FileFormat, Evidence]] = [
        (known, evidence)
        for known in list_formats()
        if file.suffix in known.suffixes and (evidence := known.recognise(file)) is not None
    ]
    if not found:
        raise FormatError(_unknown(file), file.where)
    most = max(evidence.strength for _, evidence in found)
    best = [(known, evidence) for known, evidence in found if evidence.strength == most]
    if len(best) > 1:
        readings = " or ".join(f"{known.title} ({evidence.reason})" for known, evidence in best)
        names = " or ".join(f"--kind {known.name}" for known, _ in best)
        raise FormatError(f"it could be {readings}: choose with {names}", file.where)
    known, evidence = best[0]
    return Recognised(known, evidence.reason)


def require_supported(found: Recognised, where: str) -> FileFormat:
    """Return the format of a file that can be read.

    Args:
        found: The format of the file.
        where: The file.

    Raises:
        FormatError: If the format is recognised but not supported; states what to do instead.
    """
    if not found.format.is_supported:
        raise FormatError(f"it is {found.format.title} ({found.reason}): {found.format.instead}", where)
    return found.format


def _unknown(file: RawFile) -> str:
    """Describe a file of no known format.

    Raises:
        FormatError: If it is JSON that is not whole.
    """
    suffixes = readable_suffixes()
    if file.suffix not in suffixes:
        return f"unknown kind of file: pass one that ends in {', '.join(suffixes[:-1])} or {suffixes[-1]}"
    if file.suffix == ".json":
        if file.keys:
            return f"JSON of no known format: a record with the keys {dump_keys(file.keys)}"
        content = file.json  # raises where it is not JSON
        first = content[0] if isinstance(content, list) and content else None
        if isinstance(first, dict):
            return f"JSON of no known format: a list of records with the keys {dump_keys(first)}"
        return f"JSON of no known format: {'an empty' if not content else 'a'} {type(content).__name__}"
    if not file.start.strip():
        return "the file is empty: copy or write it again"
    return f"a {file.suffix} file of no known format: see the table in docs/predict.md"
