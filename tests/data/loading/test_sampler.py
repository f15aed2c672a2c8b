from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dualhead.data.loading.sampler import EpochBatchSampler
from dualhead.runtime.errors import ConfigError


def positions(sampler: EpochBatchSampler) -> list[int]:
    return [position for batch in sampler for _, position in batch]


def test_evaluation_order_is_that_of_the_data_set() -> None:
    assert list(EpochBatchSampler(5, 2, shuffle=False)) == [[(0, 0), (0, 1)], [(0, 2), (0, 3)], [(0, 4)]]


def test_evaluation_shards_are_dealt_out_without_repeats() -> None:
    shards = [positions(EpochBatchSampler(5, 2, shuffle=False, rank=rank, world_size=2)) for rank in range(2)]
    assert shards == [[0, 2, 4], [1, 3]]
    assert positions(EpochBatchSampler(1, 2, shuffle=False, rank=1, world_size=2)) == []


def test_the_epoch_changes_the_order_and_travels_with_the_position() -> None:
    sampler = EpochBatchSampler(50, 8, shuffle=True, seed=1)
    first = list(sampler)
    sampler.set_epoch(3)
    later = list(sampler)
    assert {epoch for batch in later for epoch, _ in batch} == {3}
    assert [p for b in first for _, p in b] != [p for b in later for _, p in b]
    resumed = EpochBatchSampler(50, 8, shuffle=True, seed=1)
    resumed.set_epoch(3)
    assert list(resumed) == later
    assert positions(EpochBatchSampler(50, 8, shuffle=True, seed=2)) != [p for b in first for _, p in b]


def test_processes_share_the_steps_of_one_large_batch() -> None:
    whole = list(EpochBatchSampler(24, 8, shuffle=True, seed=5))
    halves = [list(EpochBatchSampler(24, 4, shuffle=True, seed=5, rank=rank, world_size=2)) for rank in range(2)]
    for large, first, second in zip(whole, *halves, strict=True):
        assert sorted(large) == sorted(first + second)


def test_drop_last_leaves_out_a_part_batch() -> None:
    assert [len(batch) for batch in EpochBatchSampler(10, 4, shuffle=True, drop_last=True)] == [4, 4]
    assert [len(batch) for batch in EpochBatchSampler(10, 4, shuffle=True)] == [4, 4, 2]


def test_an_order_in_use_keeps_its_epoch() -> None:
    sampler = EpochBatchSampler(6, 2, shuffle=True)
    running = iter(sampler)
    batches = [next(running)]
    sampler.set_epoch(9)
    batches += list(running)
    assert {epoch for batch in batches for epoch, _ in batch} == {0}
    assert sorted(p for b in batches for _, p in b) == list(range(6))


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 60), st.integers(1, 9), st.booleans(), st.booleans(), st.integers(1, 5), st.integers(0, 3))
def test_shards_fit_together(
    length: int, batch_size: int, shuffle: bool, drop_last: bool, world_size: int, epoch: int
) -> None:
    if shuffle and length // world_size < (batch_size if drop_last else 1):
        with pytest.raises(ConfigError, match="training samples"):
            EpochBatchSampler(length, batch_size, shuffle=True, drop_last=drop_last, world_size=world_size)
        return
    samplers = [
        EpochBatchSampler(length, batch_size, shuffle=shuffle, drop_last=drop_last, rank=rank, world_size=world_size)
        for rank in range(world_size)
    ]
    for sampler in samplers:
        sampler.set_epoch(epoch)
        batches = list(sampler)
        assert len(batches) == len(sampler)
        assert all(len(batch) == batch_size for batch in (batches if drop_last else batches[:-1]))
    taken = [positions(sampler) for sampler in samplers]
    everything = sorted(position for shard in taken for position in shard)
    assert len(set(everything)) == len(everything) and set(everything) <= set(range(length))
    if shuffle:
        assert len({len(shard) for shard in taken}) == 1
        if not drop_last:
            assert length - len(everything) < world_size
    elif not drop_last:
        assert everything == list(range(length))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_size": 0}, "batch size 0 is too small"),
        ({"seed": -2}, "seed -2 is negative"),
        ({"rank": 2, "world_size": 2}, "process 2 of 2"),
        ({"length": 0}, "0 training samples"),
    ],
)
def test_wrong_numbers_are_refused(arguments: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        EpochBatchSampler(**{"length": 4, "batch_size": 2, "shuffle": True, **arguments})


def test_an_epoch_of_several_passes_draws_every_sample_anew_in_each() -> None:
    sampler = EpochBatchSampler(5, 3, shuffle=True, seed=1, repeat=4)
    sampler.set_epoch(2)
    pairs = [pair for batch in sampler for pair in batch]
    assert sorted(pairs) == [(draw, position) for draw in (8, 9, 10, 11) for position in range(5)]
    assert pairs != sorted(pairs)
    assert len(sampler) == 7
    shards = [EpochBatchSampler(5, 3, shuffle=True, seed=1, repeat=4, rank=rank, world_size=2) for rank in range(2)]
    assert sorted(pair for shard in shards for batch in shard for pair in batch) == [
        (draw, position) for draw in range(4) for position in range(5)
    ]
    with pytest.raises(ConfigError, match="repeat"):
        EpochBatchSampler(5, 3, shuffle=True, repeat=0)
