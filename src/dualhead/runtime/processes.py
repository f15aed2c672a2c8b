"""Worker processes: they start undisturbed, report their end, and end with the process that started them."""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Any, TypeVar

from dualhead.runtime.interrupts import leave_signals_to_parent, signals_held

Result = TypeVar("Result")

_PATIENCE = 2.0  # seconds after which it is looked whether the processes are still there


class WorkerPool:
    """Processes that take calls one after another.

    Ctrl-C is this process's to handle. Leaving the block after an exception kills the processes, whatever they do;
    otherwise it waits until they are done.

    Args:
        workers: Most processes.
        initializer: Called in each process before anything else.
        arguments: Of `initializer`.
        fork: Whether processes are copies of this one where the system can do that: they start fast, and a caller's
            script needs no `if __name__ == "__main__"`. Not safe once other threads hold locks that they need.
    """

    def __init__(
        self,
        workers: int,
        initializer: Callable[..., object] | None = None,
        arguments: Sequence[Any] = (),
        *,
        fork: bool = True,
    ):
        context = multiprocessing.get_context("fork" if fork and sys.platform == "linux" else "spawn")
        begin = (os.getpid(), initializer, arguments)
        self._pool = ProcessPoolExecutor(workers, context, _begin, begin)

    def submit(self, function: Callable[..., Result], *arguments: Any) -> Future[Result]:
        """Call a function in one of the processes.

        Args:
            function: The function to call; importable by its name.
            arguments: Its arguments.

        Returns:
            Its future result, for `result`.
        """
        with signals_held(), warnings.catch_warnings():
            # they use no lock that a thread could hold: all of them start here, before any display of progress
            warnings.filterwarnings("ignore", message=".*fork", category=DeprecationWarning)
            return self._pool.submit(function, *arguments)

    def result(self, future: Future[Result]) -> Result:
        """Wait for a result.

        Args:
            future: The result of `submit`.

        Raises:
            BrokenProcessPool: If a process ended unexpectedly.
        """
        while True:
            try:
                return future.result(timeout=_PATIENCE)
            except TimeoutError:
                if future.done():  # the call's own error
                    raise
            except FutureTimeoutError:  # of its own kind before Python 3.11
                pass
            if any(process.exitcode is not None for process in self._processes()):
                self._kill()

    def __enter__(self) -> WorkerPool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with signals_held():
            if kind is not None:
                self._kill()
            self._pool.shutdown(wait=True, cancel_futures=True)

    def _processes(self) -> list[BaseProcess]:
        return list((self._pool._processes or {}).values())

    def _kill(self) -> None:
        """End all processes at once, and the thread that may wait for the rest of what one of them was sending."""
        processes = self._processes()
        for process in processes:
            process.kill()
        for process in processes:
            process.join()
        queue: Any = self._pool._result_queue
        queue._writer.close()


def _begin(parent: int, initializer: Callable[..., object] | None, arguments: Sequence[Any]) -> None:
    leave_signals_to_parent()
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    if initializer is not None:
        initializer(*arguments)


def _end_with(parent: int) -> None:
    """End this process when its parent has ended, however that happened."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)
