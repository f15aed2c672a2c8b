"""What is fuzzed: every parser of raw data and of the project's own files, with whole inputs to start from."""

from __future__ import annotations

import io
import json
import pickle
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from dualhead.data.bodies import get_selection
from dualhead.data.file_story import explain_file
from dualhead.data.prepare import prepare
from dualhead.data.store import open_store
from dualhead.errors import DualheadError, FormatError, StoreError
from dualhead.evaluation.scores import Scores
from dualhead.formats.kinetics import parse_kinetics
from dualhead.formats.member import list_members
from dualhead.formats.ntu import format_skeleton, parse_skeleton
from dualhead.formats.recording import from_dense
from dualhead.formats.registry import get_source
from dualhead.formats.source import Source
from dualhead.skeleton import OPENPOSE18

Feed = Callable[[str, bytes], object]
"""Takes the name of a file and its mutated content."""


@dataclass(frozen=True)
class Target:
    """A parser.

    Attributes:
        name: What it reads.
        seeds: The files that are mutated, each with whole contents.
        start: Sets up in an empty folder and gives what an input is fed to.
        errors: What may come out.
    """

    name: str
    seeds: Sequence[tuple[str, Sequence[bytes]]]
    start: Callable[[Path], Feed]
    errors: tuple[type[DualheadError], ...] = (FormatError,)


def _joints(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def _skeletons() -> list[bytes]:
    two = format_skeleton(from_dense(_joints(2, 2, 25, 3), body_ids=[72057594037900001, 72057594037900002]))
    gap = format_skeleton(from_dense(_joints(1, 3, 25, 3), np.array([[True, False, True]])))
    return [two, two.replace(b"\n", b"\r\n"), gap, b"2\n0\n0\n"]


def _kinetics_clip() -> bytes:
    people = [{"pose": [0.25, 0.5] * 18, "score": [0.5] * 18}] * 2
    data = [{"frame_index": frame, "skeleton": people} for frame in (1, 2)]
    return json.dumps({"data": data, "label": "x", "label_index": 1}).encode()


def _ucla_clip() -> bytes:
    return json.dumps({"file_name": "x", "skeletons": _joints(2, 20, 3).round(3).tolist(), "label": 1}).encode()


def _npy(values: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, values)
    return stream.getvalue()


def _npz(save: Callable[..., None] = np.savez, **arrays: np.ndarray) -> bytes:
    stream = io.BytesIO()
    save(stream, **arrays)
    return stream.getvalue()


def _zip(files: Mapping[str, bytes], method: int) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return stream.getvalue()


def _tar(files: Mapping[str, bytes], mode: str) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as archive:  # type: ignore[call-overload]
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return stream.getvalue()


def _parser(parse: Callable[[bytes], object]) -> Callable[[Path], Feed]:
    """Feed a function of bytes."""
    return lambda folder: lambda name, data: parse(data)


def _read_all(source: Source, raw: Path) -> None:
    """List a raw tree, read every item and select bodies, as `prepare` does."""
    listing = source.list_items([raw])
    learned = listing.source or source
    for item in listing.items:
        try:
            recording = learned.read(item)
        except FormatError:
            continue
        get_selection(learned.body_selection)(recording, learned.max_bodies)


def _tree(source: Source, files: Mapping[str, bytes]) -> Callable[[Path], Feed]:
    """Feed one file of a raw tree, the others being whole."""

    def start(folder: Path) -> Feed:
        for name, data in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)

        def feed(name: str, data: bytes) -> None:
            (folder / name).write_bytes(data)
            try:
                _read_all(source, folder)
            finally:
                (folder / name).write_bytes(files[name])

        return feed

    return start


def _tree_target(
    name: str, source: Source, files: Mapping[str, bytes], more: Mapping[str, bytes] | None = None
) -> Target:
    """Make a target of every file of a tree; `more` gives second contents of some."""
    seeds = [(file, [data, *([more[file]] if more and file in more else [])]) for file, data in files.items()]
    return Target(name, seeds, _tree(source, files))


