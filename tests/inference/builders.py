"""Small recordings and checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from dualhead.formats.ntu.parse import write_skeleton
from dualhead.formats.ntu.sources import ntu60
from dualhead.formats.recording import from_dense
from dualhead.models.checkpoint import save_checkpoint
from dualhead.models.registry import create_model
from dualhead.sequence import SkeletonSequence
from dualhead.skeleton import NTU25

CLASSES = ntu60().classes


def walk(seed: int, frames: int = 20, bodies: int = 1) -> np.ndarray:
    """Joints of bodies that wander, `(M, T, V, C)`."""
    rng = np.random.default_rng(seed)
    shape = rng.normal(size=(bodies, 1, 25, 3))
    return (shape + rng.normal(scale=0.02, size=(bodies, frames, 25, 3)).cumsum(axis=1)).astype(np.float32)


def sequence(seed: int, **fields: Any) -> SkeletonSequence:
    """A recording in memory."""
    return SkeletonSequence(walk(seed), NTU25, **{"name": f"walk{seed}", **fields})


def write_recordings(folder: Path, actions: int = 3) -> list[Path]:
    """Raw files of two performers, one of each split of `xsub`; the second has two people."""
    paths = []
    for performer in (1, 3):
        for action in range(1, actions + 1):
            path = folder / f"S001C001P{performer:03}R001A{action:03}.skeleton"
            write_skeleton(path, from_dense(walk(10 * performer + action, 15 + action, 1 + (performer == 3))))
            paths.append(path)
    return paths


def write_checkpoint(path: Path, stream: str = "joint", seed: int = 0, **changes: Any) -> Path:
    """A narrow network with random weights, decisive enough that its classes differ."""
    torch.manual_seed(seed)
    fields = {
        "dataset": "ntu60", "protocol": "xsub", "recipe": "resample16", "stream": stream, "skeleton": "ntu25",
        "classes": list(CLASSES), "num_bodies": 2, "model": "dualhead", "variant": {"width": 12},
        "experiment": {
            "protocol": "xsub", "recipe": "resample16", "model": {"name": "dualhead"}, "epochs": 3, "batch_size": 2,
            "seed": seed, "num_workers": 0,
        },
        "data_fingerprint": "aa", "version": "0", "seed": seed, "epoch": 3, "selection": "last",
    }  # fmt: skip
    provenance = {key: value for key, value in {**fields, **changes}.items() if value is not None}
    classes = len(provenance.get("classes", CLASSES))
    variant = {"width": 12, "num_gcn_scales": 3, "num_g3d_scales": 2}
    model = create_model(
        "dualhead", num_classes=classes, skeleton=provenance["skeleton"], num_bodies=provenance["num_bodies"], **variant
    )
    with torch.no_grad():
        for classifier in (model.fine_classifier, model.coarse_classifier):
            classifier.weight.mul_(5)
    save_checkpoint(path, model, provenance)
    return path
