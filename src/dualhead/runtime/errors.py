"""The errors that a user is meant to read: one sentence with the value, the reason and a valid alternative."""

from __future__ import annotations

import difflib
import re
import reprlib
from collections.abc import Iterable
from pathlib import Path

UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, those that turn the direction of writing around, and bytes of names that are not text."""

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 200


def printable(text: str) -> str:
    """Escape control characters of foreign text: a name in an archive may hold what clears a terminal.

    Args:
        text: A name, or one line of a message.

    Returns:
        The text, with `<1b>` in the place of the character of that code, and so on; a backslash would divide a path.
    """
    if text.isprintable():
        return text
    return UNPRINTABLE.sub(lambda found: f"<{ord(found[0]):02x}>", text)


def printable_line(text: str) -> str:
    """Escape foreign text as one printable line.

    Args:
        text: Any text.

    Returns:
        Its words with one space between, as `printable` gives them.
    """
    return printable(" ".join(text.split()))


def shorten(value: object, length: int = 80) -> str:
    """Return the `repr` of a value in at most `length` characters, however large the value is.

    Args:
        value: Any value, such as one from a file.
        length: Most characters.
    """
    try:
        text = _SHORT.repr(value)
    except (RecursionError, ValueError):  # a number of more digits than Python writes
        text = f"<{type(value).__name__}>"
    return text if len(text) <= length else f"{text[: length - 3]}..."


class DualheadError(Exception):
    """Base of every error whose message is written for the user; the command line prints it without a traceback."""


class FormatError(DualheadError):
    """A raw file that cannot be read as what it claims to be.

    Args:
        reason: The fault, without the file's name.
        path: The file (or archive member) it was found in.
        line: 1-based line number, where the format has lines.
    """

    def __init__(self, reason: str, path: str | Path | None = None, line: int | None = None):
        self.reason = reason
        self.path = None if path is None else str(path)
        self.line = line
        where = "" if path is None else f"{path}: " if line is None else f"{path}, line {line}: "
        super().__init__(f"{where}{reason}")

    def __reduce__(self) -> tuple[type[FormatError], tuple[str, str | None, int | None]]:
        """Reduce for the way back from a worker process, with all fields."""
        return type(self), (self.reason, self.path, self.line)


class UnreadableError(FormatError):
    """A raw file that the system does not let this user read, whatever is in it."""


class DamageError(FormatError):
    """Damage to a raw file of many recordings, none of which can be trusted, whichever of them was to be read."""


class StoreError(DualheadError):
    """A store that is missing, damaged, of another schema, or requested what it does not hold."""


class ConfigError(DualheadError):
    """An experiment, option or argument with a value that cannot be used."""


class MismatchError(DualheadError):
    """Two things that do not match, such as score files of different data; names the field that differs."""


class CheckpointError(DualheadError):
    """A checkpoint that cannot be read, or whose keys are not what the model needs."""


class TrainingError(DualheadError):
    """A run that had to stop, such as a loss that is not finite."""


class ExportError(DualheadError):
    """A model that cannot be written for another runtime, or that computes something else there."""


def unknown(kind: str, value: str, valid: Iterable[str]) -> ConfigError:
    """Build the error for a name that is not in a list.

    Args:
        kind: The kind of the name ("recipe", "stream").
        value: The name that was given.
        valid: The names that would have been right.

    Returns:
        A `ConfigError` that says the nearest valid name first, then all of them, or that there are none.
    """
    names = list(valid)
    if not names:
        return ConfigError(f"unknown {kind} {shorten(value)}: none is registered")
    near = difflib.get_close_matches(value[:100], names, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return ConfigError(f"unknown {kind} {shorten(value)}: {hint}valid: {', '.join(names)}")


def defect(error: Exception, evidence: str) -> str:
    """Describe an unexpected exception on a file, where processing continues without the file.

    Args:
        error: The exception, a bug.
        evidence: The place of its traceback.

    Returns:
        The reason to omit the file.
    """
    told = " ".join(str(error).split())[:200]
    return (
        f"an unexpected {type(error).__name__}{f' ({told})' if told else ''} was raised on it: this is a bug in "
        f"dualhead, "
        f"please report it with the traceback {evidence}"
    )
