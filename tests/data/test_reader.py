from __future__ import annotations

import json
import pickle
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dualhead
from dualhead.data import reader as reader_module
from dualhead.data.prepare.prepare import prepare
from dualhead.data.reader import Reader, Rejection
from dualhead.formats.file_format import RawClip, ReadingOptions
from dualhead.formats.files.member import Member
from dualhead.formats.ntu.parse import write_skeleton
from dualhead.formats.recording import from_dense
from dualhead.reading import listing
from dualhead.reading.listing import holds_many
from dualhead.runtime.errors import ConfigError, DualheadError, FormatError, MismatchError
from dualhead.sequence import SkeletonSequence
from dualhead.skeleton import BODY25, COCO17, NTU25, OPENPOSE18
from tests.inference.builders import walk, write_recordings


def read_recordings(
    path: Path, on_rejected: Rejection | None = None, body_selection: str | None = None, **options: Any
) -> list[SkeletonSequence]:
    return list(Reader(body_selection=body_selection, **options).read(path, on_rejected))


NAMES = [f"S001C001P{performer:03}R001A{action:03}" for performer in (1, 3) for action in (1, 2, 3)]


def test_read_returns_the_recordings_of_a_file_a_folder_an_archive_and_a_store(tmp_path: Path) -> None:
    paths = write_recordings(tmp_path / "raw")
    with zipfile.ZipFile(tmp_path / "raw.zip", "w") as archive:
        for path in paths:
            archive.write(path, path.name)
    prepare("ntu60", tmp_path / "raw", tmp_path / "store", workers=1, quiet=True)
    (single,) = dualhead.read(paths[1])
    assert (single.name, single.label, single.joints.shape) == (NAMES[1], 1, (1, 17, 25, 3))
    for place in ("raw", "raw.zip", "store"):
        found = dualhead.read(tmp_path / place)
        assert [item.name for item in found] == NAMES
        np.testing.assert_array_equal(found[1].joints, single.joints)
    with pytest.raises(FormatError, match="absent"):
        dualhead.read(tmp_path / "absent")


def test_read_takes_what_a_file_leaves_open_and_warns_of_what_it_decides(tmp_path: Path) -> None:
    person = np.tile([[0.0, 0.0], [100.0, 200.0]], (5, 9, 1))[:, :17]  # (T, V, 2)
    np.save(tmp_path / "clip.npy", np.concatenate([person, np.full((5, 17, 1), 90.0)], axis=2))
    with pytest.warns(UserWarning, match="percent"):
        (found,) = dualhead.read(tmp_path / "clip.npy", skeleton="coco17", fps=25, image_size=(640, 480))
    assert (found.skeleton, found.fps, found.fields["width"]) == (COCO17, 25, 640)
    notes: list[str] = []
    dualhead.read(
        tmp_path / "clip.npy", skeleton="coco17", image_size=(640, 480), on_note=lambda name, note: notes.append(note)
    )
    assert any("percent" in note for note in notes)


def test_read_passes_damaged_files_of_a_folder_on(tmp_path: Path) -> None:
    paths = write_recordings(tmp_path)
    paths[0].write_bytes(paths[0].read_bytes()[:300])
    with pytest.raises(FormatError):
        dualhead.read(tmp_path)
    rejected: list[Exception] = []
    assert [item.name for item in dualhead.read(tmp_path, on_rejected=rejected.append)] == NAMES[1:]
    assert NAMES[0] in str(rejected[0])


def test_one_file(tmp_path: Path) -> None:
    path = write_recordings(tmp_path)[1]
    (found,) = read_recordings(path)
    assert (found.name, found.label, found.joints.shape) == (NAMES[1], 1, (1, 17, 25, 3))
    assert not holds_many(path)


def test_a_folder_a_zip_and_a_store_hold_the_same(tmp_path: Path) -> None:
    paths = write_recordings(tmp_path / "raw" / "below")
    (tmp_path / "raw" / "notes.txt").write_text("not a recording")
    (tmp_path / "raw" / "._S001C001P001R001A001.skeleton").write_bytes(b"\0\5")
    with zipfile.ZipFile(tmp_path / "raw.zip", "w") as archive:
        for path in paths:
            archive.write(path, path.name)
    prepare("ntu60", tmp_path / "raw" / "below", tmp_path / "store", workers=1, quiet=True)
    lists = [(read_recordings(tmp_path / name)) for name in ("raw", "raw.zip", "store")]
    for found in lists:
        assert [item.name for item in found] == NAMES
        assert [item.label for item in found] == [0, 1, 2, 0, 1, 2]
        for item, same in zip(found, lists[0], strict=True):
            np.testing.assert_array_equal(item.joints, same.joints)
    assert all(holds_many(tmp_path / name) for name in ("raw", "raw.zip", "store"))


