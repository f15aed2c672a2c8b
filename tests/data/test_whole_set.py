from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dualhead.data.whole_set import refuse_whole_set
from dualhead.runtime.errors import FormatError
from tests.formats.files.test_arrays import npy, npz

ROWS = np.zeros((2, 4), np.float32)


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("raw.zip", b"", "an archive of recordings: `dualhead prepare` makes a store of it, inspect that"),
        ("raw.TAR.GZ", b"", "an archive of recordings: `dualhead prepare` makes"),
        ("ntu.pkl", b"", "a pickle, which holds a whole data set: `dualhead prepare pyskl` makes"),
        ("val_label.pkl", b"", "the labels of a whole data set .*: `dualhead prepare published` with its folder makes"),
        (
            "NTU60_CS.npz",
            npz(x_train=ROWS, y_train=ROWS, x_test=ROWS, y_test=ROWS),
            "a whole data set as CTR-GCN has it: `dualhead prepare ctrgcn` makes",
        ),
        (
            "train_data_joint.npy",
            npy(np.zeros((2, 3, 4, 5, 1), np.float32)),
            r"an array \(samples, .* bodies\) of shape \(2, 3, 4, 5, 1\): `dualhead prepare published` with its folder",
        ),
    ],
)
def test_what_holds_a_whole_data_set_is_told(tmp_path: Path, name: str, data: bytes, reason: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(FormatError, match=reason):
        refuse_whole_set(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.skeleton", b"x"),
        ("a.npy", npy(np.zeros((1, 4, 25, 3)))),
        ("a.npy", npy(np.zeros((2, 3, 4, 5, 1)))[:20]),
        ("a.npz", npz(joints=ROWS)),
        ("a.npz", npz(x_train=ROWS, y_train=ROWS)[:60]),
        ("a.npz", b""),
    ],
)
def test_one_recording_and_what_is_damaged_are_left_to_others(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    refuse_whole_set(tmp_path / name)
