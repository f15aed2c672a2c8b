"""Python programs in processes of their own, with one thread each so that sums have one order."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

TRAIN = (
    "import sys\n"
    "from tests.training.plain import register_plain\n"
    "from dualhead.training.train import train\n"
    "register_plain()\n"
    "train(*sys.argv[1:4], device='cpu', quiet=True)\n"
)
"""Trains with an experiment file, a store and a run's folder."""


def command(program: str, *arguments: str | Path, processes: int = 1) -> list[str]:
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(processes)]
    python = [sys.executable, "-c", program, *map(str, arguments)]
    return python if processes == 1 else [*launcher, "--no-python", *python]


def environment() -> dict[str, str]:
    root = Path(__file__).parents[2]
    path = os.pathsep.join([str(root), str(root / "src"), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path}


def run(program: str, *arguments: str | Path, processes: int = 1) -> str:
    """Run a program to its end and give what it printed; it must not fail."""
    line = command(program, *arguments, processes=processes)
    done = subprocess.run(line, env=environment(), capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@contextmanager
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
