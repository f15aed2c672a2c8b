"""What version 0.1.0 wrote is read by this one, and what a later one wrote says which version to install.

The files in tests/golden were made by `python -m tests.golden.make`: a store of six clips of a skeleton of its own, a
narrow DualHead-Net with random weights for its bone stream, and the scores of the store's test split, as computed then.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.torch import save_file

from dualhead.data.store.store import open_store
from dualhead.evaluation.scores import Scores
from dualhead.inference.evaluate import evaluate
from dualhead.inference.predictor import Predictor
from dualhead.models.checkpoint import load_checkpoint
from dualhead.runtime.errors import CheckpointError, FormatError, StoreError
from dualhead.version import __version__

GOLDEN = Path(__file__).parent / "golden"
CHECKPOINT, STORE, SCORES = GOLDEN / "checkpoint.safetensors", GOLDEN / "store", GOLDEN / "scores.npz"


def test_the_golden_files_are_small() -> None:
    sizes = {
        path: path.stat().st_size for path in GOLDEN.rglob("*") if path.is_file() and "__pycache__" not in path.parts
    }
    models = {path: size for path, size in sizes.items() if path.parent.name == "models"}  # a narrow case of each
    assert sizes[CHECKPOINT] < 300_000
    assert max(models.values()) < 25_000
    assert sum(sizes.values()) - sum(models.values()) - sizes[CHECKPOINT] < 50_000


def test_the_golden_store_is_read() -> None:
    store = open_store(STORE)
    assert store.names.tolist() == [f"clip{number}" for number in range(6)]
    assert store.labels.tolist() == [0, 1, 2, 3, 0, 1]
    assert store.frames.tolist() == [5, 6, 7, 8, 9, 10]
    assert store.bodies.tolist() == [1, 1, 1, 1, 1, 2]
    assert store.classes == ("wave", "nod", "bow", "jump")
    assert store.skeleton.joints == ("hip", "neck", "left_hand", "right_hand", "left_foot", "right_foot")
    assert [split.tolist() for split in store.split("xsub")] == [[0, 2, 4], [1, 3, 5]]
    last = store[5]
    assert last.joints[1, 9, 4].tolist() == [5.5, 4, np.float32(0.9)]
    assert last.confidence is not None
    assert last.confidence.shape == (2, 10, 6)
    assert set(last.confidence.ravel().tolist()) == {0.5}
    assert last.fields == {"subject": 2}


def test_the_golden_checkpoint_is_read() -> None:
    model, provenance = load_checkpoint(CHECKPOINT)
    config = model.config
    assert (config.name, config.num_classes, config.num_bodies) == ("dualhead", 4, 2)
    assert config.skeleton == open_store(STORE).skeleton
    assert {name: provenance[name] for name in ("recipe", "stream", "version", "epoch")} == {
        "recipe": "resample16",
        "stream": "bone",
        "version": "0.1.0",
        "epoch": 1,
    }


def test_the_golden_checkpoint_gives_the_golden_scores() -> None:
    golden = Scores.load(SCORES)
    assert golden.names.tolist() == ["clip1", "clip3", "clip5"]
    assert golden.heads == ("fine", "coarse")
    found = evaluate(CHECKPOINT, STORE, workers=0, device="cpu", quiet=True)
    assert found.names.tolist() == golden.names.tolist()
    np.testing.assert_allclose(found.logits, golden.logits, rtol=0, atol=1e-5)
    assert np.ptp(golden.logits) > 0.01  # they say something
    predictions = Predictor.from_checkpoint(CHECKPOINT, device="cpu").predict(STORE)
    assert isinstance(predictions, list)
    ours = {item.name: item.probabilities for item in predictions}
    for name, probabilities in zip(golden.names.tolist(), golden.probabilities, strict=True):
        np.testing.assert_allclose(ours[name], probabilities, rtol=0, atol=1e-5)


def test_a_later_checkpoint_says_which_version_to_install(tmp_path: Path) -> None:
    with safe_open(CHECKPOINT, framework="pt") as file:
        metadata = file.metadata()
        state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    save_file(state, tmp_path / "a.safetensors", {**metadata, "schema": "2", "version": "1.4.0"})
    with pytest.raises(CheckpointError, match=r"2.*1.*1\.4\.0"):
        Predictor.from_checkpoint(tmp_path / "a.safetensors")


def test_a_later_store_says_which_version_to_install(tmp_path: Path) -> None:
    shutil.copytree(STORE, tmp_path / "store")
    meta = json.loads((STORE / "meta.json").read_text())
    (tmp_path / "store" / "meta.json").write_text(json.dumps({**meta, "schema": 2, "version": "1.4.0"}))
    words = rf"has schema 2, this is dualhead {__version__} which reads up to 1: install dualhead 1\.4\.0 or later"
    with pytest.raises(StoreError, match=words):
        open_store(tmp_path / "store")
    (tmp_path / "store" / "meta.json").write_text(json.dumps({**meta, "schema": "x"}))
    with pytest.raises(StoreError, match="has schema 'x', which no version of dualhead writes"):
        open_store(tmp_path / "store")


def test_later_scores_say_which_version_to_install(tmp_path: Path) -> None:
    with np.load(SCORES) as arrays:
        np.savez(tmp_path / "a.npz", **{**arrays, "schema": np.array(2), "version": np.array("1.4.0")})
    with pytest.raises(FormatError, match=r"2.*1.*1\.4\.0"):
        Scores.load(tmp_path / "a.npz")