def _archives() -> list[Target]:
    files = {"a/S001C001P001R001A001.skeleton": _skeletons()[0], "b/S001C002P001R001A002.skeleton": _skeletons()[2]}
    zips = [_zip(files, zipfile.ZIP_STORED), _zip(files, zipfile.ZIP_DEFLATED)]
    tars = {
        "x.tar": _tar(files, "w"),
        "x.tar.gz": _tar(files, "w:gz"),
        "x.tar.xz": _tar(files, "w:xz"),
        "x.tar.bz2": _tar(files, "w:bz2"),
    }

    def start(folder: Path) -> Feed:
        def feed(name: str, data: bytes) -> None:
            path = folder / name
            path.write_bytes(data)
            for member in list_members([path]):
                with suppress(FormatError):
                    member.read()

        return feed

    return [
        Target("zip", [("x.zip", zips)], start),
        Target("tar", [(name, [data]) for name, data in tars.items()], start),
    ]


def _own_files() -> list[Target]:
    """The project's own files: a store and a score file."""

    def start_store(folder: Path) -> Feed:
        raw = folder / "raw"
        raw.mkdir()
        for number, data in enumerate(_skeletons()[:3], 1):
            (raw / f"S001C001P001R001A00{number}.skeleton").write_bytes(data)
        prepare("ntu60", raw, folder / "store", workers=1, quiet=True)

        def feed(name: str, data: bytes) -> None:
            path = folder / "store" / name
            whole = path.read_bytes()
            path.write_bytes(data)
            try:
                store = open_store(folder / "store")
                for protocol in store.protocols:
                    store.split(protocol)
                for row in range(len(store)):
                    store[row]
            finally:
                path.write_bytes(whole)

        return feed

    def start_scores(folder: Path) -> Feed:
        def feed(name: str, data: bytes) -> None:
            (folder / name).write_bytes(data)
            Scores.load(folder / name)

        return feed

    return [
        Target("store", _store_seeds(), start_store, (StoreError, FormatError)),
        Target("scores", [("x.npz", [_score_file()])], start_scores, (DualheadError,)),
    ]


def _store_seeds() -> list[tuple[str, Sequence[bytes]]]:
    with tempfile.TemporaryDirectory() as folder:
        raw, out = Path(folder) / "raw", Path(folder) / "store"
        raw.mkdir()
        for number, data in enumerate(_skeletons()[:3], 1):
            (raw / f"S001C001P001R001A00{number}.skeleton").write_bytes(data)
        prepare("ntu60", raw, out, workers=1, quiet=True)
        return [(name, [(out / name).read_bytes()]) for name in ("meta.json", "index.npz", "joints.npy")]


def _score_file() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.npz"
        scores = Scores(
            names=np.array(["a", "b"]),
            labels=np.array([0, 1]),
            logits=_joints(2, 1, 3),
            heads=("fine",),
            provenance={"stream": "joint"},
        )
        scores.save(path)
        return path.read_bytes()


def _pyskl(flat: bool) -> bytes:
    shape = (1, 3, 17, 2) if flat else (2, 3, 25, 3)
    annotations: list[dict[str, Any]] = [
        {"frame_dir": name, "label": label, "total_frames": 3, "keypoint": _joints(*shape).astype(np.float16)}
        for label, name in enumerate(("S001C001P001R001A001", "S001C002P001R001A002"))
    ]
    if flat:
        for annotation in annotations:
            annotation |= {"keypoint_score": _joints(*shape[:3]).astype(np.float16), "img_shape": (1080, 1920)}
    split = {"xsub_train": ["S001C001P001R001A001"], "xsub_val": ["S001C002P001R001A002"]}
    return pickle.dumps({"split": split, "annotations": annotations})


