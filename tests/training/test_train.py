import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from torch import Tensor

from dualhead.data.store.store import Store
from dualhead.evaluation.metrics import measure_heads
from dualhead.evaluation.scores import Scores
from dualhead.inference.evaluate import evaluate
from dualhead.layers.bodies import DistinctBodies
from dualhead.runtime.errors import ConfigError, MismatchError, TrainingError
from dualhead.training import run_checkpointer
from dualhead.training.config import save_experiment
from dualhead.training.run_folder import RunFolder
from dualhead.training.train import train
from tests.training.conftest import MakeExperiment
from tests.training.launch import TRAIN, command, environment, one_thread, run, run_on_nodes
from tests.training.plain import Plain


def weights(path: Path) -> dict[str, Tensor]:
    with safe_open(path, framework="pt") as file:
        return {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118


def assert_same_weights(left: Path, right: Path) -> None:
    first, second = weights(left), weights(right)
    assert first.keys() == second.keys()
    assert all(torch.equal(first[key], second[key]) for key in first)


def metrics(run_folder: Path) -> list[dict[str, str]]:
    with (run_folder / "metrics.csv").open() as file:
        return [{key: value for key, value in row.items() if key != "seconds"} for row in csv.DictReader(file)]


def test_a_run_leaves_what_the_contract_says(make_plain: MakeExperiment, store: Store, tmp_path: Path) -> None:
    result = train(make_plain(epochs=3), store.path, tmp_path / "run", stream="bone", quiet=True)
    found = {path.relative_to(tmp_path / "run").as_posix() for path in (tmp_path / "run").rglob("*") if path.is_file()}
    assert found - {name for name in found if name.startswith("tensorboard/")} == {
        "experiment.yaml", "run.json", "run.log", "metrics.csv", "result.json", ".lock", "checkpoints/last.ckpt",
        "last.safetensors", "best.safetensors", "scores/validation_last.npz", "scores/validation_best.npz",
        "scores/test_last.npz", "scores/test_best.npz",
    }  # fmt: skip
    assert result.finished
    assert (result.epochs, result.last.epoch, len(metrics(result.out))) == (3, 3, 3)
    assert result.details["samples"] == {"training": 30, "validation": 10, "test": 40}


def test_last_and_best_epoch_are_reported_apart_and_equal_their_files(
    make_plain: MakeExperiment, store: Store, tmp_path: Path
) -> None:
    # Steps so large that the run gets worse: the last epoch is not the best.
    reckless = {"optimizer": {"lr": 5.0, "momentum": 0.99}, "schedule": {"name": "multistep"}}
    result = train(make_plain(**reckless), store, tmp_path / "run", quiet=True)
    order = [(float(row["val_top1"]), -float(row["val_cross_entropy"])) for row in metrics(result.out)]
    assert result.best is not None
    assert result.best.epoch == 1 + order.index(max(order))
    assert result.best.epoch < result.last.epoch == 4
    written = json.loads((result.out / "result.json").read_text())
    for name, selection in (("last", result.last), ("best", result.best)):
        for split, figures in (("validation", selection.validation), ("test", selection.test)):
            scores = Scores.load(result.out / "scores" / f"{split}_{name}.npz")
            assert figures == measure_heads(scores)
            assert (scores.provenance["epoch"], scores.provenance["split"]) == (selection.epoch, split)
            assert written[name][split]["mean"]["top1"] == figures["mean"].top1
        again = evaluate(selection.checkpoint, store, workers=0, quiet=True)
        assert np.array_equal(again.logits, Scores.load(result.out / "scores" / f"test_{name}.npz").logits)
    assert float(metrics(result.out)[-1]["val_top1"]) == pytest.approx(result.last.validation["mean"].top1)  # type: ignore[index]


def test_a_store_of_other_bodies_is_refused_unless_any_will_do(
    make_plain: MakeExperiment, store: Store, tmp_path: Path
) -> None:
    ours = str(store.meta["body_selection"])
    with pytest.raises(MismatchError, match=r"body_selection.*tracked.*bodies null"):
        train(make_plain(epochs=1, bodies="tracked"), store, tmp_path / "run", quiet=True)
    assert not (tmp_path / "run").exists()
    for number, bodies in enumerate((ours, None)):
        assert train(make_plain(epochs=1, bodies=bodies), store, tmp_path / f"run{number}", quiet=True).finished


def test_without_a_validation_side_there_is_no_best_epoch(
    make_plain: MakeExperiment, store: Store, tmp_path: Path
) -> None:
    result = train(make_plain(epochs=1, validation={"by": "none"}), store, tmp_path / "run", quiet=True)
    assert (result.best, result.last.validation) == (None, None)
    assert result.last.test is not None
    assert not (tmp_path / "run" / "best.safetensors").exists()
    assert "best" not in (tmp_path / "run" / "run.log").read_text()


def test_the_test_side_is_left_alone_while_settings_are_chosen(
    make_plain: MakeExperiment, store: Store, tmp_path: Path
) -> None:
    result = train(make_plain(epochs=1, score_test=False), store, tmp_path / "run", quiet=True)
    assert result.finished
    assert result.last.test is None
    assert result.last.validation is not None
    assert not list((tmp_path / "run" / "scores").glob("test_*"))


@pytest.mark.slow
@pytest.mark.parametrize("average", [{"ema_decay": 0.9}, {"swa_epochs": 3}])
def test_two_and_two_epochs_equal_four_whatever_the_workers(
    make_experiment: MakeExperiment, store: Store, tmp_path: Path, average: dict[str, Any]
) -> None:
    # Batch norm, dropout, momentum, averages, accumulation and a rate that moves by the step carry state or draws.
    changes = {
        **average,
        "accumulate_grad_batches": 2,
        "gradient_clip_norm": 5.0,
        "repeat": 2,
        "mixing": [{"name": "mixup", "within": "camera", "off_at": 0.8}, {"name": "part_swap"}],
    }
    whole = train(make_experiment(**changes), store, tmp_path / "whole", quiet=True)
    half = train(make_experiment(**changes, num_workers=2), store, tmp_path / "parts", stop_after=2, quiet=True)
    assert (half.finished, half.epochs) == (False, 2)
    assert not (tmp_path / "parts" / "result.json").exists()
    rest = train(make_experiment(**changes), store, tmp_path / "parts", quiet=True)
    assert rest.finished
    for name in ("last", "best"):
        assert_same_weights(whole.out / f"{name}.safetensors", rest.out / f"{name}.safetensors")
    assert metrics(whole.out) == metrics(rest.out)
    assert whole.last.test == rest.last.test
    assert (whole.best and whole.best.test) == (rest.best and rest.best.test)


@pytest.mark.slow
def test_a_killed_run_goes_on_as_if_it_had_not_been(make_plain: MakeExperiment, store: Store, tmp_path: Path) -> None:
    experiment = make_plain(epochs=20, optimizer={"name": "adamw", "lr": 0.01}, ema_decay=0.9)
    with one_thread():
        whole = train(experiment, store, tmp_path / "whole", device="cpu", quiet=True)
    save_experiment(tmp_path / "experiment.yaml", experiment)
    arguments = (tmp_path / "experiment.yaml", store.path, tmp_path / "killed")
    figures = tmp_path / "killed" / "metrics.csv"
    process = subprocess.Popen(command(TRAIN, *arguments), env=environment())
    while process.poll() is None and not (figures.is_file() and len(figures.read_text().splitlines()) > 3):
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (tmp_path / "killed" / "result.json").exists()
    run(TRAIN, *arguments)
    assert "going on after epoch" in (tmp_path / "killed" / "run.log").read_text()
    for name in ("last", "best"):
        assert_same_weights(whole.out / f"{name}.safetensors", tmp_path / "killed" / f"{name}.safetensors")
    assert metrics(whole.out) == metrics(tmp_path / "killed")


def test_ctrl_c_is_told_to_the_caller_and_the_run_goes_on(
    make_plain: MakeExperiment, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment, plain_forward, calls = make_plain(), Plain.forward, []
    whole = train(experiment, store, tmp_path / "whole", quiet=True)

    def forward(self: Plain, clips: Tensor, _: DistinctBodies) -> Tensor:
        calls.append(1)
        if len(calls) == 7:
            os.kill(os.getpid(), signal.SIGINT)
        return plain_forward(self, clips)

    before = signal.getsignal(signal.SIGINT)
    with monkeypatch.context() as pressed:
        pressed.setattr(Plain, "forward", forward)
        with pytest.raises(KeyboardInterrupt):
            train(experiment, store, tmp_path / "run", quiet=True)
    assert signal.getsignal(signal.SIGINT) is before
    assert "interrupted: the same command goes on" in (tmp_path / "run" / "run.log").read_text()
    rest = train(experiment, store, tmp_path / "run", quiet=True)
    assert_same_weights(whole.last.checkpoint, rest.last.checkpoint)


def test_accumulated_parts_equal_one_batch(make_plain: MakeExperiment, store: Store, tmp_path: Path) -> None:
    one = train(make_plain(), store, tmp_path / "one", quiet=True)
    parts = train(make_plain(accumulate_grad_batches=4), store, tmp_path / "parts", quiet=True)
    first, second = weights(one.last.checkpoint), weights(parts.last.checkpoint)
    for key in first:
        torch.testing.assert_close(first[key], second[key], rtol=1e-4, atol=1e-6)
    for left, right in zip(metrics(one.out), metrics(parts.out), strict=True):
        assert left["train_top1"] == right["train_top1"]  # not multiplied by the number of parts
        assert float(left["train_loss"]) == pytest.approx(float(right["train_loss"]), rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("nodes", [1, 2])
def test_two_processes_train_like_one(nodes: int, make_plain: MakeExperiment, store: Store, tmp_path: Path) -> None:
    """Whether they are on one machine or on two."""
    experiment = make_plain(ema_decay=0.5)
    with one_thread():
        one = train(experiment, store, tmp_path / "one", device="cpu", quiet=True)
    save_experiment(tmp_path / "experiment.yaml", experiment)
    words = (tmp_path / "experiment.yaml", store.path, tmp_path / "two")
    if nodes == 1:
        printed = run(TRAIN, *words, processes=2)
    else:
        printed = run_on_nodes("--no-python", sys.executable, "-c", TRAIN, *words)
    assert "arning" not in printed
    first, second = weights(one.last.checkpoint), weights(tmp_path / "two" / "last.safetensors")
    for key in first:
        torch.testing.assert_close(first[key], second[key], rtol=1e-4, atol=1e-6)
    for left, right in zip(metrics(one.out), metrics(tmp_path / "two"), strict=True):
        assert left["train_top1"] == right["train_top1"]
        assert left["val_top1"] == right["val_top1"]
        assert float(left["train_loss"]) == pytest.approx(float(right["train_loss"]), rel=1e-5)
    ours = Scores.load(one.out / "scores" / "test_last.npz")
    theirs = Scores.load(tmp_path / "two" / "scores" / "test_last.npz")
    assert ours.names.tolist() == theirs.names.tolist()
    np.testing.assert_allclose(ours.logits, theirs.logits, rtol=1e-4, atol=1e-5)
    assert json.loads((tmp_path / "two" / "result.json").read_text())["processes"] == 2


def test_a_finished_run_gives_its_result_again(
    make_plain: MakeExperiment, store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = train(make_plain(epochs=1), store, tmp_path / "run", quiet=True)
    saved = (tmp_path / "run" / "last.safetensors").stat().st_mtime_ns
    again = train(make_plain(epochs=1, num_workers=5), store, tmp_path / "run")
    assert again == first
    assert (tmp_path / "run" / "last.safetensors").stat().st_mtime_ns == saved
    assert "has already finished" in capsys.readouterr().out


def test_another_stream_experiment_or_data_set_is_refused_by_the_field(
    make_plain: MakeExperiment, store: Store, tmp_path: Path
) -> None:
    train(make_plain(epochs=1), store, tmp_path / "run", quiet=True)
    with pytest.raises(MismatchError, match=r"'joint'.*'bone'"):
        train(make_plain(epochs=1), store, tmp_path / "run", stream="bone", quiet=True)
    with pytest.raises(MismatchError, match="epochs is 1, here it is 2"):
        train(make_plain(epochs=2), store, tmp_path / "run", quiet=True)
    with pytest.raises(MismatchError, match="dataset is 'ucla', the experiment's is 'ntu60'"):
        train(make_plain(dataset="ntu60"), store, tmp_path / "other", quiet=True)
    assert not (tmp_path / "other").exists()


def test_wrong_arguments_are_refused_before_anything_is_written(
    make_plain: MakeExperiment, store: Store, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="joint_motion"):
        train(make_plain(), store, tmp_path / "run", stream="motion", quiet=True)
    with pytest.raises(ConfigError, match="stop_after is 0"):
        train(make_plain(), store, tmp_path / "run", stop_after=0, quiet=True)
    with pytest.raises(ConfigError, match="did you mean 'width'"):
        wrong = {"name": "plain", "arguments": {"widht": 3}}
        train(make_plain(model=wrong), store, tmp_path / "run", quiet=True)
    with pytest.raises(ConfigError, match="unknown device"):
        train(make_plain(), store, tmp_path / "run", device="gpu0", quiet=True)
    assert not (tmp_path / "run").exists()


def test_model_and_folder_are_checked_before_the_data(make_experiment: MakeExperiment, tmp_path: Path) -> None:
    wide = make_experiment(model={"name": "dualhead", "arguments": {"width": 10}})
    with pytest.raises(ConfigError, match=r"10.*6.*6.*12"):
        train(wide, tmp_path / "no store", tmp_path / "run", quiet=True)
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(ConfigError, match=r"holds thesis\.tex and no run"):
        train(make_experiment(), tmp_path / "no store", tmp_path, quiet=True)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_full_disk_is_said_in_a_sentence_and_the_run_goes_on(
    make_plain: MakeExperiment, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train(make_plain(), store, tmp_path / "whole", quiet=True)
    write, calls = run_checkpointer.write_metrics, []

    def full(path: Path, history: list[dict[str, float]]) -> None:
        calls.append(1)
        if len(calls) == 3:
            raise OSError(28, "No space left on device")
        write(path, history)

    with monkeypatch.context() as disk:
        disk.setattr(run_checkpointer, "write_metrics", full)
        with pytest.raises(TrainingError, match=r"No space left on device.*the same command goes on"):
            train(make_plain(), store, tmp_path / "run", quiet=True)
    rest = train(make_plain(), store, tmp_path / "run", quiet=True)
    assert_same_weights(whole.last.checkpoint, rest.last.checkpoint)


def test_a_damaged_state_is_said(make_plain: MakeExperiment, store: Store, tmp_path: Path) -> None:
    train(make_plain(), store, tmp_path / "run", stop_after=1, quiet=True)
    (tmp_path / "run" / "checkpoints" / "last.ckpt").write_bytes(b"half a file")
    with pytest.raises(TrainingError, match=r"last\.ckpt is damaged"):
        train(make_plain(), store, tmp_path / "run", quiet=True)


def test_training_in_bf16_and_what_is_printed(
    make_plain: MakeExperiment, store: Store, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    train(make_plain(epochs=2, precision="bf16"), store, tmp_path / "run")
    printed = capfd.readouterr()
    lines = printed.out.splitlines()
    assert printed.err == ""
    assert [line.split(",")[0] for line in lines if line.startswith("epoch")] == ["epoch 1/2", "epoch 2/2"]
    assert [line.split(" (")[0] for line in lines[-2:]] == ["best epoch by validation top-1", "last epoch"]
    assert len(lines) == 6  # validation split, model, two epochs, best, last


def test_the_model_learns(make_plain: MakeExperiment, store: Store, tmp_path: Path) -> None:
    experiment = make_plain(epochs=20, optimizer={"name": "adamw", "lr": 0.05}, validation={"by": "none"})
    result = train(experiment, store, tmp_path / "run", quiet=True)
    assert result.last.test is not None
    assert result.last.test["mean"].top1 > 0.9


def test_a_state_of_another_form_is_a_sentence(store: Store, tmp_path: Path, make_plain: MakeExperiment) -> None:
    train(make_plain(), store, tmp_path / "run", stop_after=1, quiet=True)
    path = tmp_path / "run" / "checkpoints" / "last.ckpt"
    state = torch.load(path, weights_only=True)
    odd = [
        {},
        {**state, "callbacks": {"Keeper": {"history": 5, "best": None}}},
        {**state, "callbacks": {}},
        {**state, "state_dict": {}},
        {**state, "optimizer_states": [{}]},
        {**state, "loops": 5},
        {**state, "pytorch-lightning_version": 5},
    ]
    for other in odd:
        torch.save(other, path)
        with pytest.raises(TrainingError, match=r"last\.ckpt is damaged"):
            train(make_plain(), store, tmp_path / "run", quiet=True)


def test_a_run_that_another_stream_took_meanwhile_is_not_gone_on_with(
    store: Store, tmp_path: Path, make_plain: MakeExperiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = RunFolder.locked

    @contextmanager
    def late(folder: RunFolder) -> Iterator[None]:
        monkeypatch.setattr(RunFolder, "locked", real)
        train(make_plain(epochs=1), store, folder.path, stream="bone", quiet=True)
        with real(folder):
            yield

    monkeypatch.setattr(RunFolder, "locked", late)
    with pytest.raises(MismatchError, match="stream is 'bone'"):
        train(make_plain(epochs=1), store, tmp_path / "run", stream="joint", quiet=True)