def test_a_damaged_file_is_raised_or_told(tmp_path: Path) -> None:
    paths = write_recordings(tmp_path)
    paths[2].write_text("1\n1\n")
    with pytest.raises(FormatError, match="truncated"):
        (read_recordings(tmp_path))
    told: list[FormatError] = []
    found = read_recordings(tmp_path, told.append)
    assert [item.name for item in found] == [name for name in NAMES if name != NAMES[2]]
    assert [Path(str(error.path)).name for error in told] == [paths[2].name]


def test_whatever_one_file_meets_the_rest_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = tmp_path / "raw"
    (path, _) = write_recordings(raw, actions=1)
    for name in ("a", "b"):
        np.save(raw / f"{name}.npy", np.full((2, 4, 17, 2), 0.5, np.float32))
    (raw / "c.pkl").write_bytes(b"")
    told: list[FormatError | MismatchError] = []
    assert [item.name for item in read_recordings(raw, told.append, skeleton="coco17")] == ["a", "b"]
    assert told[0].path == f"raw/{path.name}"
    assert "'ntu25'" in str(told[0])
    assert len(told) == 3  # both of NTU and the pickle
    with pytest.raises(ConfigError, match="has the skeleton 'ntu25'"):
        read_recordings(raw, skeleton="coco17")

    parse = listing.parse_member

    def fail(member: Member, options: ReadingOptions) -> Iterator[RawClip | DualheadError]:
        if member.file_name == "a.npy":
            raise IndexError("list index out of range")
        return parse(member, options)

    monkeypatch.setattr(listing, "parse_member", fail)
    monkeypatch.setattr(reader_module, "parse_member", fail)
    told.clear()
    assert [item.name for item in read_recordings(raw, told.append, skeleton="coco17")] == ["b"]
    (found,) = (str(error) for error in told if "IndexError" in str(error))
    assert found.startswith(
        "raw/a.npy: an unexpected IndexError (list index out of range) was raised on it: this is a bug"
    )
    with pytest.raises(IndexError):
        read_recordings(raw / "a.npy", told.append, skeleton="coco17")


def test_nothing_to_read_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("none")
    with pytest.raises(FormatError, match=r"no recording .* among 1 files"):
        read_recordings(tmp_path)
    with pytest.raises(FormatError, match="no such file or folder"):
        read_recordings(tmp_path / "none")
    with pytest.raises(FormatError, match=r"\.skeleton.*\.json"):
        read_recordings((tmp_path / "notes.txt").rename(tmp_path / "notes.md"))


def test_raw_files_are_read_with_the_body_selection_asked_for(tmp_path: Path) -> None:
    """A wide, flat body of little motion is a person for `energy`, a ghost for `tracked`."""
    joints = np.zeros((2, 20, 25, 3))
    joints[..., 0] = np.linspace(0, 0.4, 25)
    joints[0, ..., 1] = np.linspace(0.1, 1.8, 25)
    joints[1, ..., 1] = np.linspace(0.1, 0.2, 25)
    write_skeleton(tmp_path / "x.skeleton", from_dense(joints, body_ids=["a", "ghost"]))
    for path in (tmp_path / "x.skeleton", tmp_path):
        assert [len(sequence.joints) for sequence in read_recordings(path)] == [2]
        assert [len(sequence.joints) for sequence in read_recordings(path, None, "tracked")] == [1]


def test_a_tar_is_read_as_a_zip(tmp_path: Path) -> None:
    paths = write_recordings(tmp_path / "raw")
    with tarfile.open(tmp_path / "raw.tar.gz", "w:gz") as archive:
        for path in paths:
            archive.add(path, path.name)
    assert holds_many(tmp_path / "raw.tar.gz")
    assert [item.name for item in read_recordings(tmp_path / "raw.tar.gz")] == NAMES


def people(*x: float) -> str:
    """A frame with people 240 pixels high, at some x."""
    return json.dumps(
        {"people": [{"pose_keypoints_2d": [place, 120, 0.5, place, 360, 0.5] * 12 + [0] * 3} for place in x]}
    )


