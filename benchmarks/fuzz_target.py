"""What is fuzzed, as a value: the name of a parser, whole files to start from, and how one is fed to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dualhead.runtime.errors import DualheadError, FormatError

Feed = Callable[[str, bytes], object]
"""Takes the name of a file and its mutated content."""


@dataclass(frozen=True)
class Target:
    """A parser.

    Attributes:
        name: What it reads.
        seeds: The files that are mutated, each with whole contents.
        start: Sets up in an empty folder and gives what an input is fed to.
        errors: What may come out.
    """

    name: str
    seeds: Sequence[tuple[str, Sequence[bytes]]]
    start: Callable[[Path], Feed]
    errors: tuple[type[DualheadError], ...] = (FormatError,)


def of_bytes(parse: Callable[[bytes], object]) -> Callable[[Path], Feed]:
    """Feed a function that takes the content of a file.

    Args:
        parse: The function.

    Returns:
        What `Target.start` is.
    """
    return lambda folder: lambda name, data: parse(data)


def of_path(read: Callable[[Path], object]) -> Callable[[Path], Feed]:
    """Feed a function that takes the path of a file.

    Args:
        read: The function.

    Returns:
        What `Target.start` is.
    """

    def start(folder: Path) -> Feed:
        def feed(name: str, data: bytes) -> None:
            (folder / name).write_bytes(data)
            read(folder / name)

        return feed

    return start


def with_file(folder: Path, use: Callable[[], object]) -> Feed:
    """Feed something that reads a whole folder, of which one file at a time is mutated.

    Args:
        folder: The folder, with all files whole.
        use: What reads it.
    """

    def feed(name: str, data: bytes) -> None:
        path = folder / name
        whole = path.read_bytes()
        path.write_bytes(data)
        try:
            use()
        finally:
            path.write_bytes(whole)

    return feed
