from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from dualhead.data.bodies.selection import select_bodies
from dualhead.data.reading import read_member, read_sequence
from dualhead.formats.file_format import ReadingOptions
from dualhead.formats.files.member import list_members
from dualhead.reading.listing import file_member
from dualhead.runtime.errors import ConfigError, FormatError
from dualhead.skeleton import BODY25, KINECT20, NTU25, OPENPOSE18
from tests.formats.making import make_skeleton, make_ucla_json, make_zip


def test_an_ntu_file_has_the_label_of_its_name(tmp_path: Path) -> None:
    path = tmp_path / "S001C002P003R001A061.skeleton"
    path.write_bytes(make_skeleton(frames=3, bodies=3))
    sequence = read_sequence(path)
    assert sequence.joints.shape == (2, 3, 25, 3)
    assert (sequence.skeleton, sequence.name, sequence.label) == (NTU25, path.stem, 60)
    assert sequence.fields["camera"] == 2


def test_a_file_of_ones_own_has_no_label(tmp_path: Path) -> None:
    path = tmp_path / "kitchen.json"
    path.write_bytes(make_ucla_json(frames=5))
    sequence = read_sequence(path)
    assert sequence.joints.shape == (1, 5, 20, 3)
    assert (sequence.skeleton, sequence.name, sequence.label, sequence.fields) == (KINECT20, "kitchen", None, {})


def test_a_member_of_an_archive_is_read_like_a_file(tmp_path: Path) -> None:
    (member,) = list_members([make_zip(tmp_path / "a.zip", {"in/mine.skeleton": make_skeleton()})])
    sequence = select_bodies(read_member(member, ReadingOptions()))
    assert (sequence.name, sequence.num_frames) == ("mine", 4)


def test_a_kinetics_file_knows_its_label(tmp_path: Path) -> None:
    person = {"pose": [0.25] * 36, "score": [0.5] * 18}
    data = [{"frame_index": 1, "skeleton": [person]}, {"frame_index": 3, "skeleton": []}]
    (tmp_path / "a.json").write_text(json.dumps({"data": data, "label": "abseiling", "label_index": 0}))
    sequence = read_sequence(tmp_path / "a.json")
    assert (sequence.skeleton, sequence.label, sequence.joints.shape) == (OPENPOSE18, 0, (1, 4, 18, 2))
    (tmp_path / "b.json").write_text(json.dumps({"data": data, "label": "air drumming"}))
    assert read_sequence(tmp_path / "b.json").label == 1
    mine = ReadingOptions(classes=("walking", "standing", "air drumming"))
    clip = read_member(file_member(tmp_path / "b.json"), mine)
    assert (clip.label, clip.class_name) == (2, "air drumming")
    assert sequence.confidence is not None
    assert sequence.confidence[0, :, 0].tolist() == [0, 0.5, 0, 0]
    with pytest.raises(ConfigError, match="has the skeleton 'openpose18'"):
        read_sequence(tmp_path / "a.json", skeleton="coco17")
    assert read_sequence(tmp_path / "a.json", skeleton="openpose18").num_frames == 4


def test_a_clip_of_ones_own_needs_a_skeleton(tmp_path: Path) -> None:
    joints = np.ones((5, 17, 3), np.float32)  # x, y, score
    np.save(tmp_path / "a.npy", joints)
    np.savez(tmp_path / "b.npz", joints=joints[..., :2], confidence=joints[..., 2])
    (tmp_path / "c.json").write_text(json.dumps(joints.tolist()))
    (tmp_path / "d.csv").write_text("\n".join(["0.5," * 33 + "0.5"] * 5))
    for name in "a.npy", "b.npz", "c.json", "d.csv":
        sequence = read_sequence(tmp_path / name, skeleton="coco17")
        assert (sequence.joints.shape, sequence.label) == ((1, 5, 17, 2), None)
        assert (sequence.confidence is not None) == (name != "d.csv")
        with pytest.raises(FormatError, match="skeleton"):
            read_sequence(tmp_path / name)


def test_what_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="No such file"):
        read_sequence(tmp_path / "a.skeleton")
    (tmp_path / "a.md").write_text("")
    with pytest.raises(FormatError, match=r"\.skeleton.*\.json"):
        read_sequence(tmp_path / "a.md")
    (tmp_path / "b.skeleton").write_bytes(b"2\n0\n0\n")
    with pytest.raises(FormatError, match="no body in any of its 2 frames"):
        read_sequence(tmp_path / "b.skeleton")
    with pytest.raises(ConfigError, match="unknown body selection"):
        read_sequence(tmp_path / "b.skeleton", body_selection="x")


def test_a_folder_of_openpose_frames_is_one_recording(tmp_path: Path) -> None:
    for number in range(3):
        person = {"pose_keypoints_2d": [0.1 * number, 0.5, 0.9] * 25}
        (tmp_path / f"dance_{number:012d}_keypoints.json").write_text(json.dumps({"people": [person]}))
    sequence = read_sequence(tmp_path)
    assert (sequence.name, sequence.skeleton, sequence.joints.shape) == ("dance", BODY25, (1, 3, 25, 2))
    assert sequence.joints[0, :, 3, 0].tolist() == pytest.approx([0, 0.1, 0.2])
    one = read_sequence(tmp_path / "dance_000000000002_keypoints.json")
    assert (one.name, one.num_frames) == ("dance", 1)
    (tmp_path / "other_000000000000_keypoints.json").write_text('{"people": []}')
    with pytest.raises(FormatError, match="a folder of 2 recordings"):
        read_sequence(tmp_path)


def test_a_usual_skeleton_gives_way_to_the_files_own(tmp_path: Path) -> None:
    path = tmp_path / "kitchen.json"
    path.write_bytes(make_ucla_json(frames=5))
    assert read_member(file_member(path), ReadingOptions(usual=NTU25)).skeleton == KINECT20
    with pytest.raises(ConfigError, match="has the skeleton 'kinect20'"):
        read_member(file_member(path), ReadingOptions(skeleton=NTU25, usual=KINECT20))
    np.save(tmp_path / "a.npy", np.ones((5, 25, 3)))
    clip = read_member(file_member(tmp_path / "a.npy"), ReadingOptions(usual=NTU25))
    assert (clip.skeleton, clip.body_selection, select_bodies(clip).num_bodies) == (NTU25, "order", 1)
    with pytest.raises(FormatError, match="'kinect20'"):
        read_member(file_member(tmp_path / "a.npy"), ReadingOptions(usual=KINECT20))


def test_an_ending_counts_in_any_case(tmp_path: Path) -> None:
    (tmp_path / "a.SKELETON").write_bytes(make_skeleton(3))
    np.save(tmp_path / "b.npy", np.ones((2, 25, 3)))
    (tmp_path / "b.npy").rename(tmp_path / "b.NPY")
    assert read_sequence(tmp_path / "a.SKELETON").num_frames == 3
    assert read_sequence(tmp_path / "b.NPY", skeleton="ntu25").num_frames == 2
