"""Some windows at a time are the same windows."""

from __future__ import annotations

import pytest
import torch

from dualhead.layers.aggregate_windows import aggregate_windows
from dualhead.layers.cpu.aggregate_windows import convolved_windows, some_windows


@pytest.mark.parametrize("some", [1, 4, 5, 1000])
@pytest.mark.parametrize(("window", "stride", "frames"), [(3, 1, 40), (3, 2, 41), (5, 2, 40), (7, 1, 12)])
@pytest.mark.parametrize("mix", [False, True])
@pytest.mark.parametrize("share", [slice(None), slice(3, 11)])
def test_some_windows_at_a_time(some: int, window: int, stride: int, frames: int, mix: bool, share: slice) -> None:
    torch.manual_seed(0)
    weight = torch.randn(2, 9, 3, dtype=torch.float64) if mix else None
    matrix = torch.randn(6, window * 4 * (2 if mix else 1), dtype=torch.float64)
    x = torch.randn(frames, 4, 3, dtype=torch.float64)
    span = range(-(-frames // stride))[share]
    parts = list(some_windows(matrix, x, window, stride, slice(span.start, span.stop), some, weight))
    assert [part.start for part, _ in parts[1:]] == [part.stop for part, _ in parts[:-1]]
    got = torch.cat([sums for _, sums in parts])
    torch.testing.assert_close(got, aggregate_windows(matrix, x.unsqueeze(0), window, stride, weight)[0, share])


@pytest.mark.parametrize("numbers", [1, 2**20])
@pytest.mark.parametrize(("window", "stride", "frames"), [(3, 1, 40), (3, 2, 41), (5, 2, 40), (7, 1, 12)])
@pytest.mark.parametrize("share", [slice(None), slice(3, 11)])
def test_a_convolution_sums_windows(
    window: int, stride: int, frames: int, share: slice, numbers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dualhead.layers.cpu.aggregate_windows._NUMBERS_OF_IMAGE", numbers)
    torch.manual_seed(0)
    weight, matrix, x = torch.randn(2, 9, 3), torch.randn(6, window * 4 * 2), torch.randn(frames, 4, 3)
    span = range(-(-frames // stride))[share]
    parts = list(convolved_windows(matrix, x, window, stride, slice(span.start, span.stop), weight))
    assert [part.start for part, _ in parts[1:]] == [part.stop for part, _ in parts[:-1]]
    got = torch.cat([sums for _, sums in parts])
    want = aggregate_windows(matrix, x.unsqueeze(0), window, stride, weight)[0, share]
    torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-4)
