"""A store as a Lightning data module."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import queues
from typing import TYPE_CHECKING, Any

import lightning as L
import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader
from torch.utils.data.dataloader import _MultiProcessingDataLoaderIter

from dualhead.data.loading.dataset import Batch, ClipDataset, Sample, collate
from dualhead.data.loading.holdout import hold_out
from dualhead.data.loading.sampler import EpochBatchSampler
from dualhead.data.recipes.recipes import Recipe, RecipeSpec, get_recipe
from dualhead.runtime.errors import ConfigError, DualheadError, TrainingError

if TYPE_CHECKING:
    from dualhead.data.store.store import Store


# True until loading processes start: where they cannot, PyTorch prints a traceback of its own otherwise
_MultiProcessingDataLoaderIter._shutdown = True


class ClipLoader(DataLoader[Batch]):
    """A loader that asks its sampler for the order when the first batch is wanted, not before.

    A Lightning trainer makes the first iterator of a run, also of a resumed one, before it sets the epoch; workers that
    began to load at that moment would load the wrong one.
    """

    def __init__(self, *arguments: Any, **options: Any):
        super().__init__(*arguments, **{"worker_init_fn": _end_on_lost_batches, **options})

    def __iter__(self) -> Iterator[Batch]:  # type: ignore[override]  # the parent promises its private iterator class
        """Yield the batches of the sampler's epoch.

        Raises:
            TrainingError: If loading processes cannot be started, or one of them dies.
            DualheadError: What a loading process raised, without its traceback.
        """
        try:
            batches = super().__iter__()
        except OSError as error:
            raise TrainingError(
                f"processes that load data cannot be started ({error}): free some shared memory (/dev/shm) or files, "
                "or pass fewer workers, or 0"
            ) from error
        try:
            yield from batches
        except DualheadError as error:
            told = str(error)
            if "in DataLoader worker process" not in told:
                raise
            # PyTorch hands over the traceback as the message
            raise type(error)(told.strip().splitlines()[-1].partition(": ")[2]) from None
        except RuntimeError as error:
            if "DataLoader worker (pid" not in str(error):  # PyTorch has no type for it
                raise
            raise TrainingError(
                f"a process that loads data died ({str(error).splitlines()[0]}), as it does where memory or shared "
                "memory (/dev/shm) is full: free some, or pass fewer workers, or 0"
            ) from error


def _end_on_lost_batches(worker: int) -> None:
    """End a loading process whose batch cannot be sent: by default it is dropped, and the reader waits for ever.

    Sending fails where shared memory is full or no more files may be open.

    Args:
        worker: Its number.
    """
    queues.Queue._on_queue_feeder_error = staticmethod(lambda error, batch: os._exit(1))  # type: ignore[attr-defined]


class ClipDataModule(L.LightningDataModule):
    """The three splits of a protocol as loaders: training, the part of it held out for validation, and test.

    Batches are `Batch` dicts. Training clips are drawn again each epoch; validation clips are the first test clip of
    the recipe; the test split has every test clip. The trainer must be given `use_distributed_sampler=False`: the
    samplers share the samples out among processes themselves.

    Args:
        store: An open store.
        protocol: One of the store's protocols.
        recipe: A recipe, its name, or the mapping of an inline recipe.
        stream: The name of a stream; see `get_streams`.
        batch_size: Training samples per batch and process.
        eval_batch_size: Samples a batch and process in validation and test; None for `batch_size`.
        seed: Seed of the order, the draws and the choice of the validation split.
        validation: The unit that is held out: "subject", another field, "sample", or "none" (see `hold_out`).
        validation_fraction: Share of the training split to hold out.
        validation_value: Hold out the samples with this value of the field `validation` instead of a share.
        repeat: Passes over the training split in an epoch.
        train_collate: The function that makes a batch of training samples; it may mix them.
        workers: Processes that load, for each training process; 0 loads in the training process itself.
        drop_last: Leave out a last training batch that is not full.

    Attributes:
        train_indices: Store rows to learn from.
        validation_indices: Store rows held out; none if `validation` is "none".
        test_indices: Store rows of the test split.

    Raises:
        ConfigError: If an argument cannot be used with this store, or it has nothing with a label to train on.
    """

    def __init__(
        self,
        store: Store,
        protocol: str,
        recipe: Recipe | RecipeSpec,
        stream: str,
        *,
        batch_size: int,
        eval_batch_size: int | None = None,
        seed: int = 0,
        validation: str = "subject",
        validation_fraction: float = 0.1,
        validation_value: int | None = None,
        repeat: int = 1,
        train_collate: Callable[[Sequence[Sample]], Batch] = collate,
        workers: int = 0,
        drop_last: bool = False,
    ):
        super().__init__()
        if workers < 0:
            raise ConfigError(f"workers {workers} is negative: use 0 or more")
        self.store = store
        self.recipe = get_recipe(recipe)
        self.stream = stream
        self.batch_size = batch_size
        self.eval_batch_size = eval_batch_size or batch_size
        self.seed = seed
        self.workers = workers
        self.drop_last = drop_last
        self.repeat = repeat
        self.train_collate = train_collate
        train, self.test_indices = store.split(protocol)
        if not len(train):
            raise ConfigError(f"protocol {protocol!r} leaves no training samples in {store.path}: choose another")
        if unlabelled := int((store.labels[train] < 0).sum()):
            raise ConfigError(
                f"{unlabelled} training samples have no label in {store.path}: prepare the store with labels"
            )
        self.train_indices, self.validation_indices = hold_out(
            train,
            store.labels,
            store.fields,
            by=validation,
            fraction=validation_fraction,
            value=validation_value,
            seed=seed,
        )
        # an empty shard of a small test split is not an error
        self.allow_zero_length_dataloader_with_multiple_devices = True
        # a recipe that cannot read this data says so here, not as a traceback from a worker
        self.recipe.clip(store[int(train[0])], stream)
        self._train = ClipDataset(store, self.train_indices, self.recipe, stream, True, seed)
        self._validation = ClipDataset(store, self.validation_indices, self.recipe, stream, False)
        self._test = ClipDataset(store, self.test_indices, self.recipe, stream, False, all_test_clips=True)

    def train_dataloader(self) -> ClipLoader:
        """Load the training split, shuffled."""
        return self._loader(self._train, self.batch_size)

    def val_dataloader(self) -> ClipLoader | list[Any]:
        """Load the validation split in store order; an empty list, which the trainer skips, without one."""
        return self._loader(self._validation, self.eval_batch_size) if len(self._validation) else []

    def test_dataloader(self) -> ClipLoader:
        """Load the test split in store order, with all test clips of each sample."""
        return self._loader(self._test, self.eval_batch_size)

    def all_clips(self, rows: NDArray[np.int64]) -> ClipLoader:
        """Load rows of the store in their order, with all test clips of each sample.

        Args:
            rows: Rows of the store.

        Returns:
            The loader.
        """
        dataset = ClipDataset(self.store, rows, self.recipe, self.stream, False, all_test_clips=True)
        return self._loader(dataset, self.eval_batch_size)

    def _loader(self, dataset: ClipDataset, batch_size: int) -> ClipLoader:
        rank, world_size = (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)
        sampler = EpochBatchSampler(
            len(dataset),
            batch_size,
            shuffle=dataset.train,
            seed=self.seed,
            drop_last=dataset.train and self.drop_last,
            repeat=self.repeat if dataset.train else 1,
            rank=rank,
            world_size=world_size,
        )
        return ClipLoader(
            dataset,  # a sample becomes a batch in collate
            batch_sampler=sampler,
            num_workers=self.workers,
            collate_fn=self.train_collate if dataset.train else collate,
            pin_memory=torch.cuda.is_available(),
            persistent_workers=self.workers > 0,
            # of its own, so that the number of workers leaves the global generator (dropout) alone
            generator=torch.Generator().manual_seed(self.seed),
        )
