from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from dualhead.data.prepare import prepare
from dualhead.errors import FormatError
from dualhead.formats.ntu import write_skeleton
from dualhead.formats.recording import from_dense
from dualhead.inference.reading import holds_many, read_recordings
from tests.inference.builders import write_recordings

NAMES = [f"S001C001P{performer:03}R001A{action:03}" for performer in (1, 3) for action in (1, 2, 3)]


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
    lists = [list(read_recordings(tmp_path / name)) for name in ("raw", "raw.zip", "store")]
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
        list(read_recordings(tmp_path))
    told: list[FormatError] = []
    found = list(read_recordings(tmp_path, told.append))
    assert [item.name for item in found] == [name for name in NAMES if name != NAMES[2]]
    assert [Path(str(error.path)).name for error in told] == [paths[2].name]


def test_nothing_to_read_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("none")
    with pytest.raises(FormatError, match=r"no recording .* among 1 files"):
        list(read_recordings(tmp_path))
    with pytest.raises(FormatError, match="no such file or folder"):
        list(read_recordings(tmp_path / "none"))
    with pytest.raises(FormatError, match="unknown kind of file"):
        list(read_recordings(tmp_path / "notes.txt"))


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
