"""Small recordings and raw trees for the tests."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from dualhead.formats.file_format import RawClip, RawFile, ReadingOptions
from dualhead.formats.ntu.parse import format_skeleton
from dualhead.formats.recording import Recording, from_dense
from dualhead.reading.listing import file_member, parse_member
from dualhead.reading.recognise import recognise


def make_recording(frames: int = 4, bodies: int = 1, seed: int = 0) -> Recording:
    """Random float32 joints; body IDs exceed 2^53, one apart, so that floats would mix them up."""
    joints = np.random.default_rng(seed).normal(size=(bodies, frames, 25, 3)).astype(np.float32)
    return from_dense(joints, body_ids=[72057594037900001 + body for body in range(bodies)])


def make_skeleton(frames: int = 4, bodies: int = 1, seed: int = 0) -> bytes:
    return format_skeleton(make_recording(frames, bodies, seed))


def make_ntu_tree(folder: Path, count: int, frames: int = 3) -> Path:
    """Write `count` recordings of NTU RGB+D 60, of 1 to `frames` frames and 1 or 2 bodies."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        name = f"S001C{number % 3 + 1:03d}P{number // 3 % 40 + 1:03d}R{number // 120 + 1:03d}A001.skeleton"
        (folder / name).write_bytes(make_skeleton(number % frames + 1, number % 2 + 1, number))
    return folder


def make_ucla_json(frames: int = 3, label: int = 1, seed: int = 0) -> bytes:
    joints = np.random.default_rng(seed).normal(size=(frames, 20, 3)).round(6)
    return json.dumps({"file_name": "x", "skeletons": joints.tolist(), "label": label}).encode()


def make_zip(path: Path, files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def read_raw(folder: Path, name: str, data: bytes, **options: Any) -> list[RawClip]:
    """Write a file, recognise it and parse it, as every command does; an error in a recording's place is raised."""
    (folder / name).write_bytes(data)
    clips = []
    for clip in parse_member(file_member(folder / name), ReadingOptions(**options)):
        if not isinstance(clip, RawClip):
            raise clip
        clips.append(clip)
    return clips


def kind_of(folder: Path, name: str, data: bytes) -> str:
    """Write a file and name the format that it is taken for."""
    (folder / name).write_bytes(data)
    return recognise(RawFile(file_member(folder / name))).format.name
