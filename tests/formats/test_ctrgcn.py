from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dualhead.formats.ctrgcn import ctrgcn
from dualhead.runtime.errors import FormatError
from dualhead.skeleton import KINECT20


def arrays(seed: int = 0) -> dict[str, Any]:
    """Three training and two test recordings of 4 frames, padded to 10; one person, in the first test clip two."""
    rng = np.random.default_rng(seed)
    x_train, x_test = np.zeros((3, 10, 150), np.float32), np.zeros((2, 10, 150), np.float32)
    x_train[:, :4, :75] = rng.normal(size=(3, 4, 75))
    x_test[:, :4, :75] = rng.normal(size=(2, 4, 75))
    x_test[0, 1:6, 75:] = 7
    return {"x_train": x_train, "y_train": np.eye(60)[[0, 5, 59]], "x_test": x_test, "y_test": np.eye(60)[[5, 5]]}


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_rows_without_their_padding(tmp_path: Path, save: Any) -> None:
    values = arrays()
    save(tmp_path / "NTU60_CS.npz", **values)
    listing = ctrgcn().list_items([tmp_path / "NTU60_CS.npz"])
    source = listing.source
    assert source is not None
    samples = [(item.sample.name, item.sample.label, item.sample.fields["side"]) for item in listing.items]
    assert samples == [
        ("test_000000", 5, 1),
        ("test_000001", 5, 1),
        ("train_000000", 0, 0),
        ("train_000001", 5, 0),
        ("train_000002", 59, 0),
    ]
    train, test = source.protocols["xsub"].split(np.array([split for _, _, split in samples]))
    assert (train.tolist(), test.tolist()) == ([2, 3, 4], [0, 1])
    assert (len(source.classes), source.classes[0]) == (60, "drink water")
    one = source.read(listing.items[4])
    assert one.num_frames == 4
    np.testing.assert_array_equal(one.dense([0])[0], values["x_train"][2, :4, :75].reshape(4, 25, 3))
    two = source.read(listing.items[0])
    assert (two.num_frames, two.frames[two.slots == 1].tolist()) == (6, [1, 2, 3, 4, 5])
    assert any("subtracted" in note for note in source.notes)


def test_a_row_of_zeros_is_a_recording_of_nobody(tmp_path: Path) -> None:
    values = arrays()
    values["x_test"][1] = 0
    np.savez(tmp_path / "NTU60_CS.npz", **values)
    listing = ctrgcn().list_items([tmp_path / "NTU60_CS.npz"])
    assert listing.source is not None
    nobody = listing.source.read(listing.items[1])
    assert (nobody.num_frames, nobody.num_observations) == (10, 0)


@pytest.mark.parametrize(
    ("name", "protocol"),
    [
        ("NTU60_CV", "xview"),
        ("NTU120_CSub", "xsub"),
        ("NTU120_CSet", "xset"),
        ("NTU60_cs", "xsub"),
        ("mine", "official"),
    ],
)
def test_the_name_tells_the_protocol(tmp_path: Path, name: str, protocol: str) -> None:
    np.savez(tmp_path / f"{name}.npz", **arrays())
    listing = ctrgcn().list_items([tmp_path])
    assert listing.source is not None
    assert list(listing.source.protocols) == [protocol]


def test_what_does_not_fit_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    for changes, reason in (
        ({"y_train": np.zeros((3, 60))}, "y_train does not have one label for each of 3 rows"),
        ({"y_test": np.eye(60)[[1]]}, "y_test does not have one label"),
        ({"x_train": np.zeros((3, 10, 149), np.float32)}, "multiple of the 75"),
        ({"y_train": np.array([0, 5, 59])}, r"y_train holds class numbers, .*: save it one-hot"),
        ({"x_train": np.zeros((3, 150), np.float32)}, "multiple of the 75"),
    ):
        np.savez(path, **(arrays() | changes))
        with pytest.raises(FormatError, match=reason):
            ctrgcn().list_items([path])
    np.savez(path, x=np.zeros(3))
    with pytest.raises(FormatError, match=r"x_train.*x_test.*y_train.*y_test"):
        ctrgcn().list_items([path])
    np.savez(tmp_path / "b.npz", **arrays())
    with pytest.raises(FormatError, match="2 npz files: pass one"):
        ctrgcn().list_items([tmp_path])


def test_another_skeleton_can_be_given(tmp_path: Path) -> None:
    values = arrays() | {"x_train": np.ones((3, 5, 60), np.float32), "x_test": np.ones((2, 5, 60), np.float32)}
    np.savez(tmp_path / "a.npz", **values)
    listing = ctrgcn().with_skeleton(KINECT20).list_items([tmp_path])
    assert listing.source is not None
    assert listing.source.read(listing.items[0]).joints.shape == (5, 20, 3)
    assert listing.source.classes[0] == "class 0"


@pytest.mark.filterwarnings("error")
def test_damaged_numbers_give_no_warning(tmp_path: Path) -> None:
    values = arrays()
    values["x_train"].view(np.uint32)[0, 1:3] = 0x7FA00000  # a NaN that signals
    np.savez(tmp_path / "NTU60_CS.npz", **values)
    listing = ctrgcn().list_items([tmp_path / "NTU60_CS.npz"])
    assert listing.source is not None
    joints = listing.source.read(listing.items[2]).dense([0])[0]
    assert joints.shape == (4, 25, 3)
    assert not joints[1:3].any()
