from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

import dualhead
from dualhead.data.loading.dataset import ClipDataset, collate, sample_rng
from dualhead.data.recipes.recipes import get_recipe
from dualhead.data.store.store import Store
from dualhead.runtime.errors import ConfigError
from tests.data.small_store import make_store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return make_store(tmp_path_factory.mktemp("dataset"))


def test_sample_rng_depends_on_seed_epoch_and_row_alone() -> None:
    draws = {
        (seed, epoch, row): sample_rng(seed, epoch, row).random()
        for seed in range(3)
        for epoch in range(3)
        for row in range(3)
    }
    assert len(set(draws.values())) == 27
    assert draws[1, 2, 0] == sample_rng(1, 2, 0).random()


def test_samples_are_rows_of_the_store(store: Store) -> None:
    dataset = ClipDataset(store, [7, 2], get_recipe("ucla12"), "bone", train=False)
    sample = dataset[0, 1]
    assert len(dataset) == 2 and sample["index"] == 2 and sample["label"] == store.labels[2]
    np.testing.assert_array_equal(sample["clips"], get_recipe("ucla12").clip(store[2], "bone")[None])


def test_training_clips_differ_by_epoch_and_not_by_order(store: Store) -> None:
    dataset = ClipDataset(store, np.arange(len(store)), get_recipe("ucla12"), "joint", train=True, seed=3)
    first = dataset[0, 5]["clips"]
    later = dataset[1, 5]["clips"]
    assert not np.array_equal(first, later)
    other = ClipDataset(store, [5], get_recipe("ucla12"), "joint", train=True, seed=3)  # another place, the same row
    np.testing.assert_array_equal(other[0, 0]["clips"], first)
    np.testing.assert_array_equal(dataset[1, 5]["clips"], later)
    other_seed = ClipDataset(store, [5], get_recipe("ucla12"), "joint", train=True, seed=4)
    assert not np.array_equal(other_seed[0, 0]["clips"], first)


def test_collate_puts_the_views_of_a_sample_side_by_side(store: Store) -> None:
    dataset = ClipDataset(store, [4, 9, 1], get_recipe("uniform8"), "joint", train=False, all_test_clips=True)
    batch = collate([dataset[0, position] for position in range(3)])
    assert batch["clips"].shape == (30, 3, 8, 20, 2) and batch["clips"].dtype == torch.float32
    assert batch["indices"].tolist() == [4, 9, 1] and batch["indices"].dtype == torch.int64
    assert batch["labels"].tolist() == store.labels[[4, 9, 1]].tolist() and batch["labels"].dtype == torch.int64
    np.testing.assert_array_equal(batch["clips"][10:20].numpy(), get_recipe("uniform8").clips(store[9], "joint"))


def test_one_view_is_made_for_training_whatever_the_recipe(store: Store) -> None:
    dataset = ClipDataset(store, [0], get_recipe("uniform8"), "joint", train=True, all_test_clips=True)
    assert dataset[0, 0]["clips"].shape[0] == 1


@pytest.mark.parametrize("workers", [0, 2])
def test_a_plain_loader_makes_batches_that_a_model_takes(store: Store, workers: int) -> None:
    rows, _ = store.split("xview")
    dataset = ClipDataset(store, rows, get_recipe("ucla12"), "joint", train=True, seed=1)
    model = dualhead.create_model("stgcn", num_classes=3, skeleton="kinect20", num_bodies=1)
    torch.manual_seed(0)
    loader = DataLoader(dataset, batch_size=8, shuffle=True, num_workers=workers)
    first, second = list(loader), list(loader)
    for batches in (first, second):
        assert sorted(torch.cat([batch["index"] for batch in batches]).tolist()) == sorted(rows.tolist())
    batch = first[0]
    assert batch["clips"].shape == (8, 3, 12, 20, 1) and batch["clips"].dtype == torch.float32
    assert batch["label"].tolist() == store.labels[batch["index"].numpy()].tolist()
    assert model(batch["clips"]).shape == (8, 1, 3)
    draws = [{int(row): int(draw) for batch in batches for row, draw in zip(batch["index"], batch["draw"], strict=True)}
             for batches in (first, second)]  # fmt: skip
    assert all(draws[0][row] != draws[1][row] for row in draws[0])  # the augmentation is new in every epoch
    assert len(set(draws[0].values())) == len(rows)  # and in every worker
    row = int(batch["index"][0])
    again = dataset[int(batch["draw"][0]), dataset.indices.tolist().index(row)]
    np.testing.assert_array_equal(again["clips"][0], batch["clips"][0].numpy())


@pytest.mark.parametrize("workers", [0, 2])
def test_a_plain_loader_with_collate_makes_every_test_clip(store: Store, workers: int) -> None:
    recipe = get_recipe("uniform8")
    dataset = ClipDataset(store, [4, 9, 1], recipe, "joint", train=False, all_test_clips=True)
    (batch,) = DataLoader(dataset, batch_size=3, num_workers=workers, collate_fn=collate)
    assert batch["clips"].shape == (30, 3, 8, 20, 2)
    np.testing.assert_array_equal(batch["clips"][10:20].numpy(), recipe.clips(store[9], "joint"))
    single = ClipDataset(store, [4, 9, 1], recipe, "joint", train=False)
    (batch,) = DataLoader(single, batch_size=3, num_workers=workers, collate_fn=collate)
    assert batch["clips"].shape == (3, 3, 8, 20, 2) and batch["indices"].tolist() == [4, 9, 1]


def test_a_data_set_is_iterated_to_its_end(store: Store) -> None:
    dataset = ClipDataset(store, [4, 9], get_recipe("ucla12"), "joint", train=False)
    assert [sample["index"] for sample in dataset] == [4, 9]


def test_wrong_arguments_are_refused(store: Store, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown stream"):
        ClipDataset(store, [0], get_recipe("ucla12"), "velocity", train=False)
    with pytest.raises(ConfigError, match="seed -1"):
        ClipDataset(store, [0], get_recipe("ucla12"), "joint", train=True, seed=-1)
