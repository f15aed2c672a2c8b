"""A progress bar on stderr for work on many samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress_bar(what: str, total: int, quiet: bool) -> Iterator[Callable[[int, str], None]]:
    """Show a bar while a block runs.

    Args:
        what: What is being done.
        total: How many samples there are.
        quiet: Show nothing.

    Yields:
        A function of the number of samples done, and of a remark.
    """
    if quiet:  # nor is what draws it loaded, which takes as long as a hundred recordings
        yield _show_nothing
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task(what, total=total)

        def show(done: int, remark: str = "") -> None:
            bar.update(task, completed=done, description=f"{what} ({remark})" if remark else what)

        yield show


def _show_nothing(done: int, remark: str = "") -> None:
    """Take what would be shown."""
