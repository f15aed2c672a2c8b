from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import pytest
import torch
from torch import nn

from dualhead.data.loading.datamodule import ClipDataModule
from dualhead.data.recipes.recipes import Recipe, get_recipe
from dualhead.data.store.store import Store
from dualhead.runtime.errors import ConfigError
from tests.data.small_store import make_store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return make_store(tmp_path_factory.mktemp("datamodule"))


def module(store: Store, **more: Any) -> ClipDataModule:
    return ClipDataModule(store, "xview", "ucla8", "joint", **{"batch_size": 4, "validation_fraction": 0.2, **more})


def test_the_three_splits(store: Store) -> None:
    data = module(store)
    train, test = store.split("xview")
    assert data.test_indices.tolist() == test.tolist() and len(test) == 15
    assert sorted([*data.train_indices, *data.validation_indices]) == train.tolist()
    subjects = store.fields["subject"]
    assert len(set(subjects[data.validation_indices])) == 1  # 20 % of five
    assert not set(subjects[data.validation_indices]) & set(subjects[data.train_indices])


def test_batches(store: Store) -> None:
    data = module(store, eval_batch_size=6)
    batches = list(data.train_dataloader())
    assert [len(batch["labels"]) for batch in batches] == [4] * 6
    assert batches[0]["clips"].shape == (4, 3, 8, 20, 1)
    rows = torch.cat([batch["indices"] for batch in batches])
    assert sorted(rows.tolist()) == data.train_indices.tolist() and rows.tolist() != data.train_indices.tolist()
    tested = list(data.test_dataloader())
    assert [len(batch["labels"]) for batch in tested] == [6, 6, 3]
    assert torch.cat([batch["indices"] for batch in tested]).tolist() == data.test_indices.tolist()
    assert torch.cat([batch["labels"] for batch in tested]).tolist() == store.labels[data.test_indices].tolist()


def test_only_the_test_side_has_all_test_clips(store: Store) -> None:
    data = ClipDataModule(
        store, "xview", get_recipe("uniform8"), "joint", batch_size=3, validation="sample", validation_fraction=0.2
    )
    assert next(iter(data.test_dataloader()))["clips"].shape == (30, 3, 8, 20, 2)
    assert next(iter(data.val_dataloader()))["clips"].shape == (3, 3, 8, 20, 2)
    assert next(iter(data.train_dataloader()))["clips"].shape == (3, 3, 8, 20, 2)
    batches = list(data.all_clips(data.validation_indices))
    assert batches[0]["clips"].shape == (30, 3, 8, 20, 2)
    assert torch.cat([batch["indices"] for batch in batches]).tolist() == data.validation_indices.tolist()


def test_no_validation_split(store: Store) -> None:
    data = module(store, validation="none")
    assert data.val_dataloader() == [] and len(data.train_indices) == 30


def test_wrong_arguments_are_refused(store: Store) -> None:
    with pytest.raises(ConfigError, match="unknown protocol 'xsub'"):
        ClipDataModule(store, "xsub", "ucla8", "joint", batch_size=4)
    with pytest.raises(ConfigError, match="unknown recipe"):
        ClipDataModule(store, "xview", "ucla", "joint", batch_size=4)
    with pytest.raises(ConfigError, match="workers -1"):
        module(store, workers=-1)


class Recorder(L.LightningModule):
    """Trains one number and keeps what it was shown, epoch by epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))
        self.shown: dict[int, list[tuple[list[int], bytes]]] = {}

    def training_step(self, batch: dict[str, torch.Tensor], _: int) -> torch.Tensor:
        seen = (batch["indices"].tolist(), batch["clips"].numpy().tobytes())
        self.shown.setdefault(self.current_epoch, []).append(seen)
        return (self.weight - batch["clips"].mean()) ** 2

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def fit(store: Store, epochs: int, folder: Path, workers: int, resume: str | None = None) -> Recorder:
    recorder = Recorder()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer = L.Trainer(
            accelerator="cpu", max_epochs=epochs, use_distributed_sampler=False, logger=False,
            enable_model_summary=False, enable_progress_bar=False, default_root_dir=folder,
        )  # fmt: skip
        trainer.fit(
            recorder,
            module(store, workers=workers, validation="none", batch_size=16),
            ckpt_path=resume,
            weights_only=True,
        )
    trainer.save_checkpoint(folder / "state.ckpt")
    return recorder


@pytest.mark.parametrize("workers", [0, 2])
def test_a_resumed_run_is_shown_what_an_unbroken_one_is(store: Store, tmp_path: Path, workers: int) -> None:
    whole = fit(store, 4, tmp_path / "whole", 0)
    assert list(whole.shown) == [0, 1, 2, 3]
    assert len({str(epoch) for epoch in whole.shown.values()}) == 4  # every epoch is another
    first = fit(store, 2, tmp_path / "halves", workers)
    second = fit(store, 4, tmp_path / "halves", workers, resume=str(tmp_path / "halves" / "state.ckpt"))
    assert {**first.shown, **second.shown} == whole.shown
    assert torch.equal(second.weight, whole.weight)


def test_workers_leave_the_global_generator_alone(store: Store) -> None:
    states = []
    for workers in (0, 1):
        torch.manual_seed(0)
        list(module(store, workers=workers).train_dataloader())
        states.append(torch.get_rng_state())
    torch.manual_seed(0)
    assert all(torch.equal(state, torch.get_rng_state()) for state in states)


def test_a_store_without_labels_cannot_be_trained_on(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "labels", np.full(len(store), -1))
    with pytest.raises(ConfigError, match="30 training samples have no label"):
        module(store)


def test_a_recording_that_the_recipe_refuses_is_met_before_any_worker_starts(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise ConfigError("these look like pixels")

    monkeypatch.setattr(Recipe, "clip", refuse)
    with pytest.raises(ConfigError, match="these look like pixels"):
        module(store, workers=2)


LOADING = """
import resource, signal, sys, torch
from torch.utils.data import Dataset
from dualhead.data.loading.datamodule import ClipLoader
from dualhead.runtime.errors import TrainingError

class Zeros(Dataset):
    def __len__(self):
        return 8

    def __getitem__(self, index):
        return torch.zeros(100_000)

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))  # of shared memory too
try:
    list(ClipLoader(Zeros(), batch_size=2, num_workers=1, collate_fn=lambda samples: torch.stack(samples)))
except TrainingError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="shared memory counts as files on Linux")
@pytest.mark.parametrize("size", [5000, 20])  # too little for a batch, and for a semaphore
def test_shared_memory_that_is_full_ends_loading(size: int) -> None:
    words = [sys.executable, "-c", LOADING, str(size)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=True)
    assert "/dev/shm" in done.stdout and "Traceback" not in done.stderr


def test_an_error_of_a_loading_process_comes_without_its_traceback(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = module(store, workers=1)

    def refuse(*_: object, **__: object) -> None:
        raise ConfigError("these look like pixels")

    monkeypatch.setattr(Recipe, "clip", refuse)
    with pytest.raises(ConfigError) as caught:
        list(data.train_dataloader())
    assert str(caught.value) == "these look like pixels"
