"""Proving a set-up on a few samples."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from dualhead.data.store.store import Store
from dualhead.layers.bodies import DistinctBodies
from dualhead.models.checkpoint import load_checkpoint
from dualhead.runtime.errors import ConfigError, MismatchError, TrainingError
from dualhead.training import overfit
from dualhead.training.overfit import OverfitData, choose_samples, overfit_experiment
from dualhead.training.train import train
from tests.training.conftest import MakeExperiment
from tests.training.plain import Plain


def test_samples_are_of_as_many_classes_as_there_are() -> None:
    labels = np.array([0, 0, 0, 0, 0, 1, 1, 2, 2, 2])
    rows = np.arange(10)
    for seed in range(5):
        assert sorted(labels[choose_samples(rows, labels, 3, seed)]) == [0, 1, 2]
        assert sorted(labels[choose_samples(rows, labels, 7, seed)]) == [0, 0, 0, 1, 1, 2, 2]
    assert choose_samples(rows[5:], labels, 5, 0).tolist() == [5, 6, 7, 8, 9]
    with pytest.raises(ConfigError, match=r"11.*10"):
        choose_samples(rows, labels, 11, 0)


def test_the_experiment_keeps_its_model_recipe_and_optimiser(make_experiment: MakeExperiment) -> None:
    experiment = make_experiment(accumulate_grad_batches=2, ema_decay=0.9)
    changed = overfit_experiment(experiment, 20)
    assert (changed.model, changed.recipe, changed.optimizer) == (
        experiment.model, experiment.recipe, experiment.optimizer,
    )  # fmt: skip
    assert (changed.batch_size, changed.accumulate_grad_batches, changed.ema_decay, changed.validation.by) == (
        8,
        1,
        None,
        "none",
    )
    assert (changed.epochs, changed.schedule.warmup_epochs) == (67, 6.7)  # 3 steps each: 201
    assert overfit_experiment(experiment, 5).batch_size == 5
    with pytest.raises(ConfigError, match="overfit is 0"):
        overfit_experiment(experiment, 0)


def test_the_clips_are_the_same_every_epoch(make_experiment: MakeExperiment, store: Store) -> None:
    data = OverfitData(store, overfit_experiment(make_experiment(), 10), "joint", 10)
    first, second = ([batch["clips"] for batch in data.train_dataloader()] for _ in range(2))
    assert [len(clips) for clips in first] == [8, 2]
    assert all(torch.equal(left, right) for left, right in zip(first, second, strict=True))
    assert sorted(store.labels[data.train_indices]) == list(range(10))
    assert not len(data.test_indices)


@pytest.mark.slow
def test_a_set_up_that_learns_is_said_to(
    make_experiment: MakeExperiment, store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = {"name": "dualhead", "arguments": {"width": 12, "num_gcn_scales": 2, "num_g3d_scales": 2}}
    experiment = make_experiment(model=model)
    result = train(experiment, store, tmp_path / "run", overfit=8, device="cpu")
    assert "100.0 % of 8 samples right in training mode, 100.0 % in evaluation mode" in capsys.readouterr().out
    assert result.details["fitted"]["top1"] == 1
    assert result.details["samples"] == {"training": 8, "validation": 0, "test": 0}
    assert (result.last.validation, result.last.test, result.best) == (None, None, None)
    assert json.loads((tmp_path / "run" / "result.json").read_text())["overfit"] == 8
    assert not (tmp_path / "run" / "scores").exists()
    saved, provenance = load_checkpoint(result.last.checkpoint)
    assert provenance["overfit"] == 8
    data = OverfitData(store, overfit_experiment(experiment, 8), "joint", 8)
    (batch,) = data.train_dataloader()
    with torch.no_grad():
        assert torch.equal(saved(batch["clips"]).mean(dim=1).argmax(dim=-1), batch["labels"])
    with pytest.raises(MismatchError, match=r"8.*'not given'"):
        train(experiment, store, tmp_path / "run", quiet=True)


def test_a_run_that_was_stopped_says_that_it_starts_over_and_does(
    make_plain: MakeExperiment, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overfit, "MOST_STEPS", 20)
    plain_forward, calls = Plain.forward, []

    def forward(self: Plain, clips: Tensor, _: DistinctBodies) -> Tensor:
        calls.append(1)
        if len(calls) == 7:
            os.kill(os.getpid(), signal.SIGINT)
        return plain_forward(self, clips)

    experiment = make_plain(optimizer={"lr": 1e-9})
    with monkeypatch.context() as pressed:
        pressed.setattr(Plain, "forward", forward)
        with pytest.raises(KeyboardInterrupt):
            train(experiment, store, tmp_path / "run", overfit=16, device="cpu", quiet=True)
    log = (tmp_path / "run" / "run.log").read_text()
    assert "interrupted: the same command starts over" in log
    assert "goes on" not in log
    with pytest.raises(TrainingError, match=r"after 10 epochs"):  # all of them once more
        train(experiment, store, tmp_path / "run", overfit=16, device="cpu", quiet=True)


def test_a_set_up_that_does_not_learn_is_an_error(
    make_plain: MakeExperiment, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overfit, "MOST_STEPS", 20)
    with pytest.raises(TrainingError, match=r"16.*10"):
        train(make_plain(optimizer={"lr": 1e-9}), store, tmp_path / "run", overfit=16, device="cpu", quiet=True)
    assert not (tmp_path / "run" / "result.json").exists()
    with pytest.raises(ConfigError, match="one process: there are 2"):
        train(make_plain(), store, tmp_path / "two", overfit=4, device="cpu", processes=2, quiet=True)
