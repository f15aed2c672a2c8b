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
    """One sample: its clips `(test_clips, C, T, V, M)`, label, row in the store, and the draw of its augmentation."""

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
    """Rows of a store through a recipe, for any `torch.utils.data.DataLoader`.

    A sample is requested by its position, or as `(draw, position)`. The augmentation of a training clip is a function
    of (seed, draw, row). `ClipDataModule` requests draws, so that a resumed run repeats none; for a position alone the
    draw comes from torch's generator, which a `DataLoader` seeds anew in every epoch and for every worker.

    Args:
        store: An open store.
        indices: `(N,)` rows of the store; position i of the data set is row `indices[i]`.
        recipe: The recipe that makes clips of recordings.
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
        self.all_test_clips = all_test_clips and not train
        self.num_clips = recipe.num_test_clips if self.all_test_clips else 1

    def __len__(self) -> int:
        """Return N, the number of samples."""
        return len(self.indices)

    def __getitem__(self, item: int | tuple[int, int]) -> Sample:
        """Return one sample.

        Args:
            item: A position, or a draw (such as the epoch) and a position; for test clips the draw does not matter.

        Returns:
            Its clips, label and row in the store. The clips of a position alone are one clip `(C, T, V, M)` unless
            `all_test_clips` was chosen, so that PyTorch's default collation makes `(N, C, T, V, M)` of them; in all
            other cases they are `(test_clips, C, T, V, M)`, as `collate` expects them.

        Raises:
            IndexError: If there is no such position.
        """
        alone = not isinstance(item, tuple)
        if isinstance(item, tuple):
            draw, position = item
        else:
            draw, position = int(torch.randint(2**31, ())) if self.train and self.recipe.draws else 0, item
        row = int(self.indices[position])
        sequence = self.store[row]
        if self.num_clips > 1:
            clips = self.recipe.clips(sequence, self.stream)
        else:
            rng = sample_rng(self.seed, draw, row) if self.train and self.recipe.draws else None
            clips = self.recipe.clip(sequence, self.stream, train=self.train, rng=rng)
            clips = clips if alone and not self.all_test_clips else clips[None]
        return {"clips": clips, "label": int(self.store.labels[row]), "index": row, "draw": draw}


def collate(samples: Sequence[Sample]) -> Batch:
    """Collate samples into a batch.

    Args:
        samples: N samples with the same number of clips each.

    Returns:
        Clips `(N * test_clips, C, T, V, M)`, labels `(N,)` and store rows `(N,)`.
    """
    join = np.stack if samples[0]["clips"].ndim == 4 else np.concatenate  # a clip, or the test clips of a sample
    return {
        "clips": torch.from_numpy(join([sample["clips"] for sample in samples])),
        "labels": torch.tensor([sample["label"] for sample in samples], dtype=torch.int64),
        "indices": torch.tensor([sample["index"] for sample in samples], dtype=torch.int64),
    }
