"""Training runs on a CUDA GPU, in every execution."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import dualhead
from dualhead.synthetic.generate import generate
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
