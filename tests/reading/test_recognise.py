from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dualhead.formats.file_format import RawFile
from dualhead.inspection.file_story import explain_file
from dualhead.reading.listing import file_member
from dualhead.reading.recognise import recognise
from dualhead.runtime.errors import ConfigError, FormatError
from tests.formats.files.test_arrays import npy, npz

ROWS = np.zeros((2, 4), np.float32)


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("raw.zip", b"", "an archive of recordings: `dualhead prepare` makes a store of it, inspect that"),
        ("raw.TAR.GZ", b"", "an archive of recordings: `dualhead prepare` makes"),
        ("val_label.pkl", b"", "the labels of a whole data set .*: `dualhead prepare published` with its folder makes"),
        (
            "NTU60_CS.npz",
            npz(x_train=ROWS, y_train=ROWS, x_test=ROWS, y_test=ROWS),
            "a whole data set as CTR-GCN has it .*: `dualhead prepare ctrgcn` makes",
        ),
        (
            "train_data_joint.npy",
            npy(np.zeros((2, 3, 4, 5, 1), np.float32)),
            r"an array \(samples, .*\) of shape \(2, 3, 4, 5, 1\)\): `dualhead prepare published` with its",
        ),
        (
            "walk_poses.npz",
            npz(poses=np.zeros((3, 156)), trans=np.zeros((3, 3)), betas=np.zeros(16)),
            "joint angles of AMASS .*, not joint positions .*: compute joint positions",
        ),
        ("000001.npy", npy(np.zeros((9, 263), np.float32)), "motion features of HumanML3D .*new_joints"),
        ("walk.c3d", b"\2P", "markers of C3D"),
        ("walk.png", b"x", "a picture, not a skeleton"),
    ],
)
def test_what_is_known_and_not_supported_is_named(tmp_path: Path, name: str, data: bytes, reason: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(FormatError, match=reason):
        explain_file(tmp_path / name, "ntu25")


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("a.skeleton", b"x", "ntu"),
        ("a.npy", npy(np.zeros((1, 4, 25, 3))), "array"),
        ("a.npy", npy(np.zeros((2, 3, 4, 5, 1)))[:20], "array"),
        ("a.npz", npz(joints=ROWS), "array"),
        ("a.npz", npz(x_train=ROWS, y_train=ROWS)[:60], "array"),
        ("a.npz", b"", "array"),
        ("a.json", b'{"skeletons": []}', "ucla"),
        ("a.json", b'{"data": [{"frame_index": 1, "skeleton": []}]}', "kinetics"),
        ("a.json", b'{"people": []}', "openpose"),
        ("a.json", b'[{"people": [], "canvas_width": 3}]', "openpose"),
        ("a.json", b'{"bodies": [{"joints": []}]}', "openpose"),
        ("a.json", b"[[[1, 2]]]", "array"),
        ("a.pkl", b"", "pyskl"),
    ],
)
def test_recordings_are_recognised_by_content(tmp_path: Path, name: str, data: bytes, kind: str) -> None:
    (tmp_path / name).write_bytes(data)
    found = recognise(RawFile(file_member(tmp_path / name)))
    assert (found.format.name, found.format.is_supported) == (kind, True)
    assert found.reason


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.json", b'{"b": 1, "a": 2}', 'a record with the keys "a", "b"'),
        ("a.json", b'[{"z": 1}]', 'a list of records with the keys "z"'),
        ("a.json", b"[]", "an empty list"),
        ("a.json", b"{", "not whole JSON"),
        ("a.md", b"", r"unknown kind of file: pass one that ends in \.skeleton, \.json, "),
    ],
)
def test_a_file_of_no_known_kind_says_what_was_found(tmp_path: Path, name: str, data: bytes, reason: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(FormatError, match=reason):
        recognise(RawFile(file_member(tmp_path / name)))


def test_two_kinds_that_fit_alike_are_refused_unless_one_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b'{"skeletons": [], "people": []}')
    file = RawFile(file_member(tmp_path / "a.json"))
    with pytest.raises(FormatError, match="--kind ucla or --kind openpose"):
        recognise(file)
    assert recognise(file, "ucla").format.name == "ucla"
    with pytest.raises(ConfigError, match="'ucl'"):
        recognise(file, "ucl")
