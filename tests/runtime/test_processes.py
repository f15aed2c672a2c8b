from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest

from dualhead.runtime.processes import WorkerPool

_given = 0


def remember(number: int) -> None:
    global _given
    _given = number


def add(number: int) -> int:
    return _given + number


def fail() -> None:
    raise ValueError("mine")


def end() -> None:
    os._exit(9)


def send_and_be_killed(path: str) -> bytes:
    """Return more than fits into a pipe; whoever reads `path` kills this process meanwhile."""
    Path(path).write_text(str(os.getpid()))
    return bytes(2**28)


@pytest.mark.parametrize("fork", [True, False])
def test_calls_are_answered_by_processes_that_were_set_up(fork: bool) -> None:
    with WorkerPool(2, remember, (40,), fork=fork) as pool:
        assert [pool.result(pool.submit(add, number)) for number in (1, 2, 3)] == [41, 42, 43]
        with pytest.raises(ValueError, match="mine"):
            pool.result(pool.submit(fail))


def test_a_process_that_ends_is_reported() -> None:
    with pytest.raises(BrokenProcessPool), WorkerPool(1) as pool:
        pool.result(pool.submit(end))


def test_a_process_that_is_killed_while_it_answers_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "pid"
    started = time.monotonic()
    with pytest.raises(BrokenProcessPool), WorkerPool(1) as pool:
        future = pool.submit(send_and_be_killed, str(path))
        while not path.exists() or not path.read_text():
            time.sleep(0.001)
        time.sleep(0.02)
        os.kill(int(path.read_text()), signal.SIGKILL)
        pool.result(future)
    assert time.monotonic() - started < 15


def test_an_error_ends_processes_that_would_go_on_for_long() -> None:
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt), WorkerPool(2) as pool:
        pool.submit(time.sleep, 60)
        raise KeyboardInterrupt
    assert time.monotonic() - started < 15


def test_processes_end_with_their_parent(tmp_path: Path) -> None:
    script = (
        "import os, sys, time\nfrom pathlib import Path\n"
        "from dualhead.runtime.processes import WorkerPool\n"
        "with WorkerPool(1) as pool:\n"
        "    print(pool.result(pool.submit(os.getpid)), flush=True)\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=20)
    for _ in range(100):  # a process that has ended answers no signal
        try:
            os.kill(int(done.stdout), 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    state = Path(f"/proc/{int(done.stdout)}/stat").read_text().split()[2]
    assert state == "Z"