def _custom() -> Target:
    skeleton = {
        "name": "stick", "joints": ["hip", "chest", "left", "right"], "parents": [0, 0, 1, 1],
        "edges": [[1, 0], [2, 1], [3, 1]], "mirror": [[2, 3]], "centre": 1, "origin": 0, "spine": [0, 1],
        "shoulders": [2, 3], "dimensions": 3,
    }  # fmt: skip
    rules = {"rooms": {"field": "room", "train": ["kitchen"], "test": ["cellar"]}}
    lines = "\n".join(",".join(f"{value:.3f}" for value in row) for row in _joints(2, 12).tolist())
    files = {
        "dataset.yaml": yaml.safe_dump({"skeleton": "skeleton.yaml", "protocols": rules, "bodies": 2}).encode(),
        "skeleton.yaml": yaml.safe_dump(skeleton).encode(),
        "table.csv": b"name,label,room\none,wave,kitchen\ntwo,clap,cellar\nthree,wave,hall\nfour,wave,hall\n",
        "one.npy": _npy(_joints(2, 4, 3)),
        "two.npz": _npz(joints=_joints(2, 2, 4, 3), confidence=np.ones((2, 2, 4), np.float32)),
        "three.csv": lines.encode(),
        "four.json": json.dumps({"joints": _joints(2, 4, 3).tolist()}).encode(),
    }
    return _tree_target("custom", get_source("custom"), files)


def make_targets() -> list[Target]:
    """Make every target; each has the name of what it reads."""
    kinetics = {
        "kinetics_train/a.json": _kinetics_clip(),
        "kinetics_train_label.json": json.dumps({"a": {"has_skeleton": True, "label": "x", "label_index": 1}}).encode(),
    }
    labels = (["S001C001P001R001A001.skeleton", "S001C002P001R001A002.skeleton"], [0, 1])
    published = {
        "xsub/train_data_joint.npy": _npy(_joints(2, 3, 4, 25, 2)),
        "xsub/train_label.pkl": pickle.dumps(labels),
    }
    published |= {file.replace("train", "val"): data for file, data in published.items()}
    published["xsub/val_label.pkl"] = pickle.dumps(([name.replace("P001", "P003") for name in labels[0]], labels[1]))
    flat = published | {f"xsub/{side}_data_joint.npy": _npy(_joints(2, 3, 4, 18, 2)) for side in ("train", "val")}
    rows = {"x": _joints(2, 4, 150), "y": np.eye(60)[[3, 5]]}
    sides = {f"{name}_{side}": values for name, values in rows.items() for side in ("train", "test")}
    missing = b"302 samples with missing skeletons\nS001C001P001R001A001\nS001C002P001R001A002.skeleton\n"
    name = "S001C001P001R001A003.skeleton"
    return [
        Target("skeleton", [("x.skeleton", _skeletons())], _parser(parse_skeleton)),
        Target("skeleton-explained", [("x.skeleton", _skeletons())], _explained),
        _tree_target("ntu60", get_source("ntu60"), {name: _skeletons()[0], "a_missing_skeletons.txt": missing}),
        Target("kinetics-clip", [("a.json", [_kinetics_clip()])], _parser(parse_kinetics)),
        _tree_target("kinetics", get_source("kinetics"), kinetics),
        _tree_target("ucla", get_source("ucla"), {"a01_s01_e00_v01.json": _ucla_clip()}),
        _tree_target("pyskl", get_source("pyskl"), {"ntu60.pkl": _pyskl(False)}, {"ntu60.pkl": _pyskl(True)}),
        _tree_target(
            "ctrgcn",
            get_source("ctrgcn"),
            {"NTU60_CS.npz": _npz(**sides)},
            {"NTU60_CS.npz": _npz(np.savez_compressed, **sides)},
        ),
        _tree_target("published", get_source("published"), published),
        _tree_target("published-flat", get_source("published").with_skeleton(OPENPOSE18), flat),
        _custom(),
        *_archives(),
        *_own_files(),
    ]


def _explained(folder: Path) -> Feed:
    def feed(name: str, data: bytes) -> None:
        (folder / name).write_bytes(data)
        explain_file(folder / name)

    return feed
