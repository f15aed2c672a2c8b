"""Several processes that train or evaluate together: their number and their communication."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, distributed, nn

from dualhead.runtime.device import find_device
from dualhead.runtime.errors import ConfigError, unknown

DEVICES = ("auto", "cpu", "cuda", "mps")
"""Devices that a model may run on; "auto" is a CUDA GPU if there is one, else the CPU."""

Rows = tuple[NDArray[np.int64], NDArray[np.float32]]


def launch_settings(device: str = "auto", processes: int = 1) -> dict[str, Any]:
    """Return how Lightning's Trainer or Fabric must be built here.

    Under `torchrun` or a SLURM `srun` the launcher decides how many processes there are; else `processes` does, on this
    machine.

    Args:
        device: One of `DEVICES`.
        processes: Processes to start where no launcher did; on GPUs each has one.

    Returns:
        The arguments `accelerator`, `devices`, `num_nodes` and `strategy`.

    Raises:
        ConfigError: If there is no such device here.
    """
    if device not in DEVICES:
        raise unknown("device", device, DEVICES)
    device = find_device(device).type
    nodes = 1
    if distributed.is_available() and distributed.is_torchelastic_launched():
        processes = int(os.environ["LOCAL_WORLD_SIZE"])
        nodes = int(os.environ["WORLD_SIZE"]) // processes
    elif "SLURM_NTASKS" in os.environ and os.environ.get("SLURM_JOB_NAME") not in ("bash", "interactive"):
        nodes = int(os.environ.get("SLURM_NNODES", "1"))
        processes = int(os.environ["SLURM_NTASKS"]) // nodes
    if processes < 1:
        raise ConfigError(f"processes is {processes}: expected 1 or more")
    if device == "cuda" and processes > torch.cuda.device_count():
        raise ConfigError(f"{processes} processes need a GPU each: this machine has {torch.cuda.device_count()}")
    strategy = "ddp" if processes * nodes > 1 else "auto"
    return {"accelerator": device, "devices": processes, "num_nodes": nodes, "strategy": strategy}


def launched_rank() -> int:
    """Return the rank that a launcher set for this process, 0 without one; available before processes are connected."""
    for name in ("RANK", "SLURM_PROCID", "LOCAL_RANK"):
        if name in os.environ:
            return int(os.environ[name])
    return 0


def together() -> bool:
    """Check whether several processes take part in this run."""
    return distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1


def is_main() -> bool:
    """Check whether this process is the one that writes and prints."""
    return not together() or distributed.get_rank() == 0


def sum_over_processes(values: Tensor) -> Tensor:
    """Add up a tensor over all processes; every process gets the sum."""
    total = values.clone()
    if together():
        distributed.all_reduce(total)
    return total


def share_buffers(module: nn.Module) -> None:
    """Broadcast the main process's buffers to all.

    Each process gathers batch statistics from its own samples; evaluating with them would give scores that no saved
    file reproduces.

    Args:
        module: A module whose parameters already agree.
    """
    if together():
        for buffer in module.buffers():
            distributed.broadcast(buffer, src=0)


def gather_rows(parts: Sequence[Rows]) -> Rows:
    """Gather what all processes scored.

    Args:
        parts: Pairs of rows `(n,)` and logits `(n, H, K)` of this process; may be empty in some processes.

    Returns:
        All rows `(N,)`, sorted, and their logits `(N, H, K)`, in every process.
    """
    own = [(np.asarray(rows, np.int64), np.asarray(logits, np.float32)) for rows, logits in parts]
    gathered: list[Any] = [own]
    if together():
        gathered = [None] * distributed.get_world_size()
        distributed.all_gather_object(gathered, own)
    pieces = [piece for process in gathered for piece in process]
    if not pieces:
        return np.zeros(0, np.int64), np.zeros((0, 1, 1), np.float32)
    rows = np.concatenate([rows for rows, _ in pieces])
    logits = np.concatenate([logits for _, logits in pieces])
    order = np.argsort(rows, kind="stable")
    return rows[order], logits[order]
