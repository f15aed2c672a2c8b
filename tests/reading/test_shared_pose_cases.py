"""Inputs that people have of pose programs and sensors (`shared/cases`), read as `predict` reads them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dualhead.data.reading import Reader
from dualhead.formats.custom.skeleton_file import load_skeleton
from dualhead.runtime.errors import FormatError, MismatchError
from dualhead.sequence import SkeletonSequence
from dualhead.skeleton import COCO17, MEDIAPIPE33_IMAGE, NTU25, OPENPOSE18, Skeleton
from dualhead.skeleton_maps import convert_skeleton


def read(
    path: Path, usual: Skeleton, size: tuple[int, int] | None = None, skeleton: Path | None = None
) -> SkeletonSequence:
    """Read the one recording of a file for a checkpoint of a skeleton, and convert it to that."""
    reader = Reader(usual=usual, image_size=size, skeleton=skeleton)
    (sequence,) = reader.read(path, fit=lambda found: convert_skeleton(found, usual))
    return sequence


def empty_frames(sequence: SkeletonSequence) -> list[int]:
    return np.flatnonzero(~sequence.joints.any(axis=(0, 2, 3))).tolist()


@pytest.mark.parametrize("name", ["results.json", "coco_results.json", "tracked.json"])
def test_alphapose_and_coco(shared: Path, name: str) -> None:
    sequence = read(shared / "cases/05-alphapose-results" / name, OPENPOSE18, (1280, 720))
    assert sequence.joints.shape == (2, 40, 18, 2)
    assert empty_frames(sequence) == [12, 13, 14, 15, 16, 17]
    assert sequence.fields["width"] == 1280


def test_the_three_ways_of_alphapose_agree(shared: Path) -> None:
    folder = shared / "cases/05-alphapose-results"
    names = ("results.json", "coco_results.json", "tracked.json")
    first, second, third = (read(folder / name, COCO17, (1280, 720)).joints for name in names)
    assert np.array_equal(first, second)
    assert np.array_equal(first, third)


def test_a_log_of_mediapipe(shared: Path) -> None:
    folder = shared / "cases/09-mediapipe-csv"
    sequence = read(folder / "log.csv", MEDIAPIPE33_IMAGE)
    assert sequence.joints.shape == (1, 40, 33, 2)
    assert empty_frames(sequence) == [9, 10]
    assert sequence.confidence is not None
    assert sequence.confidence[0, 0].tolist() == [np.float32(0.97)] * 33
    flat = read(folder / "log.csv", OPENPOSE18)
    assert flat.joints.shape == (1, 40, 18, 2)
    named = read(folder / "named.csv", OPENPOSE18)
    own = read(folder / "xy.npy", OPENPOSE18, skeleton=folder / "mediapipe33.yaml")
    assert own.skeleton == OPENPOSE18
    np.testing.assert_allclose(own.joints, named.joints, atol=1e-4)
    assert load_skeleton(folder / "mediapipe33.yaml").num_joints == 33


def test_a_session_of_azure_kinect(shared: Path) -> None:
    sequence = read(shared / "cases/11-azure-kinect-json/session.json", NTU25)
    assert sequence.joints.shape == (1, 20, 25, 3)
    assert empty_frames(sequence) == [7]
    head, foot = (NTU25.joints.index(name) for name in ("head", "left_foot"))
    tall = sequence.joints[0, 0, head, 1] - sequence.joints[0, 0, foot, 1]
    assert 0.8 < tall < 2  # metres, y up


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("X3D.npz", "'reconstruction'"),
        ("data_3d_h36m.npz", "'positions_3d'"),
        ("results.npy", "'motion'"),
        ("amass_walk_poses.npz", "angles"),
    ],
)
def test_arrays_of_others_are_named(shared: Path, name: str, told: str) -> None:
    path = shared / "cases/22-npz-of-others" / name
    with pytest.raises((FormatError, MismatchError), match=told):
        read(path, NTU25)


@pytest.mark.parametrize("name", ["X3D.npz", "data_3d_h36m.npz", "results.npy"])
def test_arrays_of_others_are_read_with_their_own_skeleton(shared: Path, name: str) -> None:
    (sequence,) = Reader().read(shared / "cases/22-npz-of-others" / name)
    assert sequence.skeleton.name in ("h36m17", "smpl22")
    assert sequence.num_frames == 40
