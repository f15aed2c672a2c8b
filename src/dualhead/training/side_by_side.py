"""Training several streams at a time, each in a process and on a core of its own.

A narrow model's operations are too small to share among threads: two processes of one thread each are almost twice as
fast as one after the other with two threads, and do not stall when something else runs on the machine.
"""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from dualhead.runtime.errors import DualheadError, TrainingError
from dualhead.runtime.machine import count_cores
from dualhead.training.experiment import Experiment

_STAMP = re.compile(r"^\S+ \S+ [A-Z]+ ")
"""Time and level at the beginning of a line of run.log."""


def train_side_by_side(
    experiment: Experiment,
    store: str | Path,
    runs: Mapping[str, Path],
    *,
    at_once: int = 2,
    say: Callable[[str], object] | None = None,
) -> None:
    """Train and score streams on the CPU, some at a time, with one thread each.

    Stopped at any point, the same call goes on from each stream's last whole epoch; the processes end with this one,
    however it ends.

    Args:
        experiment: What is trained and how.
        store: The folder of a prepared store.
        runs: The run folder of each stream.
        at_once: Most streams at a time; never more than there are cores.
        say: Takes what the runs report, line by line, the stream in front; None: nothing is shown.

    Raises:
        DualheadError: What `train` raises, of the first stream that fails; the others are stopped.
        TrainingError: If a process ends unexpectedly.
    """
    # fork where it is safe: a caller's script then needs no `if __name__ == "__main__"`
    plain = sys.platform == "linux" and "torch" not in sys.modules
    context: Any = multiprocessing.get_context("fork" if plain else "spawn")
    waiting = list(runs.items())
    running: list[_Job] = []
    try:
        while waiting or running:
            while waiting and len(running) < min(at_once, count_cores()):
                stream, run = waiting.pop(0)
                ours, theirs = context.Pipe(duplex=False)
                process = context.Process(target=_work, args=(theirs, os.getpid(), experiment, store, run, stream))
                running.append(_Job(stream, process, ours, _Tail(run / "run.log")))
                process.start()
                theirs.close()
            wait([job.process.sentinel for job in running], timeout=0.5)
            for job in list(running):
                ended = not job.process.is_alive()
                for line in job.tail.lines():
                    if say is not None:
                        say(f"{job.stream}: {line}")
                if ended:
                    job.process.join()
                    running.remove(job)
                    job.check()
    finally:
        for job in running:
            if job.process.pid is not None:
                job.process.terminate()
        for job in running:
            if job.process.pid is not None:
                job.process.join()


@dataclass
class _Job:
    """A stream that is being trained."""

    stream: str
    process: BaseProcess
    answer: Connection
    tail: _Tail

    def check(self) -> None:
        """Raise what went wrong in the process, if anything did."""
        with suppress(EOFError):
            if self.answer.poll():
                raise self.answer.recv()
        if self.process.exitcode:
            raise TrainingError(
                f"training the {self.stream} stream ended unexpectedly with code {self.process.exitcode} (out of "
                "memory, or killed): run the same again to go on"
            )


class _Tail:
    """Gives the lines that are added to a log from now on."""

    def __init__(self, path: Path):
        self._path = path
        self._place = path.stat().st_size if path.is_file() else 0
        self._rest = ""

    def lines(self) -> Iterator[str]:
        """Give the whole lines that were added since the last call."""
        if not self._path.is_file():
            return
        with self._path.open(encoding="utf-8", errors="replace") as file:
            file.seek(self._place)
            text = self._rest + file.read()
            self._place = file.tell()
        *whole, self._rest = text.split("\n")
        for line in whole:
            yield _STAMP.sub("", line)


def _work(answer: Connection, parent: int, experiment: Experiment, store: str | Path, run: Path, stream: str) -> None:
    """Train one stream in a process of its own."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle: it ends this with SIGTERM
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    import torch

    from dualhead.training.train import train

    torch.set_num_threads(1)
    try:
        train(experiment, store, run, stream=stream, device="cpu", quiet=True)
    except DualheadError as error:
        answer.send(error)
    except KeyboardInterrupt:
        sys.exit(130)


def _end_with(parent: int) -> None:
    """End this process when its parent has ended; the run goes on from its last whole epoch."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)
