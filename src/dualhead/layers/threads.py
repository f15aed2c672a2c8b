"""Parts of a computation side by side, a thread each.

PyTorch shares out every single operation: all threads wait for the slowest after each of them. Some thousand small ones
spend much of their time so, and where another process keeps one of the cores busy, most of it. What consists of
independent parts (bodies, windows, frames) is therefore shared out once, and each thread computes its parts alone.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from dualhead.layers.prepared import is_recorded

Part = TypeVar("Part")
Result = TypeVar("Result")

_SHARED: ContextVar[bool] = ContextVar("shared", default=True)
_SHARERS: ContextVar[int] = ContextVar("sharers", default=0)
_FEWEST_FRAMES = 8
_SHARES = 2
"""Shares of the parts for each thread."""


def num_sharing() -> int:
    """Return the number of threads over which `in_threads` distributes work here; 1 within such a thread."""
    if is_recorded() or not _SHARED.get() or _openmp() is None:
        return 1
    return _SHARERS.get() or torch.get_num_threads()


@contextmanager
def alone() -> Iterator[None]:
    """Limit the calling thread to one thread, except for `in_threads`, which keeps its number of threads."""
    count = num_sharing()
    if count == 1 or _SHARERS.get():
        yield
        return
    token = _SHARERS.set(count)
    _compute_with(1)
    try:
        yield
    finally:
        _compute_with(count)
        _SHARERS.reset(token)


class _BackwardAlone(torch.autograd.Function):
    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return x.view_as(x)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        context = ExitStack()
        context.enter_context(alone())
        torch.autograd.Variable._execution_engine.queue_callback(context.close)  # when this backward pass ends
        return grad


def backward_alone(x: Tensor) -> Tensor:
    """Return `x`, whose backward pass computes as `alone` says, from here to its end.

    Args:
        x: The result of a forward pass under `alone`.
    """
    y: Tensor = _BackwardAlone.apply(x)  # type: ignore[no-untyped-call]
    return y


def is_alone() -> bool:
    """Return whether the calling thread computes as `alone` says, so that only what `in_threads` shares is shared."""
    return _SHARERS.get() > 1


def split_frames(bodies: int, frames: int) -> list[slice]:
    """Split the frames of a few bodies, so that there is a part for every thread.

    Args:
        bodies: Number of bodies, each a part of its own at least.
        frames: Number of frames that each has.

    Returns:
        Consecutive frames; all as one where there are bodies enough, or few frames.
    """
    return _consecutive(frames, max(1, min(-(-num_sharing() // bodies), frames // _FEWEST_FRAMES)))


def _consecutive(length: int, count: int) -> list[slice]:
    ends = [length * number // count for number in range(count + 1)]
    return [slice(start, end) for start, end in pairwise(ends)]


def in_threads(function: Callable[[Sequence[Part]], Result], parts: Sequence[Part]) -> list[Result]:
    """Share out parts among as many threads as PyTorch uses, and wait for all.

    Who gets which parts depends on their number alone, so that sums come out the same in every run. Nothing is recorded
    for gradients.

    Args:
        function: A function of consecutive parts, which other threads do not touch; gets at least one.
        parts: At least one.

    Returns:
        The results, in the order of the parts.
    """
    count = min(num_sharing(), len(parts))
    if count == 1:
        with torch.no_grad():
            return [function(parts)]
    # more shares than threads: where another process keeps a core busy, the other threads take what is left
    shares = [parts[share] for share in _consecutive(len(parts), min(_SHARES * num_sharing(), len(parts)))]
    mode = torch.inference_mode if torch.is_inference_mode_enabled() else torch.no_grad
    lowers, lowered = torch.is_autocast_enabled("cpu"), torch.get_autocast_dtype("cpu")

    def run(share: Sequence[Part]) -> Result:
        with mode(), torch.autocast("cpu", lowered, enabled=lowers):  # which every thread has for itself
            return function(share)

    return list(_pool(num_sharing()).map(run, shares))


def summed(results: Sequence[tuple[Tensor, ...]]) -> list[Tensor]:
    """Add up what threads give, tensor by tensor, in the order of the parts.

    Args:
        results: The result of `in_threads` for a function of several sums.
    """
    return [torch.stack(each).sum(dim=0) for each in zip(*results, strict=True)]


@contextmanager
def in_turn() -> Iterator[None]:
    """Run the parts inside one after the other, for hooks that observe the layers."""
    token = _SHARED.set(False)
    try:
        yield
    finally:
        _SHARED.reset(token)


@lru_cache(maxsize=1)
def _openmp() -> ctypes.CDLL | None:
    """Find the functions that tell OpenMP and MKL how many threads they may use in the calling thread."""
    folder = Path(torch.__file__).parent / "lib"
    try:
        library = ctypes.CDLL(str(folder / "libtorch_cpu.so"))
    except OSError:
        return None
    needed = ["omp_set_num_threads"] + (["MKL_Set_Num_Threads_Local"] if _has_mkl() else [])
    return library if all(hasattr(library, name) for name in needed) else None


def _has_mkl() -> bool:
    return bool(torch.backends.mkl.is_available())  # type: ignore[no-untyped-call]


def _compute_with(count: int) -> None:
    """Set how many threads share every single operation of the calling thread."""
    library = _openmp()
    assert library is not None
    torch.get_num_threads()  # PyTorch takes its own number once in every thread, which must not come later
    library.omp_set_num_threads(count)
    if _has_mkl():
        library.MKL_Set_Num_Threads_Local(count)


@lru_cache(maxsize=4)
def _pool(count: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(count, "dualhead", initializer=_compute_with, initargs=(1,))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # threads do not survive a fork
