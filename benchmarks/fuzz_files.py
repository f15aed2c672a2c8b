"""Small whole files of every raw form, to start mutating from."""

from __future__ import annotations

import io
import json
import pickle
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import yaml

from dualhead.formats.ntu.parse import format_skeleton
from dualhead.formats.recording import from_dense
from dualhead.skeleton import NTU25

SKELETON = {
    "name": "stick", "joints": ["hip", "chest", "left", "right"], "parents": [0, 0, 1, 1],
    "edges": [[1, 0], [2, 1], [3, 1]], "mirror": [[2, 3]], "centre": 1, "origin": 0, "spine": [0, 1],
    "shoulders": [2, 3], "dimensions": 3,
}  # fmt: skip
"""A skeleton of 4 joints, as its YAML file has it."""


def joints(*shape: int) -> np.ndarray:
    """Draw float32 coordinates, the same ones for the same shape."""
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def skeletons() -> list[bytes]:
    """`.skeleton` files: two bodies, the same with CRLF, a frame without a body, no body at all."""
    two = format_skeleton(from_dense(joints(2, 2, 25, 3), body_ids=[72057594037900001, 72057594037900002]))
    gap = format_skeleton(from_dense(joints(1, 3, 25, 3), np.array([[True, False, True]])))
    return [two, two.replace(b"\n", b"\r\n"), gap, b"2\n0\n0\n"]


def kinetics_clip() -> bytes:
    """A Kinetics-Skeleton JSON of two frames with two people."""
    people = [{"pose": [0.25, 0.5] * 18, "score": [0.5] * 18}] * 2
    data = [{"frame_index": frame, "skeleton": people} for frame in (1, 2)]
    return json.dumps({"data": data, "label": "x", "label_index": 1}).encode()


def openpose_frame() -> bytes:
    """A frame of OpenPose with two people of 25 joints."""
    people = [{"person_id": [number], "pose_keypoints_2d": [400.5, 300.25, 0.5] * 25} for number in (0, 1)]
    return json.dumps({"version": 1.3, "people": people}).encode()


def ucla_clip() -> bytes:
    """An NW-UCLA JSON of two frames."""
    return json.dumps({"file_name": "x", "skeletons": joints(2, 20, 3).round(3).tolist(), "label": 1}).encode()


def npy(values: np.ndarray) -> bytes:
    """An array as a `.npy` file."""
    stream = io.BytesIO()
    np.save(stream, values)
    return stream.getvalue()


def npz(save: Callable[..., None] = np.savez, /, **arrays: np.ndarray) -> bytes:
    """Arrays as a `.npz` file."""
    stream = io.BytesIO()
    save(stream, **arrays)
    return stream.getvalue()


def packed_zip(files: Mapping[str, bytes], method: int) -> bytes:
    """Files as a zip."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return stream.getvalue()


def packed_tar(files: Mapping[str, bytes], mode: str) -> bytes:
    """Files as a tar; `mode` is that of `tarfile.open`."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as archive:  # type: ignore[call-overload]
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return stream.getvalue()


def pyskl(flat: bool) -> bytes:
    """A pickle of PYSKL with two annotations, 2D (`flat`) or 3D."""
    shape = (1, 3, 17, 2) if flat else (2, 3, 25, 3)
    annotations: list[dict[str, Any]] = [
        {"frame_dir": name, "label": label, "total_frames": 3, "keypoint": joints(*shape).astype(np.float16)}
        for label, name in enumerate(("S001C001P001R001A001", "S001C002P001R001A002"))
    ]
    if flat:
        for annotation in annotations:
            annotation |= {"keypoint_score": joints(*shape[:3]).astype(np.float16), "img_shape": (1080, 1920)}
    split = {"xsub_train": ["S001C001P001R001A001"], "xsub_val": ["S001C002P001R001A002"]}
    more = {} if flat else {"skeleton": NTU25.to_dict(), "classes": ["one", "two"]}
    return pickle.dumps({"split": split, "annotations": annotations, **more})


def custom() -> dict[str, bytes]:
    """A data set of one's own with a clip of each kind."""
    rules = {"rooms": {"field": "room", "train": ["kitchen"], "test": ["cellar"]}}
    lines = "\n".join(",".join(f"{value:.3f}" for value in row) for row in joints(2, 12).tolist())
    return {
        "dataset.yaml": yaml.safe_dump({"skeleton": "skeleton.yaml", "protocols": rules, "bodies": 2}).encode(),
        "skeleton.yaml": yaml.safe_dump(SKELETON).encode(),
        "table.csv": b"name,label,room\none,wave,kitchen\ntwo,clap,cellar\nthree,wave,hall\nfour,wave,hall\n",
        "one.npy": npy(joints(2, 4, 3)),
        "two.npz": npz(joints=joints(2, 2, 4, 3), confidence=np.ones((2, 2, 4), np.float32)),
        "three.csv": lines.encode(),
        "four.json": json.dumps({"joints": joints(2, 4, 3).tolist()}).encode(),
    }


def published() -> dict[str, bytes]:
    """The arrays and labels of both splits of a protocol, as the published code writes them."""
    names = ["S001C001P001R001A001.skeleton", "S001C002P001R001A002.skeleton"]
    files = {
        "xsub/train_data_joint.npy": npy(joints(2, 3, 4, 25, 2)),
        "xsub/train_label.pkl": pickle.dumps((names, [0, 1])),
    }
    files |= {file.replace("train", "val"): data for file, data in files.items()}
    files["xsub/val_label.pkl"] = pickle.dumps(([name.replace("P001", "P003") for name in names], [0, 1]))
    facts = {"protocol": "xsub", "classes": ["one", "two"], "skeleton": NTU25.to_dict()}
    return files | {"xsub/dualhead.json": json.dumps(facts).encode()}
