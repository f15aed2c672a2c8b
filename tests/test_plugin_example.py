"""A plugin from the command line: train, evaluate, predict; and how few files it takes to add a thing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import dualhead
from dualhead.synthetic.generate import generate

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plugin")
    shutil.copytree(ROOT / "examples", folder / "examples")
    raw = generate(folder / "raw", num_performers=4, num_actions=3, quiet=True)
    dualhead.prepare("synthetic", raw, folder / "store", quiet=True)
    return folder


def run(place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-m", "dualhead", *words]
    return subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=False)


PLUGIN = ("--import", "examples.plugin")
CONFIG = ("--config", "examples/plugin.yaml", "--stream", "speed")
TRAIN = ("train", *CONFIG, "--store", "store", "--out", "tiny", "--quiet")


@pytest.mark.slow
def test_train_evaluate_and_predict_from_the_command_line(place: Path) -> None:
    done = run(place, *PLUGIN, *TRAIN)
    assert done.returncode == 0, done.stderr
    result = json.loads((place / "tiny" / "result.json").read_text())
    assert (result["model"], result["stream"]) == ("tiny", "speed")
    assert result["imports"] == ["examples.plugin"]
    done = run(place, "evaluate", "tiny/last.safetensors", "store", "--out", "tiny.npz", *PLUGIN)
    assert done.returncode == 0, done.stderr
    scores = dualhead.Scores.load(place / "tiny.npz")
    assert scores.logits.shape[1] == 1
    assert scores.provenance["experiment"]["objective"]["name"] == "brier"
    done = run(place, "predict", "tiny/last.safetensors", "store", "--format", "jsonl", f"--import={PLUGIN[1]}")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == len(dualhead.open_store(place / "store"))

    without = run(place, "predict", "tiny/last.safetensors", "store")
    assert without.returncode == 1
    assert "--import examples.plugin" in without.stderr
    assert "Traceback" not in without.stderr


def test_an_experiment_whose_plugin_is_missing_says_which(place: Path) -> None:
    done = run(place, *TRAIN)
    assert done.returncode == 1
    assert "'tiny'" in done.stderr or "'freeze'" in done.stderr
    done = run(place, "--import", "not_there", *TRAIN)
    assert done.returncode == 1
    assert "not_there" in done.stderr


def test_the_example_is_short() -> None:
    assert len((ROOT / "examples" / "plugin.py").read_text().splitlines()) <= 60
