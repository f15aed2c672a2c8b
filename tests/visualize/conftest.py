"""Recordings, scores and stores that are small enough to be checked by hand."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from dualhead.data.prepare.prepare import prepare
from dualhead.data.store.store import Store, open_store
from dualhead.evaluation.scores import Scores
from dualhead.formats.ntu.parse import write_skeleton
from dualhead.formats.recording import from_dense
from dualhead.sequence import SkeletonSequence
from dualhead.skeleton import NTU25

CLASSES = ["sit down", "stand up", "wave <script>alert(1)</script>"]


def standing(frames: int = 4, bodies: int = 1) -> NDArray[np.float32]:
    """Somebody 2 m tall who faces the camera from 3 m with arms spread, one hand 1 m to either side; `(M, T, 25, 3)`.

    The camera's x grows to its own left, so the right hand of who faces it is at x = +1. The knees come and go.
    """
    joints = np.zeros((bodies, frames, 25, 3), np.float32)
    joints[..., 2] = 3
    joints[..., 1] = 1
    for joint, (x, y) in {
        3: (0, 2), 20: (0, 1.6), 2: (0, 1.7), 1: (0, 1.3), 0: (0, 1),
        4: (-0.2, 1.6), 5: (-0.6, 1.6), 6: (-0.9, 1.6), 7: (-1, 1.6), 21: (-1, 1.6), 22: (-1, 1.6),
        8: (0.2, 1.6), 9: (0.6, 1.6), 10: (0.9, 1.6), 11: (1, 1.6), 23: (1, 1.6), 24: (1, 1.6),
        12: (-0.1, 1), 13: (-0.1, 0.5), 14: (-0.1, 0.1), 15: (-0.1, 0),
        16: (0.1, 1), 17: (0.1, 0.5), 18: (0.1, 0.1), 19: (0.1, 0),
    }.items():  # fmt: skip
        joints[:, :, joint, :2] = x, y
    joints[:, :, 13, 2] -= 0.1 * np.arange(frames, dtype=np.float32) / max(1, frames)
    return joints


@pytest.fixture
def person() -> SkeletonSequence:
    return SkeletonSequence(standing(), NTU25, name="S001C001P001R001A001")


@pytest.fixture(scope="session")
def small_store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Six recordings of two performers in NTU syntax, and a damaged one."""
    folder = tmp_path_factory.mktemp("visualize")
    raw = folder / "raw"
    raw.mkdir()
    for subject in (1, 3):
        for action in (1, 2, 3):
            name = f"S001C001P{subject:03}R001A{action:03}.skeleton"
            write_skeleton(raw / name, from_dense(standing(frames=4 + action).astype(np.float64)))
    (raw / "S001C001P001R001A004.skeleton").write_text("2\n1\nnonsense\n")
    prepare("ntu60", raw, folder / "store", workers=1)
    return open_store(folder / "store")


@pytest.fixture(scope="session")
def scored_store(small_store: Store, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """The small store with the three classes that `make_scores` names."""
    folder = tmp_path_factory.mktemp("scored") / "store"
    shutil.copytree(small_store.path, folder)
    (folder / "meta.json").write_text(json.dumps(small_store.meta | {"classes": CLASSES}))
    return open_store(folder)


def make_scores(
    predicted: list[int], labels: list[int], *, names: list[str] | None = None, sure: float = 2.0, **provenance: object
) -> Scores:
    """Scores with two heads that predict what is asked for; the fine head is the surer one."""
    logits = np.zeros((len(labels), 2, 3), np.float32)
    logits[np.arange(len(labels)), 0, predicted] = 2 * sure
    logits[np.arange(len(labels)), 1, predicted] = sure
    facts = {"dataset": "ntu60", "protocol": "xsub", "split": "test", "stream": "joint", "classes": CLASSES}
    return Scores(
        np.array(names or [f"sample{row}" for row in range(len(labels))]),
        np.array(labels),
        logits,
        ("fine", "coarse"),
        {**facts, **provenance},
    )


def write_run(folder: Path, stream: str, predicted: list[int], labels: list[int], **provenance: object) -> Path:
    """A run folder as training leaves it, three epochs long."""
    for selection, epoch in (("last", 3), ("best", 2)):
        for split in ("test", "validation"):
            names = None if split == "test" else [f"held out {row}" for row in range(len(labels))]
            scores = make_scores(
                predicted,
                labels,
                names=names,
                stream=stream,
                selection=selection,
                split=split,
                epoch=epoch,
                **provenance,
            )
            scores.save(folder / "scores" / f"{split}_{selection}.npz")
    (folder / "metrics.csv").write_text(
        "epoch,lr,train_loss,train_top1,val_top1,val_cross_entropy,seconds\n"
        "1,0.1,1.5,0.4,0.3,1.4,2\n2,0.1,1.0,0.6,0.7,1.1,2\n3,0.01,0.5,0.9,0.6,1.2,2\n"
    )
    (folder / "experiment.yaml").write_text("model:\n  name: dualhead  # <b>bold</b>\n")
    return folder
