"""Targets of the fuzzing that the project writes or configures itself, and the checkpoints of others."""

from __future__ import annotations

import io
import json
import re
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from safetensors.torch import save as save_tensors

from benchmarks.fuzz_files import SKELETON, joints, skeletons
from benchmarks.fuzz_target import Feed, Target, of_path, with_file
from dualhead.conversion.files import read_published
from dualhead.data.prepare.prepare import prepare
from dualhead.data.store.store import open_store
from dualhead.evaluation.scores import Scores, softmax
from dualhead.formats.custom.skeleton_file import load_skeleton
from dualhead.formats.video import to_recording
from dualhead.inference.prediction import Prediction
from dualhead.inference.predictions_file import PredictionsFile
from dualhead.inference.writing import PREDICTION_COLUMNS, write_items
from dualhead.models.checkpoint import load_checkpoint, read_metadata, save_checkpoint
from dualhead.models.registry import create_model
from dualhead.poses.recording import PoseRecording, load_poses
from dualhead.runtime.errors import (
    CheckpointError,
    ConfigError,
    DualheadError,
    FormatError,
    MismatchError,
    StoreError,
    TrainingError,
)
from dualhead.skeleton import MEDIAPIPE33
from dualhead.training.config import find_config, load_experiment
from dualhead.training.result import load_result
from dualhead.training.run_folder import RunFolder
from dualhead.training.train import epochs_done
from dualhead.visualize.runs import read_curves


def own_targets() -> list[Target]:
    """Make the targets."""
    whole = _checkpoint()
    shipped = [find_config(name).read_bytes() for name in ("synthetic_xsub/dualhead", "ntu60_xsub/msg3d")]
    return [
        Target("store", _store_seeds(), _start_store, (StoreError, FormatError)),
        Target("scores", [("x.npz", [_content(_scores().save, "x.npz")])], of_path(Scores.load), (DualheadError,)),
        Target("checkpoint", _checkpoint_seeds(whole), _start_checkpoint(whole), (CheckpointError,)),
        Target("published-checkpoint", _published_seeds(), of_path(read_published), (CheckpointError,)),
        Target("experiment", [("x.yaml", shipped)], of_path(load_experiment), (ConfigError,)),
        Target("skeleton-yaml", [("x.yaml", [yaml.safe_dump(SKELETON).encode()])], of_path(load_skeleton)),
        Target("result", [("result.json", [_result()])], of_path(_load_result), (ConfigError,)),
        Target("run", _run_seeds(), _start_run, (ConfigError, MismatchError)),
        Target("resume", [("last.ckpt", [_resume_state()])], _start_resume, (TrainingError,)),
        Target(
            "metrics", [("x.csv", [b"epoch,val_top1,seconds\n1,0.5,3.25\n2,,3.5\n2,nan,1e3\n"])], of_path(read_curves)
        ),
        Target("predictions", _prediction_seeds(), _start_predictions, (FormatError,)),
        Target("poses", [("x.npz", [_content(_poses().save, "x.npz")])], of_path(_load_poses)),
    ]


def _content(write: Callable[[Path], object], name: str) -> bytes:
    """Give what a function writes to a file."""
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / name)
        return (Path(folder) / name).read_bytes()


def _prepare(folder: Path) -> Path:
    """Make a store of three recordings."""
    raw = folder / "raw"
    raw.mkdir()
    for number, data in enumerate(skeletons()[:3], 1):
        (raw / f"S001C001P001R001A00{number}.skeleton").write_bytes(data)
    prepare("ntu60", raw, folder / "store", workers=1, quiet=True)
    return folder / "store"


def _read_store(path: Path) -> None:
    """Open a store, split it and read every sample."""
    store = open_store(path)
    for protocol in store.protocols:
        store.split(protocol)
    for row in range(len(store)):
        store[row]


def _start_store(folder: Path) -> Feed:
    store = _prepare(folder)
    return with_file(store, lambda: _read_store(store))


def _store_seeds() -> list[tuple[str, Sequence[bytes]]]:
    with tempfile.TemporaryDirectory() as folder:
        store = _prepare(Path(folder))
        return [(name, [(store / name).read_bytes()]) for name in ("meta.json", "index.npz", "joints.npy")]


def _scores() -> Scores:
    return Scores(
        names=np.array(["a", "b"]),
        labels=np.array([0, 1]),
        logits=joints(2, 1, 3),
        heads=("fine",),
        provenance={"stream": "joint"},
    )


def _checkpoint() -> bytes:
    model = create_model("stgcn", num_classes=2, skeleton="kinect20", num_bodies=1, width=1, depth=1)
    return _content(lambda path: save_checkpoint(path, model, {"stream": "joint", "epoch": 1}), "x.safetensors")


def _taken_apart(whole: bytes) -> tuple[dict[str, Any], bytes]:
    """Take the header of a safetensors file off its tensors."""
    start = 8 + int.from_bytes(whole[:8], "little")
    return json.loads(whole[8:start]), whole[start:]


def _checkpoint_seeds(whole: bytes) -> list[tuple[str, Sequence[bytes]]]:
    """A whole checkpoint, what its header says beside the tensors, and the two texts in that."""
    metadata = _taken_apart(whole)[0]["__metadata__"]
    return [
        ("x.safetensors", [whole]),
        ("header.json", [json.dumps({"__metadata__": metadata}).encode()]),
        *((f"{name}.json", [metadata[name].encode()]) for name in ("model", "provenance")),
    ]


