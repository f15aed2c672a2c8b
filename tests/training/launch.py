"""Python programs in processes of their own, with one thread each so that sums have one order."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

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


def run_on_nodes(*words: str | Path, nodes: int = 2) -> str:
    """Run what follows `torchrun` on several machines that are simulated here, one process each; none may fail.

    Each has a launcher of its own; they meet at one address as they would across a network.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    launcher = [
        *(sys.executable, "-m", "torch.distributed.run", "--nnodes", str(nodes), "--nproc-per-node", "1"),
        *("--rdzv-backend", "c10d", "--rdzv-endpoint", f"127.0.0.1:{port}", "--rdzv-id", "test"),
    ]
    line = [*launcher, *map(str, words)]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    processes = [subprocess.Popen(line, env=environment(), **pipes) for _ in range(nodes)]
    try:
        printed = [process.communicate(timeout=400)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0] * nodes, "\n".join(printed)
    return "\n".join(printed)


@contextmanager
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
