"""Files of pose programs and sensors as clips of a data set, and as recordings among others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

from benchmarks import pose_samples as samples
from benchmarks.fuzz_files import openpose_frame
from dualhead.data.prepare.prepare import prepare
from dualhead.data.reader import Reader
from dualhead.data.store.store import open_store
from dualhead.reading.custom_source import custom
from dualhead.skeleton import get_skeleton
from dualhead.skeleton_maps import convert_skeleton
from tests.formats.making import make_skeleton

CLIPS = [
    ("alphapose", "coco17", {"a.json": samples.alphapose()}),
    ("openpose", "openpose18", {f"a_{frame}_keypoints.json": openpose_frame() for frame in (1, 2)}),
    ("coco_results", "openpose18", {"a.json": samples.coco_results()}),
    ("mmpose", "coco17", {"a.json": samples.mmpose()}),
    ("mmpose_pictures", "coco17", {"a_1.json": samples.mmpose_picture(), "a_2.json": samples.mmpose_picture()}),
    ("ultralytics", "coco17", {"a.json": samples.ultralytics()}),
    (
        "ultralytics_frames",
        "coco17",
        {"a_1.json": samples.ultralytics_frame(), "a_2.json": samples.ultralytics_frame()},
    ),
    ("ultralytics_labels", "coco17", {"a_1.txt": samples.ultralytics_label(), "a_3.txt": samples.ultralytics_label()}),
    ("mediapipe", "mediapipe33", {"a.json": samples.mediapipe_json()}),
    ("mediapipe_frames", "ntu25", {f"a_{frame}.json": samples.mediapipe_frame() for frame in (1, 2)}),
    ("mediapipe", "openpose18", {"a.json": samples.mediapipe_json()}),
    ("mediapipe", "ntu25", {"a.csv": samples.mediapipe_world_csv()}),
    ("azure_kinect", "ntu25", {"a.json": samples.azure_kinect()}),
    ("kinect_csv", "kinect20", {"a.csv": samples.kinect_long()}),
    ("ntu", "ntu25", {"a.skeleton": make_skeleton()}),
    ("ntu_array", "ntu25", {"a.skeleton.npy": samples.ntu_array()}),
    ("pku_mmd", "ntu25", {"a.txt": samples.pku_mmd()}),
    ("sbu", "kinect15", {"a.txt": samples.sbu()}),
    ("utkinect", "kinect20", {"a.txt": samples.utkinect()}),
    ("hand", "hand22", {"a.txt": samples.hand()}),
    ("smarthome", "smarthome13", {"a.json": samples.smarthome()}),
    ("lifted", "h36m17", {"a.npz": samples.lifted()}),
    ("smpl", "smpl22", {"a.npy": samples.smpl_array()}),
    ("bvh", "ntu25", {"a.bvh": samples.bvh()}),
]
"""The format, the skeleton of the data set, and the files of the clip "a"."""


IN_FRACTIONS = ("ultralytics_labels", "mediapipe")
"""The formats whose flat samples are fractions of the image."""


def write(folder: Path, skeleton: str, files: dict[str, bytes]) -> Path:
    (folder / "clips").mkdir(parents=True)
    (folder / "dataset.yaml").write_text(yaml.safe_dump({"skeleton": skeleton}))
    (folder / "table.csv").write_text("name,label\na,wave\n")
    for name, data in files.items():
        (folder / "clips" / name).write_bytes(data)
    return folder


@pytest.mark.parametrize(("kind", "skeleton", "files"), CLIPS, ids=[f"{kind}-{name}" for kind, name, _ in CLIPS])
def test_clips_of_a_data_set(tmp_path: Path, kind: str, skeleton: str, files: dict[str, bytes]) -> None:
    listing = custom().list_items([write(tmp_path / "raw", skeleton, files)])
    source = listing.source
    assert source is not None
    assert not listing.rejected
    ((item,),) = (listing.items,)
    recording = source.read(item)
    assert recording.num_observations > 0
    assert recording.joints.shape[1:] == (source.skeleton.num_joints, source.skeleton.dimensions)


@pytest.mark.parametrize(("kind", "skeleton", "files"), CLIPS, ids=[f"{kind}-{name}" for kind, name, _ in CLIPS])
def test_recordings_for_a_checkpoint(tmp_path: Path, kind: str, skeleton: str, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    wanted = get_skeleton(skeleton)
    left_out: list[object] = []
    reader = Reader(
        usual=wanted, image_size=(1280, 720) if kind not in IN_FRACTIONS and wanted.dimensions == 2 else None
    )
    (sequence,) = reader.read(tmp_path, left_out.append, fit=lambda found: convert_skeleton(found, wanted))
    assert left_out == []
    assert sequence.skeleton == wanted
    assert sequence.joints.any()


def test_a_store_of_several_kinds(tmp_path: Path) -> None:
    raw = write(tmp_path / "raw", "ntu25", {"a.txt": samples.pku_mmd(), "c.json": samples.azure_kinect()})
    (raw / "clips" / "b.skeleton").write_bytes(make_skeleton(frames=4))
    (raw / "table.csv").write_text("name,label\na,wave\nb,clap\nc,wave\n")
    prepare("custom", [raw], tmp_path / "store", workers=1, quiet=True)
    store = open_store(tmp_path / "store")
    assert list(store.names) == ["a", "b", "c"]
    assert store.frames.tolist() == [2, 4, 3]
    assert store[2].joints[0, 0, 0].tolist() == [0, 0, 2]  # the pelvis, in metres


def test_recordings_of_one_file_have_its_names(tmp_path: Path) -> None:
    (tmp_path / "data_3d.npz").write_bytes(samples.positions_3d())
    (tmp_path / "S001C001P001R001A002.skeleton.npy").write_bytes(samples.ntu_array())
    names = [sequence.name for sequence in Reader().read(tmp_path)]
    assert names == ["S001C001P001R001A002", "S1 Walking", "S1 Sitting 1"]


def test_a_list_of_intervals_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(samples.pku_mmd())
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.txt").write_bytes(b"21,0,2,1\n")
    left_out: list[object] = []
    (sequence,) = Reader().read(tmp_path, left_out.append)
    assert left_out == []
    assert sequence.joints.shape == (2, 2, 25, 3)
    assert np.isfinite(sequence.joints).all()
