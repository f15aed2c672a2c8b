"""Makes the golden checkpoint, store and scores beside this file: `python -m tests.golden.make` in the top folder.

They were written once, by version 0.1.0, and are not to be written anew: later versions have to read them as they are.
A later schema gets files of its own beside them.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
import torch

from dualhead.data.prepare.prepare import prepare
from dualhead.data.store.identity import describe_store
from dualhead.data.store.store import open_store
from dualhead.inference.evaluate import evaluate
from dualhead.models.checkpoint import save_checkpoint
from dualhead.models.registry import create_model

FOLDER = Path(__file__).parent

SKELETON = """
name: mini6
joints: [hip, neck, left_hand, right_hand, left_foot, right_foot]
parents: {neck: hip, left_hand: neck, right_hand: neck, left_foot: hip, right_foot: hip}
mirror: [[left_hand, right_hand], [left_foot, right_foot]]
spine: [hip, neck]
shoulders: [left_hand, right_hand]
"""

DESCRIPTION = """
skeleton: skeleton.yaml
classes: [wave, nod, bow, jump]
confidence: true
bodies: 2
protocols: {xsub: {field: subject, train: [1], test: [2]}}
"""


def write_raw(folder: Path) -> None:
    """Six clips of 5 to 10 frames, the last with two bodies; joint v of clip n is at (n, v, frame / 10) or beside."""
    rows = ["name,label,subject"]
    for number in range(6):
        frames, bodies = 5 + number, 1 + (number == 5)
        joints = np.zeros((bodies, frames, 6, 4))
        joints[..., 0] = number + np.arange(bodies)[:, None, None] / 2
        joints[..., 1] = np.arange(6)
        joints[..., 2] = np.arange(frames)[:, None] / 10
        joints[..., 3] = 0.5
        np.save(folder / f"clip{number}.npy", joints)
        rows.append(f"clip{number},{('wave', 'nod', 'bow', 'jump')[number % 4]},{number % 2 + 1}")
    (folder / "table.csv").write_text("\n".join(rows) + "\n")
    (folder / "skeleton.yaml").write_text(SKELETON)
    (folder / "dataset.yaml").write_text(DESCRIPTION)


def main() -> None:
    """Write the three."""
    shutil.rmtree(FOLDER / "store", ignore_errors=True)
    with tempfile.TemporaryDirectory() as temporary:
        raw = Path(temporary) / "golden"
        raw.mkdir()
        write_raw(raw)
        prepare("custom", raw, FOLDER / "store", workers=1, quiet=True)
    (FOLDER / "store.log").unlink(missing_ok=True)
    store = open_store(FOLDER / "store")
    torch.manual_seed(0)
    arguments = {"width": 6, "num_gcn_scales": 3, "num_g3d_scales": 2}
    model = create_model("dualhead", num_classes=4, skeleton=store.skeleton, **arguments)
    model.train()(torch.randn(4, 3, 16, 6, 2))  # gives batch norm statistics of its own
    experiment = {
        "model": {"name": "dualhead", "arguments": arguments},
        "recipe": "resample16",
        "protocol": "xsub",
        "epochs": 1,
        "batch_size": 2,
        "seed": 0,
    }
    provenance = {
        **describe_store(store),
        **{"protocol": "xsub", "recipe": "resample16", "stream": "bone", "num_bodies": 2, "model": "dualhead"},
        **{"variant": arguments, "experiment": experiment, "version": "0.1.0", "seed": 0, "epoch": 1},
        "selection": "last",
    }
    save_checkpoint(FOLDER / "checkpoint.safetensors", model, json.loads(json.dumps(provenance)))
    evaluate(
        FOLDER / "checkpoint.safetensors", FOLDER / "store", FOLDER / "scores.npz", workers=0, device="cpu",
        quiet=True,
    )  # fmt: skip


if __name__ == "__main__":
    main()
