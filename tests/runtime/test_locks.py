from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dualhead.runtime.locks import LockedError, ProcessLock

HOLD = """
import os, sys, time
from pathlib import Path
from dualhead.runtime.locks import ProcessLock
lock = ProcessLock(Path(sys.argv[1]))
if os.fork() == 0:
    time.sleep(30)
print("held", flush=True)
time.sleep(30)
"""


def test_a_second_process_is_told_who_holds_the_lock(tmp_path: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLD, tmp_path / "lock"], stdout=subprocess.PIPE, process_group=0)
    try:
        assert holder.stdout is not None and holder.stdout.readline() == b"held\n"
        with pytest.raises(LockedError) as caught:
            ProcessLock(tmp_path / "lock")
        assert f"process {holder.pid} on host " in caught.value.holder
        holder.kill()  # its child lives on, and does not hold the lock
        holder.wait()
        for _ in range(100):
            try:
                lock = ProcessLock(tmp_path / "lock")
                break
            except LockedError:
                time.sleep(0.01)
        assert f"process {os.getpid()} on" in (tmp_path / "lock").read_text()
        lock.release()
        lock.release()
    finally:
        os.killpg(holder.pid, signal.SIGKILL)
    ProcessLock(tmp_path / "lock").release()


def test_a_lock_whose_file_was_removed_does_not_keep_the_next_one_out(tmp_path: Path) -> None:
    first = ProcessLock(tmp_path / "lock")
    (tmp_path / "lock").unlink()
    second = ProcessLock(tmp_path / "lock")
    first.release()
    with pytest.raises(LockedError):
        ProcessLock(tmp_path / "lock")
    second.release()
