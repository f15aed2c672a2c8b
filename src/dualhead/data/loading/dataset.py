"""A store's recordings as training samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypedDict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from dualhead.data.recipes.recipes import Recipe
from dualhead.data.recipes.streams import check_stream
from dualhead.runtime.errors import ConfigError

if TYPE_CHECKING:
    from dualhead.data.store.store import Store


class Sample(TypedDict):
    """One sample: its clips `(test_clips, C, T, V, M)`, label, row in the store, and the draw that it was requested."""

    clips: NDArray[np.float32]
    label: int
    index: int
    draw: int


class _Batch(TypedDict):
    clips: Tensor
    labels: Tensor
    indices: Tensor


class Batch(_Batch, total=False):
    """Clips `(N * test_clips, C, T, V, M)` float32, a sample's clips side by side; labels and rows `(N,)` int64.

    Where samples are mixed, `targets` are their soft labels `(N, K)` float32.
    """

    targets: Tensor


def sample_rng(seed: int, epoch: int, row: int) -> np.random.Generator:
    """Create the random generator of one sample's augmentation.

    Args:
        seed: The run's seed, not negative.
        epoch: The epoch, from 0.
        row: The sample's row in the store.

    Returns:
        A generator that depends on these three alone, and not on workers, order or a resume.
    """
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(1, epoch, row)))


class ClipDataset(Dataset[Sample]):
    """Rows of a store through a recipe, requested as `(epoch, position)`.

    Args:
        store: An open store.
        indices: `(N,)` rows of the store; position i of the data set is row `indices[i]`.
        recipe: What makes a clip of a recording.
        stream: The name of a stream; see `get_streams`.
        train: Draw training clips (one a sample); otherwise make test clips.
        seed: Seed of the training draws, not negative.
        all_test_clips: For test, make every test clip of the recipe instead of the first alone.

    Raises:
        ConfigError: If the stream, the recipe or the seed cannot be used with this store.
    """

    def __init__(
        self,
        store: Store,
        indices: NDArray[np.integer] | Sequence[int],
        recipe: Recipe,
        stream: str,
        train: bool,
        seed: int = 0,
        all_test_clips: bool = False,
    ):
        check_stream(stream)
        recipe.check(store.skeleton)
        if seed < 0:
            raise ConfigError(f"seed {seed} is negative: use 0 or more")
        self.store = store
        self.indices = np.asarray(indices, dtype=np.int64)
        self.recipe = recipe
        self.stream = stream
        self.train = train
        self.seed = seed
        self.num_clips = recipe.num_test_clips if all_test_clips and not train else 1

    def __len__(self) -> int:
        """Return N, the number of samples."""
        return len(self.indices)

    def __getitem__(self, item: tuple[int, int]) -> Sample:
        """Return one sample.

        Args:
            item: Epoch and position; for test clips the epoch does not matter.

        Returns:
            Its clips, label and row in the store.
        """
        epoch, position = item
        row = int(self.indices[position])
        sequence = self.store[row]
        if self.num_clips > 1:
            clips = self.recipe.clips(sequence, self.stream)
        else:
            rng = sample_rng(self.seed, epoch, row) if self.train and self.recipe.draws else None
            clips = self.recipe.clip(sequence, self.stream, train=self.train, rng=rng)[None]
        return {"clips": clips, "label": int(self.store.labels[row]), "index": row, "draw": epoch}


def collate(samples: Sequence[Sample]) -> Batch:
    """Collate samples into a batch.

    Args:
        samples: N samples with the same number of clips.

    Returns:
        Clips `(N * test_clips, C, T, V, M)`, labels `(N,)` and store rows `(N,)`.
    """
    return {
        "clips": torch.from_numpy(np.concatenate([sample["clips"] for sample in samples])),
        "labels": torch.tensor([sample["label"] for sample in samples], dtype=torch.int64),
        "indices": torch.tensor([sample["index"] for sample in samples], dtype=torch.int64),
    }
