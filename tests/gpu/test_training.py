"""Training runs on a CUDA GPU, in every execution."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch import Callback

import dualhead
from dualhead.synthetic.generate import generate
from dualhead.training import build
from dualhead.training.config import load_experiment

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch finds no CUDA GPU on this machine")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    raw = generate(folder / "raw", num_performers=6, num_actions=3)
    dualhead.prepare("synthetic", raw, folder / "store", quiet=True)
    return folder / "store"


@pytest.mark.parametrize("execution", ["eager", "cuda_graph"])
@pytest.mark.parametrize("precision", ["32", "bf16"])
def test_a_run_trains_and_is_scored(store: Path, tmp_path: Path, execution: str, precision: str) -> None:
    changes = {"epochs": 2, "batch_size": 8, "execution": execution, "precision": precision, "ema_decay": 0.9}
    experiment = load_experiment("synthetic_xsub/dualhead", changes)
    first = dualhead.train(experiment, store, tmp_path / "run", device="cuda", stop_after=1, quiet=True)
    assert not first.finished
    result = dualhead.train(experiment, store, tmp_path / "run", device="cuda", quiet=True)
    assert result.finished
    scores = dualhead.Scores.load(tmp_path / "run" / "scores" / "test_last.npz")
    assert scores.logits.shape[1] == 2
    again = dualhead.evaluate(tmp_path / "run" / "last.safetensors", store, device="cpu")
    assert (again.logits.argmax(-1) == scores.logits.argmax(-1)).mean() > 0.95


class _NoWaiting(Callback):
    """Makes whatever waits for the GPU between two steps an error, from the third step of an epoch to its last."""

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: object, batch: object, batch_idx: int) -> None:
        if batch_idx == 2:
            torch.cuda.set_sync_debug_mode("error")

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: object, outputs: object, batch: object, batch_idx: int
    ) -> None:
        if batch_idx == int(trainer.num_training_batches) - 1:
            torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("changes", [{"ema_decay": 0.9}, {"gradient_clip_norm": 1.0, "mixing": [{"name": "mixup"}]}])
def test_no_step_waits_for_the_gpu(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    def build_trainer(*arguments: Any, **options: Any) -> pl.Trainer:
        trainer = build.build_trainer(*arguments, **options)
        trainer.callbacks.append(_NoWaiting())
        return trainer

    monkeypatch.setattr("dualhead.training.train.build_trainer", build_trainer)
    experiment = load_experiment("synthetic_xsub/dualhead", {"epochs": 2, "batch_size": 4, "repeat": 3, **changes})
    try:
        assert dualhead.train(experiment, store, tmp_path / "run", device="cuda", quiet=True).finished
    finally:
        torch.cuda.set_sync_debug_mode("default")
