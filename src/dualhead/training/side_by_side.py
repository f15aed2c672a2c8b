"""Training several streams at a time, each in a process and on a core of its own.

A narrow model's operations are too small to share among threads: two processes of one thread each are almost twice as
fast as one after the other with two threads, and do not stall when something else runs on the machine.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from dualhead.runtime.errors import TrainingError
from dualhead.runtime.interrupts import check_interrupt
from dualhead.runtime.machine import count_cores
from dualhead.runtime.plugins import import_plugins
from dualhead.runtime.processes import WorkerPool
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
        experiment: The experiment.
        store: The folder of a prepared store.
        runs: The run folder of each stream.
        at_once: Most streams at a time; never more than there are cores.
        say: Takes what the runs report, line by line, the stream in front; None: nothing is shown.

    Raises:
        DualheadError: What `train` raises, of the first stream that fails; the others are stopped.
        TrainingError: If a process ends unexpectedly.
    """
    plain = "torch" not in sys.modules  # whose threads a copy of this process would lack
    logs = {stream: _Tail(run / "run.log") for stream, run in runs.items()}

    def tell() -> None:
        for stream, log in logs.items():
            for line in log.lines():
                if say is not None:
                    say(f"{stream}: {line}")

    stream = ""
    try:
        with WorkerPool(min(at_once, count_cores()), fork=plain) as pool:
            waiting = {pool.submit(_work, experiment, store, run, name): name for name, run in runs.items()}
            while waiting:
                done, _ = wait(waiting, timeout=0.5, return_when=FIRST_COMPLETED)
                tell()
                for future in done:
                    stream = waiting.pop(future)
                    pool.result(future)
    except BrokenProcessPool:
        check_interrupt()  # which may have ended them
        raise TrainingError(
            f"training the {stream} stream ended unexpectedly (out of memory, or killed): run the same command "
            f"again to resume"
        ) from None


class _Tail:
    """Follows a log from now on."""

    def __init__(self, path: Path):
        self._path = path
        self._place = path.stat().st_size if path.is_file() else 0
        self._rest = ""

    def lines(self) -> Iterator[str]:
        """Yield the whole lines that were added since the last call."""
        if not self._path.is_file():
            return
        with self._path.open(encoding="utf-8", errors="replace") as file:
            file.seek(self._place)
            text = self._rest + file.read()
            self._place = file.tell()
        *whole, self._rest = text.split("\n")
        for line in whole:
            yield _STAMP.sub("", line)


def _work(experiment: Experiment, store: str | Path, run: Path, stream: str) -> None:
    """Train one stream in a process of its own."""
    import torch

    from dualhead.training.train import train

    import_plugins(experiment.imports)
    torch.set_num_threads(1)
    train(experiment, store, run, stream=stream, device="cpu", quiet=True)