def test_openpose_folders_are_recordings(tmp_path: Path) -> None:
    for name in ("b", "a"):
        (tmp_path / name).mkdir()
        for frame in range(3):
            # the two people change places in the file
            text = people(64, 320) if frame != 1 else people(321, 65)
            (tmp_path / name / f"{name}_{frame:012d}_keypoints.json").write_text(text)
    found = read_recordings(tmp_path, image_size=(640, 480))
    assert [(item.name, item.skeleton, item.num_frames) for item in found] == [("a", BODY25, 3), ("b", BODY25, 3)]
    assert found[0].fields == {"width": 640, "height": 480}
    ranked = found[0].joints[:, :, 0, 0].tolist()
    assert sorted(ranked) == [[64, 65, 64], [320, 321, 320]]
    with pytest.raises(FormatError, match="look like pixels: pass the size of the image"):
        read_recordings(tmp_path)
    with pytest.raises(ConfigError, match="image_size is 0 480"):
        Reader(image_size=(0, 480))


def test_fractions_are_not_divided_again(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.full((4, 17, 2), 0.5, np.float32))
    assert read_recordings(tmp_path / "a.npy", skeleton="coco17")[0].fields == {}
    with pytest.raises(FormatError, match=r"0\.5 on average are fractions of the image already"):
        read_recordings(tmp_path / "a.npy", skeleton="coco17", image_size=(640, 480))
    person = {"pose": [0.25] * 36, "score": [0.5] * 18}
    data = {"data": [{"frame_index": 0, "skeleton": [person]}], "label": "x", "label_index": 3}
    (tmp_path / "k.json").write_text(json.dumps(data))
    (tmp_path / "kinetics_val_label.json").write_text("{}")
    (tmp_path / "a.npy").unlink()
    (found,) = read_recordings(tmp_path, image_size=(640, 480))
    assert (found.skeleton, found.fields, found.label) == (OPENPOSE18, {}, 3)
    del data["label_index"]
    (tmp_path / "k.json").write_text(json.dumps(data))
    for path in (tmp_path, tmp_path / "k.json"):  # a class is looked up among the checkpoint's
        assert [item.label for item in read_recordings(path, classes=("w", "x"))] == [1]
        assert [item.label for item in read_recordings(path)] == [None]


