import csv
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from dualhead.data.store.store import Store
from dualhead.evaluation.metrics import Metrics
from dualhead.evaluation.scores import Scores
from dualhead.models.checkpoint import load_checkpoint
from dualhead.training.build import build_model, build_provenance
from dualhead.training.module import StreamModule
from dualhead.training.run_checkpointer import AtomicCheckpointIO, RunCheckpointer, write_metrics
from dualhead.training.run_folder import RunFolder
from tests.training.conftest import MakeExperiment


def metrics(top1: float, cross_entropy: float) -> Metrics:
    return Metrics(count=10, top1=top1, top5=1.0, mean_class=top1, cross_entropy=cross_entropy)


def test_the_best_epoch_has_the_highest_top1_then_the_lower_cross_entropy_then_comes_first(
    store: Store, tmp_path: Path
) -> None:
    checkpointer = RunCheckpointer(RunFolder(tmp_path), store, {})
    epochs = [(0.5, 1.0), (0.4, 0.1), (0.5, 0.9), (0.5, 0.9), (0.5, 1.1)]
    best = []
    for epoch, (top1, cross_entropy) in enumerate(epochs, start=1):
        checkpointer._compare(epoch, metrics(top1, cross_entropy))
        assert checkpointer.best is not None
        best.append(checkpointer.best["epoch"])
    assert best == [1, 1, 3, 3, 3]


def test_last_and_best_are_saved_apart_and_say_so(make_plain: MakeExperiment, store: Store, tmp_path: Path) -> None:
    experiment = make_plain()
    folder = RunFolder(tmp_path)
    module = StreamModule(build_model(experiment, store), experiment, steps_per_epoch=3)
    checkpointer = RunCheckpointer(folder, store, build_provenance(experiment, store, "bone"))
    saved: list[Path] = []
    trainer: Any = SimpleNamespace(
        current_epoch=0,
        is_global_zero=True,
        loggers=[],
        save_checkpoint=saved.append,
        optimizers=[module.configure_optimizers()],
    )
    module._trainer = trainer
    rows = np.arange(10)
    for epoch, right in enumerate((4, 6, 5)):
        trainer.current_epoch = epoch
        module.model.body.bias.data.fill_(epoch)
        logits = np.zeros((10, 2, 10), np.float32)
        for row in rows:
            logits[row, :, (store.labels[row] + (row >= right)) % 10] = 1
        module.validation_rows = (rows, logits)
        checkpointer.on_train_epoch_start(trainer, module)
        module.on_train_epoch_start()
        checkpointer.on_train_epoch_end(trainer, module)
    assert saved == [folder.resume] * 3
    for selection, epoch, top1 in (("last", 3, 0.5), ("best", 2, 0.6)):
        model, provenance = load_checkpoint(folder.checkpoint(selection))
        assert (provenance["epoch"], provenance["selection"], provenance["stream"]) == (epoch, selection, "bone")
        assert model.state_dict()["body.bias"].tolist() == [epoch - 1] * 8
        scores = Scores.load(folder.scores("validation", selection))
        assert (scores.provenance["epoch"], scores.provenance["split"]) == (epoch, "validation")
        assert scores.provenance["selection"] == selection
        assert (scores.predictions == scores.labels).mean() == pytest.approx(top1)
    with folder.metrics.open() as file:
        table = list(csv.DictReader(file))
    assert [float(row["val_top1"]) for row in table] == pytest.approx([0.4, 0.6, 0.5])
    again = RunCheckpointer(folder, store, {})
    again.load_state_dict(checkpointer.state_dict())
    assert (again.history, again.best) == (checkpointer.history, checkpointer.best)


def test_metrics_have_an_empty_cell_where_an_epoch_has_no_figure(tmp_path: Path) -> None:
    write_metrics(tmp_path / "metrics.csv", [{"epoch": 1, "a": 0.5}, {"epoch": 2, "b": 0.25}])
    assert (tmp_path / "metrics.csv").read_text() == "epoch,a,b\n1,0.5,\n2,,0.25\n"


def test_a_state_that_cannot_be_written_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "checkpoints" / "last.ckpt"
    AtomicCheckpointIO().save_checkpoint({"epoch": 1}, path)

    def full(self: Path, data: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(Path, "write_bytes", full)
        with pytest.raises(OSError, match="No space left"):
            AtomicCheckpointIO().save_checkpoint({"epoch": 2}, path)
    assert torch.load(path, weights_only=True) == {"epoch": 1}
    assert [file.name for file in path.parent.iterdir()] == ["last.ckpt"]
