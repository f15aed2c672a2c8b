"""Parts are shared out in order, computed alone, and under the mode of the caller."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import torch

from dualhead.layers import threads
from dualhead.layers.threads import alone, backward_alone, in_threads, in_turn, is_alone, num_sharing, split_frames


@pytest.fixture(autouse=True)
def three_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


needs_openmp = pytest.mark.skipif(
    threads._openmp() is None, reason="this build of PyTorch gives no thread its own count"
)


@needs_openmp
def test_shares_are_consecutive_and_threads_compute_alone() -> None:
    def compute(parts: Sequence[int]) -> tuple[list[int], int, bool]:
        return list(parts), torch.get_num_threads(), threading.current_thread() is threading.main_thread()

    shares = in_threads(compute, range(7))  # two for each thread, so that none waits for a slower one for long
    assert shares == [(parts, 1, False) for parts in ([0], [1], [2], [3], [4], [5, 6])]
    assert torch.get_num_threads() == 3  # of the caller


@pytest.mark.parametrize("count", [1, 4])
def test_nothing_is_recorded_and_inference_stays_inference(count: int) -> None:
    def compute(parts: Sequence[int]) -> tuple[bool, bool]:
        return torch.is_grad_enabled(), torch.is_inference_mode_enabled()

    assert set(in_threads(compute, range(count))) == {(False, False)}
    with torch.inference_mode():
        assert set(in_threads(compute, range(count))) == {(False, True)}


@pytest.mark.parametrize("count", [1, 4])
def test_autocast_reaches_every_thread(count: int) -> None:
    def compute(parts: Sequence[int]) -> torch.dtype:
        return (torch.ones(2, 2) @ torch.ones(2, 2)).dtype

    assert set(in_threads(compute, range(count))) == {torch.float32}
    with torch.autocast("cpu", torch.bfloat16):
        assert set(in_threads(compute, range(count))) == {torch.bfloat16}


@needs_openmp
def test_alone_keeps_operations_to_the_caller_and_shares_out_the_rest() -> None:
    def compute(parts: Sequence[int]) -> tuple[int, int, int]:
        return len(parts), num_sharing(), torch.get_num_threads()

    with alone(), alone():
        assert (torch.get_num_threads(), num_sharing()) == (1, 3)
        assert in_threads(compute, range(6)) == [(1, 1, 1)] * 6
    assert (torch.get_num_threads(), num_sharing()) == (3, 3)
    with in_turn(), alone():
        assert (torch.get_num_threads(), num_sharing()) == (3, 1)


@needs_openmp
@pytest.mark.parametrize(("bodies", "frames", "parts"), [(1, 75, 3), (2, 75, 2), (3, 75, 1), (1, 17, 2), (1, 7, 1)])
def test_frames_are_split_where_bodies_are_few(bodies: int, frames: int, parts: int) -> None:
    spans = split_frames(bodies, frames)
    assert [frame for span in spans for frame in range(frames)[span]] == list(range(frames))
    assert len(spans) == parts


def test_in_turn_leaves_all_to_the_caller() -> None:
    with in_turn():
        assert in_threads(list, range(5)) == [[0, 1, 2, 3, 4]]


def test_errors_come_through() -> None:
    def compute(parts: Sequence[int]) -> float:
        return sum(1 / part for part in parts)

    with pytest.raises(ZeroDivisionError):
        in_threads(compute, [1, 2, 3, 0])


@needs_openmp
def test_a_backward_pass_is_alone_from_where_it_was_asked_for_to_its_end() -> None:
    seen = []

    class Watch(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
            return x.clone()

        @staticmethod
        def backward(ctx: Any, grad: torch.Tensor) -> torch.Tensor:
            seen.append((is_alone(), torch.get_num_threads(), num_sharing()))
            return grad

    x = torch.ones(2, requires_grad=True)
    for _ in range(2):
        (Watch.apply(x) + backward_alone(Watch.apply(x))).sum().backward()
        assert (is_alone(), torch.get_num_threads()) == (False, 3)
    assert (True, 1, 3) in seen
