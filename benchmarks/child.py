"""What a step costs in a process of its own: time, and the peaks of memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

_PROGRAM = """
import json, os, resource, sys, time
result = None
{setup}
before, start = os.times(), time.perf_counter()
{step}
wall, after = time.perf_counter() - start, os.times()
unit = 1 if sys.platform == "darwin" else 1024
own, child = (resource.getrusage(who).ru_maxrss * unit for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
figures = {{"wall": wall, "cpu": sum(after[:4]) - sum(before[:4]), "peak": own, "child_peak": child}}
print(json.dumps({{**figures, "result": result}}))
"""


def measure(step: str, *arguments: str | Path, setup: str = "", source: Path | None = None) -> dict[str, Any]:
    """Run a step in a process of its own, in which libraries use one thread.

    Args:
        step: The program that is measured; it may set `result` to what JSON can hold.
        arguments: Its `sys.argv[1:]`.
        setup: A program that runs before and is not timed.
        source: The checkout whose package is imported; default: this one.

    Returns:
        `wall` and `cpu` (of all its processes) in seconds, `peak` and `child_peak` (of its largest child) in bytes, and
        `result`.
    """
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    if source is not None:
        environment["PYTHONPATH"] = str(source / "src")
    command = [sys.executable, "-c", _PROGRAM.format(setup=setup, step=step), *map(str, arguments)]
    run = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return dict(json.loads(run.stdout.splitlines()[-1]))


def memory_status(field: str, process: int | str = "self") -> int:
    """Read a size of a process in kB from Linux; what `getrusage` calls its peak starts with that of its parent.

    Args:
        field: "VmRSS", what it holds, or "VmHWM", the most that it held.
        process: Its number; default: this one.

    Raises:
        OSError: If there is no such process.
        LookupError: If it has ended and waits to be collected.
    """
    lines = Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines()
    sizes = [int(line.split()[1]) for line in lines if line.startswith(f"{field}:")]
    return sizes[0]
