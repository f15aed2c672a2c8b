from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from dualhead.data.reader import Reader
from dualhead.data.store.store import Store
from dualhead.runtime.errors import ConfigError, FormatError, StoreError
from dualhead.sequence import SkeletonSequence
from dualhead.visualize.recordings import find_recording


def test_a_recording_in_memory_is_taken_as_it_is(person: SkeletonSequence) -> None:
    assert find_recording(person) == (person, "")


def test_a_sample_of_a_store_by_name(small_store: Store) -> None:
    sequence, name = find_recording(small_store.path, "S001C001P003R001A002")
    assert sequence.num_frames == 6
    assert name == small_store.classes[1]


def test_a_raw_file(small_store: Store) -> None:
    sequence, _ = find_recording(small_store.path.parent / "raw" / "S001C001P001R001A003.skeleton")
    assert (sequence.num_frames, sequence.label) == (7, 2)


def test_a_folder_of_frames_of_openpose_is_a_recording(tmp_path: Path) -> None:
    for frame in range(3):
        person = {"pose_keypoints_2d": [0.5, 0.5 + frame / 10, 0.9] * 18}
        (tmp_path / f"clip_{frame:012}_keypoints.json").write_text(json.dumps({"people": [person]}))
    sequence, _ = find_recording(tmp_path)
    assert sequence.joints.shape == (1, 3, 18, 2)
    np.testing.assert_allclose(sequence.joints[0, :, 0, 1], [0.5, 0.6, 0.7])


def test_a_reader_is_asked_where_there_is_one(small_store: Store) -> None:
    raw = small_store.path.parent / "raw"
    sequence, _ = find_recording(raw / "S001C001P001R001A003.skeleton", reader=Reader())
    assert sequence.num_frames == 7
    with pytest.raises(ConfigError, match="holds more than one recording: pass one of them"):
        find_recording(shutil.make_archive(str(small_store.path.parent / "all"), "zip", raw), reader=Reader())


def test_a_folder_of_recordings_says_what_to_give(small_store: Store) -> None:
    raw = small_store.path.parent / "raw"
    for reader in (None, Reader()):
        with pytest.raises(
            ConfigError, match=r"raw' is a folder of 7 recordings and no store, .* such as '.*A001\.skeleton'"
        ):
            find_recording(raw, reader=reader)
    with pytest.raises(StoreError, match="contains no store"):
        find_recording(raw, "S001C001P001R001A001")


def test_recordings_in_subfolders_are_counted_and_tables_are_none(tmp_path: Path, small_store: Store) -> None:
    (tmp_path / "table.csv").write_text("name,label\na,0\n")
    with pytest.raises(StoreError, match="contains no store"):
        find_recording(tmp_path)
    clips = tmp_path / "clips"
    (clips / "frames").mkdir(parents=True)
    np.save(clips / "a.npy", np.ones((2, 25, 3)))
    with pytest.raises(ConfigError, match=r"is a folder of 1 recording and no store, .* such as '.*clips/a\.npy'$"):
        find_recording(tmp_path)
    for frame in range(3):
        (clips / "frames" / f"b_{frame:012}_keypoints.json").write_text("{}")
    shutil.copytree(small_store.path, tmp_path / "store")
    with pytest.raises(ConfigError, match="is a folder of 2 recordings and no store"):
        find_recording(tmp_path)


def test_what_cannot_be_found(small_store: Store, person: SkeletonSequence, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"store of 6 samples: .*'S001C001P001R001A001'"):
        find_recording(small_store.path)
    with pytest.raises(StoreError, match="no sample 'S009'"):
        find_recording(small_store.path, "S009")
    with pytest.raises(ConfigError, match="only a store has samples"):
        find_recording(person, "S009")
    with pytest.raises(FormatError, match=r"absent\.skeleton"):
        find_recording(tmp_path / "absent.skeleton")
    with pytest.raises(StoreError, match="contains no store"):
        find_recording(tmp_path, "S009")
