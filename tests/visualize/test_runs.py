from __future__ import annotations

from pathlib import Path

import pytest

from dualhead.runtime.errors import ConfigError, FormatError
from dualhead.visualize.runs import find_curves, read_curves, read_run

from .conftest import write_run


def test_a_run_folder(tmp_path: Path) -> None:
    run = read_run(write_run(tmp_path / "run", "bone", [0, 1], [0, 2]))
    assert run.name == "bone"
    assert run.curves["train_loss"] == [(1, 1.5), (2, 1.0), (3, 0.5)]
    assert set(run.test) == set(run.validation) == {"last", "best"}
    assert run.test["best"].provenance["epoch"] == 2
    assert run.experiment.startswith("model:")
    assert find_curves([run], "val_top1") == {"bone": ([1, 2, 3], [0.3, 0.7, 0.6])}
    assert find_curves([run], "absent") == {}


def test_a_run_that_has_only_begun(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text("epoch,train_loss,val_top1\n1,2.5,\n")
    run = read_run(tmp_path)
    assert (run.name, run.test, run.curves) == (tmp_path.name, {}, {"train_loss": [(1, 2.5)]})


def test_two_runs_of_one_stream_keep_apart(tmp_path: Path) -> None:
    runs = [read_run(write_run(tmp_path / name, "bone", [0], [0])) for name in ("one", "two")]
    assert list(find_curves(runs, "train_loss")) == ["bone", "bone (two)"]


def test_rows_of_an_epoch_are_averaged_and_cells_that_are_no_value_left_out(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text("epoch,step,loss,other\n0,5,2,\n0,9,4,nan\n1,12,1,\n1,14,,7\n2,15")  # the last line was cut off
    assert read_curves(path) == {"loss": [(0, 3), (1, 1)], "other": [(1, 7)]}


def test_what_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no run folder at"):
        read_run(tmp_path / "absent")
    with pytest.raises(ConfigError, match=r"neither metrics\.csv nor test scores"):
        read_run(tmp_path)
    path = tmp_path / "metrics.csv"
    path.write_text("step,loss\n1,2\n")
    with pytest.raises(FormatError, match="no column 'epoch'"):
        read_curves(path)
    path.write_text("epoch,loss\n0,1\n1,low\n")
    with pytest.raises(FormatError, match=r"metrics\.csv, line 3: .*'low'"):
        read_curves(path)
    path.write_bytes(b"\x00\xff\xfe")
    with pytest.raises(FormatError, match="no column 'epoch'"):
        read_curves(path)


def test_cells_that_no_plot_could_show(tmp_path: Path) -> None:
    metrics = tmp_path / "metrics.csv"
    metrics.write_text("epoch,loss,lr\n1,1e308,0.1\n2,-1e308,nan\n1e308,1,1\n3,inf,1e99\n")
    assert read_curves(metrics) == {"lr": [(1, 0.1), (3, 1e99)]}
    for cell, sentence in (("1" * 140_000, "no table of numbers"), ("x" * 100_000, "line 2: a cell is not a number")):
        metrics.write_text(f"epoch,lr\n1,{cell}\n")
        with pytest.raises(FormatError, match=sentence) as caught:
            read_curves(metrics)
        assert len(str(caught.value)) < 400
