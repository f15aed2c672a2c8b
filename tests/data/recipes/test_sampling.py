from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dualhead.data.recipes.sampling import (
    even_index,
    linear_resize,
    middle_crop,
    random_crop,
    random_sorted_index,
    repeat_index,
    spread_index,
    wrapped_index,
)


@pytest.mark.parametrize(
    ("filled", "expected"),
    [
        ([1, 1, 1], [0, 1, 2, 0, 1, 2, 0]),
        ([1, 1, 0, 0], [0, 1, 0, 1, 0, 1, 0]),
        ([1, 0, 1, 0], [0, 1, 2, 0, 1, 2, 0]),  # a gap inside stays
        ([0, 1, 0, 1, 0], [1, 3, 1, 3, 1, 3, 1]),  # a late body loses all its gaps
        ([1], [0] * 7),
        ([0, 0], []),
        ([], []),
        ([1] * 9, [0, 1, 2, 3, 4, 5, 6]),  # longer than the clip: its first frames
        ([0] * 7 + [1], []),
    ],
)
def test_repeat_index(filled: list[int], expected: list[int]) -> None:
    assert repeat_index(np.array(filled, dtype=bool), 7).tolist() == expected


@pytest.mark.parametrize(("length", "expected"), [(100, (2, 96)), (40, (1, 38)), (39, (0, 39)), (1, (0, 1))])
def test_middle_crop_keeps_95_percent(length: int, expected: tuple[int, int]) -> None:
    assert middle_crop(length, 0.95) == expected


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 700), st.integers(1, 100), st.integers(0, 2**32 - 1))
def test_random_crop_lies_within_and_is_long_enough(length: int, shortest: int, seed: int) -> None:
    start, kept = random_crop(length, 0.5, shortest, np.random.default_rng(seed))
    assert start >= 0 and start + kept <= length
    assert kept >= min(max(shortest, length // 2), length)


def test_random_crop_uses_the_whole_range() -> None:
    rng = np.random.default_rng(0)
    crops = [random_crop(200, 0.5, 64, rng) for _ in range(2000)]
    lengths = [kept for _, kept in crops]
    assert min(lengths) < 103 and max(lengths) > 197
    assert min(start for start, _ in crops) == 0 and max(start + kept for start, kept in crops) == 200


def test_linear_resize_has_half_pixel_centres() -> None:
    low, high, weight = linear_resize(4, 2)  # centres at 0.5 and 2.5
    assert (low.tolist(), high.tolist(), weight.tolist()) == ([0, 2], [1, 3], [0.5, 0.5])
    low, high, weight = linear_resize(2, 4)  # -0.25 (held at 0), 0.25, 0.75, 1.25 (held at 1)
    assert (low.tolist(), high.tolist(), weight.tolist()) == ([0, 0, 0, 1], [1, 1, 1, 1], [0, 0.25, 0.75, 0])


@pytest.mark.parametrize("length", [1, 2, 63, 64, 65, 95, 300])
def test_linear_resize_equals_torch(length: int) -> None:
    torch = pytest.importorskip("torch")
    values = np.random.default_rng(length).normal(size=length).astype(np.float32)
    low, high, weight = linear_resize(length, 64)
    expected = torch.nn.functional.interpolate(torch.from_numpy(values)[None, None], size=64, mode="linear")[0, 0]
    np.testing.assert_allclose(values[low] + weight * (values[high] - values[low]), expected.numpy(), atol=2e-5)


def test_wrapped_index_goes_on_at_the_first() -> None:
    assert wrapped_index(3, 7, 2).tolist() == [2, 0, 1, 2, 0, 1, 2]


def test_spread_index_by_hand() -> None:
    rng = np.random.default_rng(0)
    assert spread_index(5, 5, rng).tolist() == [0, 1, 2, 3, 4]
    for _ in range(20):
        picked = spread_index(13, 4, rng)  # segments 0-2, 3-5, 6-8, 9-12
        assert all(
            first <= value <= last
            for value, (first, last) in zip(picked, ((0, 2), (3, 5), (6, 8), (9, 12)), strict=True)
        )
    assert {tuple(spread_index(3, 2, rng).tolist()) for _ in range(100)} == {(0, 1), (0, 2), (1, 2)}


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 500), st.integers(1, 120), st.integers(0, 2**32 - 1))
def test_spread_index_properties(length: int, frames: int, seed: int) -> None:
    picked = spread_index(length, frames, np.random.default_rng(seed))
    assert picked.shape == (frames,) and picked.min() >= 0 and picked.max() < length
    steps = np.diff(picked)
    if length < frames:
        assert ((steps == 1) | (steps == 1 - length)).all()
    else:
        assert (steps > 0).all()
        if length < 2 * frames:
            assert (steps <= 2).all()
        else:
            edges = np.arange(frames + 1) * length // frames
            assert ((edges[:-1] <= picked) & (picked < edges[1:])).all()


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 300), st.integers(1, 80), st.integers(0, 2**32 - 1))
def test_sorted_indices_stay_in_range(length: int, frames: int, seed: int) -> None:
    for picked in (random_sorted_index(length, frames, np.random.default_rng(seed)), even_index(length, frames)):
        assert picked.shape == (frames,) and (np.diff(picked) >= 0).all()
        assert picked.min() >= 0 and picked.max() < length


def test_even_index_is_the_floor_of_linspace() -> None:
    assert even_index(5, 3).tolist() == [0, 2, 4]
    assert even_index(4, 3).tolist() == [0, 1, 3]  # 1.5 falls to 1
    assert even_index(1, 4).tolist() == [0, 0, 0, 0]
