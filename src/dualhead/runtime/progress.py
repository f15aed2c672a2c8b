"""Progress of long work: bars on a terminal, lines at intervals elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from dualhead.runtime.errors import printable_line
from dualhead.runtime.interrupts import check_interrupt

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

Item = TypeVar("Item")

SECONDS_BETWEEN_LINES = 30.0
"""Interval between the lines where there is no terminal, in seconds; shorter work writes none."""


class Bar:
    """The progress of one piece of work; this one is invisible.

    Attributes:
        visible: Whether it is shown, so that a note is worth its computation.
    """

    visible = False

    def update(
        self, done: int | None = None, *, total: int | None = None, what: str | None = None, note: str | None = None
    ) -> None:
        """Change what is shown; what is None stays as it is.

        Args:
            done: The amount of work done.
            total: The amount of work.
            what: The name of the work.
            note: A remark behind the bar.

        Raises:
            KeyboardInterrupt: If the process was interrupted and something swallowed that.
        """
        check_interrupt()

    def advance(self, count: int = 1) -> None:
        """Add to what is done.

        Args:
            count: The amount of work done since.

        Raises:
            KeyboardInterrupt: As for `update`.
        """
        check_interrupt()


NewBar = Callable[[str, int | None], Bar]
"""From what is being done, and how much of it there is (None: unknown), to its bar."""


@contextmanager
def show_progress(quiet: bool = False, console: Console | None = None) -> Iterator[NewBar]:
    """Show bars while a block runs.

    Args:
        quiet: Show nothing.
        console: The console to show them on, if it is a terminal; default: standard error, where no terminal is needed.

    Yields:
        What makes a bar; a bar is gone when the block ends.
    """
    if console is None and not quiet and not (sys.stderr and sys.stderr.isatty()):
        yield _LineBar
    elif quiet or (console is not None and not console.is_terminal):
        yield lambda what, total: Bar()
    else:  # what draws bars takes as long to load as a hundred recordings take to parse
        with _rich_progress(console) as progress:
            yield lambda what, total: _RichBar(progress, what, total)


def track(items: Iterable[Item], what: str, total: int | None, quiet: bool = False) -> Iterator[Item]:
    """Yield items, and show how many have been taken.

    Args:
        items: The items.
        what: The name of the work on them.
        total: The total number; None: unknown.
        quiet: Show nothing.

    Yields:
        Each item.
    """
    with show_progress(quiet) as new_bar:
        bar = new_bar(what, total)
        for item in items:
            yield item
            bar.advance()


class _LineBar(Bar):
    """Writes a line on standard error from time to time."""

    def __init__(self, what: str, total: int | None):
        self._what, self._total, self._note, self._done = what, total, "", 0
        self._told = time.monotonic()

    def update(
        self, done: int | None = None, *, total: int | None = None, what: str | None = None, note: str | None = None
    ) -> None:
        check_interrupt()
        self._done = self._done if done is None else done
        self._total = self._total if total is None else total
        self._what, self._note = what or self._what, self._note if note is None else note
        now = time.monotonic()
        if now - self._told >= SECONDS_BETWEEN_LINES and sys.stderr:
            self._told = now
            of = "" if self._total is None else f" of {self._total}"
            note = f" ({self._note})" if self._note else ""
            print(f"dualhead: {printable_line(f'{self._what}: {self._done}{of}{note}')}", file=sys.stderr, flush=True)

    def advance(self, count: int = 1) -> None:
        self.update(self._done + count)


class _RichBar(Bar):
    """A line of a display of rich."""

    visible = True

    def __init__(self, progress: Progress, what: str, total: int | None):
        self._progress = progress
        self._task = progress.add_task(_escape(what), total=total, note="")

    def update(
        self, done: int | None = None, *, total: int | None = None, what: str | None = None, note: str | None = None
    ) -> None:
        check_interrupt()
        fields: dict[str, Any] = {} if note is None else {"note": _escape(note)}
        what = None if what is None else _escape(what)
        if done == 0 and total is not None:  # other work, whose time counts from now on
            self._progress.reset(self._task, note="")
        self._progress.update(self._task, completed=done, total=total, description=what, **fields)

    def advance(self, count: int = 1) -> None:
        check_interrupt()
        self._progress.advance(self._task, count)


def _escape(text: str) -> str:
    from dualhead.runtime.terminal import cell

    return cell(printable_line(text))


def _rich_progress(console: Console | None) -> Progress:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        console=console or Console(stderr=True),
        transient=True,
    )
