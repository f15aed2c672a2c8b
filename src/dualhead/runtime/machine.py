"""The cores that a process may use, and its garbage collector."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager

from dualhead.runtime.errors import ConfigError

MAX_WORKERS = 1024
"""Most processes that are started side by side; more is interpreted as a slip of the hand."""


def count_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def paused_collection() -> Iterator[None]:
    """Pause the collection of cycles in a block that makes many objects without any, such as parsed JSON.

    The collector would look through all objects of the process for every few thousand new lists, a seventh of the time.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def check_workers(workers: int, name: str = "workers", least: int = 0) -> None:
    """Check a number of processes.

    Args:
        workers: The number.
        name: The name.
        least: The least that is valid.

    Raises:
        ConfigError: If it is below `least` or above `MAX_WORKERS`.
    """
    if not least <= workers <= MAX_WORKERS:
        raise ConfigError(f"{name} is {workers}: expected {least} to {MAX_WORKERS}")
