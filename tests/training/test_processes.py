import numpy as np
import pytest
import torch
from torch import nn

from dualhead.runtime.errors import ConfigError
from dualhead.training.processes import (
    gather_rows,
    is_main,
    launch_settings,
    launched_rank,
    share_buffers,
    sum_over_processes,
    together,
)

LAUNCHER = ("TORCHELASTIC_RUN_ID", "SLURM_NTASKS", "RANK", "LOCAL_RANK", "SLURM_PROCID")


@pytest.fixture(autouse=True)
def no_launcher(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in LAUNCHER:
        monkeypatch.delenv(name, raising=False)


def test_one_process_on_the_cpu() -> None:
    settings = launch_settings("cpu")
    assert settings == {"accelerator": "cpu", "devices": 1, "num_nodes": 1, "strategy": "auto"}
    assert launch_settings("cpu", 3)["strategy"] == "ddp"
    assert launched_rank() == 0


def test_torchrun_decides_how_many(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"TORCHELASTIC_RUN_ID": "x", "LOCAL_WORLD_SIZE": "2", "WORLD_SIZE": "6", "RANK": "5"}
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    settings = launch_settings("cpu", processes=1)
    assert (settings["devices"], settings["num_nodes"], settings["strategy"]) == (2, 3, "ddp")
    assert launched_rank() == 5


def test_slurm_decides_how_many_unless_interactive(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"SLURM_NTASKS": "8", "SLURM_NNODES": "2", "SLURM_JOB_NAME": "train"}.items():
        monkeypatch.setenv(name, value)
    settings = launch_settings("cpu")
    assert (settings["devices"], settings["num_nodes"]) == (4, 2)
    monkeypatch.setenv("SLURM_JOB_NAME", "bash")
    assert launch_settings("cpu")["devices"] == 1


@pytest.mark.parametrize(("device", "processes", "words"), [("gpu", 1, "auto, cpu, cuda"), ("cpu", 0, "1 or more")])
def test_what_is_not_there_is_refused(device: str, processes: int, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        launch_settings(device, processes)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_cuda_without_a_gpu_is_refused() -> None:
    with pytest.raises(ConfigError, match="no CUDA GPU"):
        launch_settings("cuda")
    assert launch_settings("auto")["accelerator"] == "cpu"


def test_alone_everything_is_ones_own() -> None:
    norm = nn.BatchNorm1d(2)
    share_buffers(norm)
    assert norm.running_var is not None
    assert norm.running_var.tolist() == [1.0, 1.0]
    assert not together()
    assert is_main()
    assert sum_over_processes(torch.tensor([1.0, 2.0])).tolist() == [1.0, 2.0]


def test_rows_are_sorted_with_their_logits() -> None:
    parts = [(np.array([4, 1]), np.array([[[4.0]], [[1.0]]])), (np.array([0]), np.array([[[0.0]]]))]
    rows, logits = gather_rows(parts)  # type: ignore[arg-type]
    assert rows.tolist() == [0, 1, 4]
    assert logits.ravel().tolist() == [0.0, 1.0, 4.0]
    assert gather_rows([])[0].tolist() == []
