"""The folder `NAME.partial` in which long work grows: one process at a time, and no other user's files."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Set
from pathlib import Path

from dualhead.runtime.errors import StoreError
from dualhead.runtime.files import remove_temporaries
from dualhead.runtime.locks import LockedError, ProcessLock

LOCK = "lock"


def named(out: str | Path) -> Path:
    """Resolve a path such as `.` that has no name to which `.partial` can be appended.

    Args:
        out: The path that the user asked to write.
    """
    path = Path(out)
    return path if path.name else path.absolute()


def claim(folder: Path, plan: str, content: Set[str], doing: str) -> ProcessLock:
    """Create the folder, or resume the one of an interrupted call, and lock it for this process.

    Args:
        folder: `NAME.partial`.
        plan: The file in it that describes the work; without it, only an empty folder is accepted.
        content: Further files that such work keeps there.
        doing: The work there, such as "preparing".

    Returns:
        The lock; the system releases it when the process ends, however it ends.

    Raises:
        StoreError: If something else is there, or another process is at work in it.
        OSError: If the disk refuses.
    """
    if os.path.lexists(folder) and not _is_ours(folder, plan, content):
        raise StoreError(
            f"{folder}, where the work would be done, already exists and is not what an interrupted call like this "
            "one leaves: choose another folder to create, or move that one away"
        )
    folder.mkdir(parents=True, exist_ok=True)
    try:
        lock = ProcessLock(folder / LOCK)
    except LockedError as error:
        raise StoreError(f"{error.holder} is {doing} {folder}: wait for it, or pass another folder") from None
    remove_temporaries(folder)
    return lock


def _is_ours(folder: Path, plan: str, content: Set[str]) -> bool:
    if not folder.is_dir():
        return False
    begun = f".{Path(plan).stem}-"  # a plan that was being written when the process was killed
    names = {path.name for path in folder.iterdir() if not path.name.startswith(begun)}
    return names <= {LOCK} or (plan in names and names <= {plan, LOCK, *content})


def put_in_place(work: Path, out: Path) -> None:
    """Rename finished work to the requested target, in one step where the file system allows it.

    Args:
        work: The folder that is whole.
        out: The path to write: absent, or an empty folder.
    """
    if out.is_dir() and out.samefile("."):  # a new folder of that name would not be where the user's shell is
        for path in sorted(work.iterdir()):
            path.rename(out / path.name)
        return
    if out.is_dir():
        out.rmdir()
    work.rename(out)


def discard(folder: Path, lock: ProcessLock) -> None:
    """Remove the folder, and release its lock.

    Args:
        folder: `NAME.partial`.
        lock: The result of `claim`.
    """
    if sys.platform == "win32":
        lock.release()  # an open file cannot be removed there
    shutil.rmtree(folder, ignore_errors=True)
    lock.release()
