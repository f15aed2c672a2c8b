"""One process at a time in a folder: a lock that ends with the process that holds it, however it ends."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout


class LockedError(Exception):
    """The lock is held by another process; `holder` names it ("process 42 on host a"), as far as is known."""

    def __init__(self, holder: str):
        self.holder = holder
        super().__init__(holder)


class ProcessLock:
    """A lock file that says who holds it; processes that are forked from the holder do not hold it.

    Args:
        path: The lock file, which stays; its folder must exist.

    Raises:
        LockedError: If another process holds it.
        OSError: If the file cannot be written.
    """

    def __init__(self, path: Path):
        self._lock = FileLock(path, blocking=False, thread_local=False)
        try:
            self._lock.acquire()
        except Timeout:
            raise LockedError(_read_holder(path)) from None
        with suppress(OSError):  # a full disk, or Windows, where a locked file has no other reader
            path.write_text(f"process {os.getpid()} on host {socket.gethostname()}\n", encoding="utf-8")

    def release(self) -> None:
        """Release the lock for the next process; a second call has no effect."""
        self._lock.release()


def _read_holder(path: Path) -> str:
    with suppress(OSError):
        holder = path.read_bytes()[:200].decode("utf-8", "replace").strip()
        if holder:
            return holder
    return "another process"