def _start_checkpoint(whole: bytes) -> Callable[[Path], Feed]:
    """Read a whole checkpoint; a header without tensors, of which no more is read; or a whole one with another text."""
    header, tensors = _taken_apart(whole)

    def start(folder: Path) -> Feed:
        path = folder / "x.safetensors"

        def feed(name: str, data: bytes) -> None:
            if name == "x.safetensors":
                path.write_bytes(data)
                load_checkpoint(path)
                return
            if name == "header.json":
                path.write_bytes(len(data).to_bytes(8, "little") + data)
                read_metadata(path)
                return
            text = data.decode("utf-8", "replace")
            changed = header["__metadata__"] | {name.removesuffix(".json"): text}
            head = json.dumps(header | {"__metadata__": changed}).encode()
            path.write_bytes(len(head).to_bytes(8, "little") + head + tensors)
            read_metadata(path)
            if re.search(r"\d{3}", text) is None:  # a larger number may ask for a model that fills the memory
                load_checkpoint(path)

        return feed

    return start


def _published_seeds() -> list[tuple[str, Sequence[bytes]]]:
    """A checkpoint in the zip and in the older layout of PyTorch, and as bare tensors.

    The older layout names tensors by their addresses, so that its inputs differ from run to run in these.
    """
    tensors = {"data_bn.weight": torch.ones(3), "fc.weight": torch.zeros(2, 3), "steps": torch.tensor(7)}
    content = {"epoch": 3, "state_dict": tensors, "names": ["a", ("b", 1.5)]}
    layouts = []
    for is_zip in (True, False):
        stream = io.BytesIO()
        torch.save(content, stream, _use_new_zipfile_serialization=is_zip)
        layouts.append(stream.getvalue())
    return [("x.pt", layouts), ("x.safetensors", [save_tensors(tensors)])]


def _result() -> bytes:
    split = {"mean": {"count": 2, "top1": 0.5, "top5": 1.0, "mean_class": 0.5, "cross_entropy": 1.0}}
    last = {"epoch": 2, "checkpoint": "last.safetensors", "validation": None, "test": split}
    return json.dumps({"schema": 1, "version": "0.1.0", "epochs": 2, "last": last, "best": None}).encode()


def _load_result(path: Path) -> None:
    load_result(RunFolder(path.parent))


_IDENTITY = {"stream": "joint", "dataset": "ntu60", "classes": ["a", "b"], "data_fingerprint": "0" * 16}


def _run(folder: Path) -> RunFolder:
    """Make the folder of a run of which an epoch is done."""
    run = RunFolder(folder / "run")
    run.resume.parent.mkdir(parents=True)
    run.claim(load_experiment("synthetic_xsub/dualhead"), _IDENTITY)
    run.resume.write_bytes(_resume_state())
    return run


def _run_seeds() -> list[tuple[str, Sequence[bytes]]]:
    with tempfile.TemporaryDirectory() as folder:
        run = _run(Path(folder))
        return [(path.name, [path.read_bytes()]) for path in (run.identity, run.experiment)]


def _start_run(folder: Path) -> Feed:
    run, experiment = _run(folder), load_experiment("synthetic_xsub/dualhead")
    return with_file(run.path, lambda: run.check(experiment, _IDENTITY))


def _start_resume(folder: Path) -> Feed:
    run = _run(folder)
    return with_file(run.resume.parent, lambda: epochs_done(run))


def _resume_state() -> bytes:
    history = [{"epoch": 1, "seconds": 2.5, "val_top1": 0.5}]
    best = {"epoch": 1, "top1": 0.5, "cross_entropy": 1.25}
    stream = io.BytesIO()
    state = {"state_dict": {"weight": torch.ones(2)}, "callbacks": {"Keeper": {"history": history, "best": best}}}
    torch.save(state, stream)
    return stream.getvalue()


def _predictions() -> list[Prediction]:
    chances = softmax(joints(2, 3))
    return [Prediction(name, ("a", "b", "c"), row, {"fine": row}) for name, row in zip("xy", chances, strict=True)]


def _prediction_seeds() -> list[tuple[str, Sequence[bytes]]]:
    seeds = []
    for kind in ("jsonl", "csv"):
        stream = io.StringIO()
        write_items(iter(_predictions()), stream, kind, PREDICTION_COLUMNS, 2)
        seeds.append((f"x.{kind}", [stream.getvalue().encode()]))
    return seeds


def _start_predictions(folder: Path) -> Feed:
    """Resume a file of predictions."""

    def read(path: Path) -> None:
        kind = path.suffix[1:]
        partial = path.with_name(f"{path.name}.partial")
        path.replace(partial)
        try:
            with PredictionsFile(path, kind, PREDICTION_COLUMNS, over_time=False, top_k=2, resume=True):
                pass
        finally:
            partial.unlink(missing_ok=True)

    return of_path(read)(folder)


def _poses() -> PoseRecording:
    return PoseRecording(
        joints=joints(1, 2, 33, 3), confidence=joints(1, 2, 33), image=joints(1, 2, 33, 2), world=joints(1, 2, 33, 3),
        times=np.arange(2) / 30, fps=30.0, size=(640, 480), source="x.mp4",
    )  # fmt: skip


def _load_poses(path: Path) -> None:
    to_recording(load_poses(path), MEDIAPIPE33)
