"""The order of samples: the same for the same seed and epoch, whatever the workers, and shared out among processes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from torch.utils.data import Sampler

from dualhead.runtime.errors import ConfigError


class EpochBatchSampler(Sampler[list[tuple[int, int]]]):
    """Batches of `(draw, position)`, as `ClipDataset` is asked; the draw is the epoch, if it is one pass.

    Convention: process r of W takes every W-th place of the order, from place r on, so that the W batches of one step
    hold together what one process with a batch W times as large would see. With `shuffle` the order is a permutation
    drawn from (seed, epoch), and every process gets the same number of samples: the few at its end that do not fill a
    round of processes are left out of this epoch. Without `shuffle` the order is that of the data set and every sample
    is taken exactly once, so the numbers may differ by one.

    With `repeat` R an epoch passes over the data set R times, all passes shuffled as one; pass r of epoch e asks for
    draw e * R + r, so that every pass draws other augmentations.

    The epoch is kept by the process that iterates, not by the workers, so persistent workers follow it. A Lightning
    trainer sets it at the beginning of every epoch, also after a resume, with `use_distributed_sampler=False`.

    Args:
        length: Number of samples of the data set.
        batch_size: Samples a batch and process, at least 1.
        shuffle: Training order; otherwise evaluation order.
        seed: Seed of the permutations, not negative.
        drop_last: Leave out a process's last batch if it is not full.
        repeat: Passes over the data set in an epoch, at least 1.
        rank: This process, from 0.
        world_size: Number of processes.

    Raises:
        ConfigError: If a number is out of range, or a training split would have no batch.
    """

    def __init__(
        self,
        length: int,
        batch_size: int,
        *,
        shuffle: bool,
        seed: int = 0,
        drop_last: bool = False,
        repeat: int = 1,
        rank: int = 0,
        world_size: int = 1,
    ):
        if batch_size < 1:
            raise ConfigError(f"batch size {batch_size} is too small: use 1 or more")
        if repeat < 1:
            raise ConfigError(f"repeat is {repeat}: use 1 or more")
        if seed < 0:
            raise ConfigError(f"seed {seed} is negative: use 0 or more")
        if not 0 <= rank < world_size:
            raise ConfigError(f"process {rank} of {world_size} does not exist: ranks are 0 to {world_size - 1}")
        self.length = length
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.seed = seed
        self.drop_last = drop_last
        self.repeat = repeat
        self.rank = rank
        self.world_size = world_size
        self.epoch = 0
        if shuffle and len(self) == 0:
            whole = "whole batch" if drop_last else "sample"
            raise ConfigError(
                f"{length} training samples give no {whole} to each of {world_size} processes "
                f"with batch size {batch_size}: use a smaller batch, fewer processes or more data"
            )

    @property
    def sampler(self) -> EpochBatchSampler:
        """Itself: where a Lightning trainer looks for `set_epoch`."""
        return self

    @property
    def num_samples(self) -> int:
        """Number of samples of this process in an epoch, before `drop_last`."""
        whole, rest = divmod(self.length * self.repeat, self.world_size)
        return whole + (not self.shuffle and self.rank < rest)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next iteration gives.

        Args:
            epoch: From 0.
        """
        self.epoch = epoch

    def __len__(self) -> int:
        """Number of batches of this process."""
        return self.num_samples // self.batch_size if self.drop_last else -(-self.num_samples // self.batch_size)

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        """Yield the batches of the chosen epoch."""
        epoch = self.epoch
        order = np.arange(self.length * self.repeat)
        if self.shuffle:
            order = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(0, epoch))).permutation(order)
        mine = order[self.rank :: self.world_size][: self.num_samples].tolist()
        for batch in range(len(self)):
            start = batch * self.batch_size
            yield [
                (epoch * self.repeat + place // self.length, place % self.length)
                for place in mine[start : start + self.batch_size]
            ]