def test_arrays_have_the_usual_skeleton_unless_another_is_said(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", walk(1))  # (M, T, V, C)
    np.savez(tmp_path / "b.npz", joints=walk(2)[0])  # (T, V, C)
    (tmp_path / "c.json").write_text(json.dumps(walk(3)[0].tolist()))
    (tmp_path / "dataset.yaml").write_text("skeleton: ntu25")
    (tmp_path / "table.csv").write_text("name,label\na,0\n")
    found = read_recordings(tmp_path, usual=NTU25)
    assert [(item.name, item.skeleton, item.joints.shape) for item in found] == [
        (name, NTU25, (1, 20, 25, 3)) for name in "abc"
    ]
    np.testing.assert_array_equal(found[1].joints, walk(2))


def test_a_pickle_holds_many(tmp_path: Path) -> None:
    good = {"frame_dir": "b", "label": 1, "total_frames": 5, "keypoint": np.full((1, 5, 17, 2), 0.5, np.float16)}
    flat = {**good, "frame_dir": "a", "keypoint": 100 * good["keypoint"], "img_shape": (480, 640)}
    bad = {**good, "frame_dir": "c", "total_frames": 9}
    (tmp_path / "x.pkl").write_bytes(pickle.dumps({"annotations": [good, bad, flat]}))
    assert holds_many(tmp_path / "x.pkl")
    told: list[FormatError] = []
    found = read_recordings(tmp_path / "x.pkl", told.append)
    assert [(item.name, item.label, item.skeleton) for item in found] == [("a", 1, COCO17), ("b", 1, COCO17)]
    assert found[0].fields["width"] == 640
    (error,) = told
    assert error.path == "x.pkl, annotation 1"
    assert error.reason.startswith("'total_frames' is 9, but 'keypoint' has 5 frames (read as ")
    usual = {**good, "keypoint": np.full((1, 5, 18, 2), 0.5, np.float16)}
    (tmp_path / "y.pkl").write_bytes(pickle.dumps({"annotations": [usual]}))
    assert [item.skeleton for item in read_recordings(tmp_path / "y.pkl", usual=OPENPOSE18)] == [OPENPOSE18]


def test_a_pickle_that_would_run_something_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.pkl").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(FormatError, match=r"os\.system"):
        read_recordings(tmp_path / "x.pkl")


def test_score_gives_way_where_there_are_no_scores(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.full((2, 4, 17, 2), 0.5, np.float32))
    assert [item.num_bodies for item in read_recordings(tmp_path / "a.npy", None, "score", skeleton="coco17")] == [2]


def test_each_body_keeps_the_places_that_someone_chose(tmp_path: Path) -> None:
    joints = np.full((3, 4, 17, 2), 0.5, np.float32)
    joints[0, 2:] = 0
    np.save(tmp_path / "a.npy", joints)
    (found,) = read_recordings(tmp_path / "a.npy", each_body=True, skeleton="coco17")
    np.testing.assert_array_equal(found.joints, joints)


def test_a_label_of_another_class_is_dropped(tmp_path: Path) -> None:
    write_recordings(tmp_path / "raw")
    prepare("ntu60", tmp_path / "raw", tmp_path / "store", workers=1, quiet=True)
    classes = ("drink water", "sit down")  # label 1 is another in the store
    assert [item.label for item in read_recordings(tmp_path / "store", classes=classes)] == [0, None, None] * 2


def test_names_that_collide_give_way_to_paths(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    for folder in ("a", "b"):
        (raw / folder).mkdir(parents=True)
        np.save(raw / folder / "dup.npy", walk(1))
    np.savez(raw / "a" / "dup.npz", joints=walk(2))
    np.save(raw / "alone.npy", walk(3))
    clip = {"frame_dir": "alone", "label": 1, "total_frames": 5, "keypoint": np.ones((1, 5, 25, 3), np.float32)}
    (raw / "x.pkl").write_bytes(pickle.dumps({"annotations": [clip, {**clip, "frame_dir": "clip"}]}))
    names = ["a/dup.npy", "a/dup.npz", "b/dup.npy", "alone", "x.pkl/alone", "clip"]
    assert sorted(item.name for item in read_recordings(raw, usual=NTU25)) == sorted(names)
    with zipfile.ZipFile(tmp_path / "raw.zip", "w") as archive:
        for name in ("a/dup.npy", "b/dup.npy", "alone.npy"):
            archive.write(raw / name, name)
    assert [item.name for item in read_recordings(tmp_path / "raw.zip", usual=NTU25)] == [names[0], "alone", names[2]]


def test_a_damaged_archive_in_a_folder_costs_only_itself(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", walk(1))
    (tmp_path / "b.zip").write_bytes(b"PK\x03\x04 no archive")
    (tmp_path / "c.tar").write_bytes(b"no archive either")
    told: list[FormatError | MismatchError] = []
    assert [item.name for item in read_recordings(tmp_path, told.append, usual=NTU25)] == ["a"]
    assert [Path(str(error.path)).name for error in told if isinstance(error, FormatError)] == ["b.zip", "c.tar"]
    with pytest.raises(FormatError):
        read_recordings(tmp_path, usual=NTU25)


def test_a_single_frame_is_a_recording(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", walk(1)[0, 0])  # (V, C)
    assert read_recordings(tmp_path / "a.npy", usual=NTU25)[0].joints.shape == (1, 1, 25, 3)


def test_units_and_frame_rates_are_those_that_are_said(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", 1000 * walk(1))
    with pytest.raises(FormatError, match="--unit mm"):
        read_recordings(tmp_path / "a.npy", usual=NTU25, extent=4.0)
    (found,) = read_recordings(tmp_path / "a.npy", usual=NTU25, extent=4.0, unit="mm", fps=25)
    np.testing.assert_allclose(found.joints, walk(1), atol=1e-5)
    assert found.fps == 25
    with pytest.raises(ConfigError, match="unknown unit 'mi'"):
        read_recordings(tmp_path / "a.npy", usual=NTU25, unit="mi")
    with pytest.raises(ConfigError, match="fps is 0"):
        Reader(fps=0)


def test_a_store_of_bodies_in_another_unit_is_refused(tmp_path: Path) -> None:
    write_recordings(tmp_path / "raw", actions=1)
    prepare("ntu60", tmp_path / "raw", tmp_path / "store", workers=1, quiet=True)
    assert len(read_recordings(tmp_path / "store", extent=4.0)) == 2
    with pytest.raises(FormatError, match=r"40.*`dualhead prepare`"):
        read_recordings(tmp_path / "store", extent=40.0)


def test_parts_together_are_the_whole_and_what_is_done_is_passed_over(tmp_path: Path) -> None:
    write_recordings(tmp_path / "raw" / "a", actions=1)
    write_recordings(tmp_path / "raw" / "b", actions=2)  # two names twice
    prepare("ntu60", tmp_path / "raw" / "b", tmp_path / "store", workers=1, quiet=True)
    for path in (tmp_path / "raw", tmp_path / "store"):
        whole = [sequence.name for sequence in read_recordings(path)]
        count = len(Reader().list_parts(path))
        assert count == len(whole)
        parts = [[sequence.name for sequence in read_recordings(path, part=(at, at + 2))] for at in range(0, count, 2)]
        assert [name for part in parts for name in part] == whole
        assert [sequence.name for sequence in read_recordings(path, done=set(whole[1:3]))] == [whole[0], *whole[3:]]
