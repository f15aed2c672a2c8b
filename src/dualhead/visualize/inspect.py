"""The command `inspect`: a store or a raw file, explained in the terminal and on a page."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from dualhead.data.file_story import FileStory, explain_file
from dualhead.data.inspection import StoreInspection, inspect_store
from dualhead.errors import ConfigError, FormatError
from dualhead.visualize.inspection_page import write_inspection
from dualhead.visualize.inspection_tables import print_file, print_store


def inspect(
    path: str | Path, out: Path | None = None, *, top: int = 20, quiet: bool = False
) -> StoreInspection | FileStory:
    """Say what is in a store or in a raw file, and what looks wrong.

    Of a store: counts by class, protocol side and field (performer, camera, setup, ...), lengths, bodies, empty frames,
    joints that jump, do not move or are missing, the clips that look wrong, ranked with their reasons, and the rejected
    files. Of a raw file: its frames, the bodies of each, where body IDs begin, break off and end, which tests for
    ghosts each body fails, and the damage, each with its line.

    Args:
        path: A store, or a raw recording such as an NTU `.skeleton` file.
        out: The HTML page to write, which opens offline; of a store only.
        top: How many suspicious clips, or events of a file, to print; the page lists up to 500 clips.
        quiet: Print nothing.

    Returns:
        Everything that is printed, as values.

    Raises:
        ConfigError: If `top` is negative, or a page is asked for of a raw file.
        FormatError: If the file cannot be opened or is of no known kind. A damaged one is explained instead.
        StoreError: If the store cannot be opened.
    """
    path, console = Path(path), Console()
    if top < 0:
        raise ConfigError(f"top is {top}: give 0 or more")
    if not path.exists():
        raise FormatError("there is no such file or folder: give a store or a raw recording", path)
    if not path.is_dir():
        if out is not None:
            raise ConfigError(f"a page is made of a store only, not of {path}: leave `out` away")
        story = explain_file(path)
        if not quiet:
            print_file(story, console, top)
        return story
    with Progress(console=Console(stderr=True), transient=True, disable=quiet) as bar:
        task = bar.add_task("looking at clips", total=None)

        def show(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        inspection = inspect_store(path, on_progress=show)
    if not quiet:
        print_store(inspection, console, top)
    if out is not None:
        write_inspection(out, inspection)
        if not quiet:
            console.print(f"page: {out}", highlight=False, markup=False, soft_wrap=True)
    return inspection
