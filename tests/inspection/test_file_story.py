from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from dualhead.formats.ntu.parse import format_skeleton
from dualhead.formats.recording import from_dense
from dualhead.inspection.file_story import explain_file
from dualhead.runtime.errors import ConfigError, FormatError
from tests.formats.making import make_ucla_json


def people(frames: int = 30) -> np.ndarray:
    """Two bodies of 25 joints that stand 2 m apart, 1.8 m and 1.5 m high. `(2, T, 25, 3)`."""
    rng = np.random.default_rng(0)
    joints = rng.normal(scale=0.002, size=(2, frames, 25, 3))
    joints[..., 1] += np.linspace(0.1, 1.8, 25)
    joints[1, ..., 1] *= 1.5 / 1.8
    joints[..., 0] += np.linspace(0, 0.3, 25)
    joints[1, ..., 0] += 2
    joints[..., 2] += 3
    return joints


def write(path: Path, present: np.ndarray | None = None, ids: list[list[str]] | None = None) -> Path:
    joints = people()
    names = ids or [["a"] * 30, ["b"] * 30]
    path.write_bytes(format_skeleton(from_dense(joints, present, np.array(names, object))))
    return path


def test_ids_gaps_and_empty_frames_have_their_lines(tmp_path: Path) -> None:
    present = np.ones((2, 30), bool)
    present[1, 10:12] = False
    present[:, 29] = False
    ids = [["a"] * 30, ["b"] * 20 + ["c"] * 10]
    path = write(tmp_path / "x.skeleton", present, ids)
    story = explain_file(path)
    assert (story.frames, story.bodies, story.damage) == (30, (1, 2, 27), None)
    lines = path.read_text().split("\n")
    events = [(lines[event.line - 1].split()[0], event.frame, event.text) for event in story.events if event.line]
    assert events == [
        ("a", 1, "body a appears"),
        ("b", 1, "body b appears"),
        ("b", 13, "body b is back after 2 frames"),
        ("b", 20, "body b is seen for the last time"),
        ("c", 21, "body c appears"),
        ("a", 29, "body a is seen for the last time"),
        ("c", 29, "body c is seen for the last time"),
        ("0", 30, "no person in frame 30"),
    ]
    assert [(person.ids, person.first, person.last, person.frames) for person in story.people] == [
        (("a",), 1, 29, 29),
        (("b", "c"), 1, 29, 27),
    ]
    assert all(person.doubts == () for person in story.people)
    assert len(story.energies) == 2
    assert story.energies[0] > story.energies[1] > 0


def test_ghosts_fail_tests_by_name(tmp_path: Path) -> None:
    joints = people()
    joints[1] = joints[1, :1] * (0.5, 0.1, 0.1)
    present = np.ones((2, 30), bool)
    present[1, 8:] = False
    path = tmp_path / "x.skeleton"
    path.write_bytes(format_skeleton(from_dense(joints, present, body_ids=["a", "ghost"])))
    doubts = {person.ids: person.doubts for person in explain_file(path).people}
    assert doubts == {("a",): (), ("ghost",): ("fewer than 12 frames", "wide", "hardly moves")}


def test_a_damaged_file_is_explained_up_to_its_damage(tmp_path: Path) -> None:
    path = write(tmp_path / "x.skeleton")
    lines = path.read_bytes().split(b"\n")
    lines[199] = b"noise"  # frames of 55 lines from line 2 on: three are whole
    path.write_bytes(b"\n".join(lines))
    story = explain_file(path)
    assert (story.frames, story.bodies) == (3, (0, 0, 3))
    assert story.damage is not None
    assert story.damage.line == 200
    assert story.events[-1].line == 200
    assert "1 fields instead of 12" in story.events[-1].text
    path.write_bytes(b"")
    story = explain_file(path)
    assert (story.frames, story.bodies, story.people) == (0, (), ())
    assert "is empty" in str(story.damage)


def test_other_formats_are_summed_up(tmp_path: Path) -> None:
    path = tmp_path / "a01_s01_e00_v01.json"
    path.write_bytes(make_ucla_json(frames=3))
    story = explain_file(path)
    assert (story.frames, story.bodies, story.events) == (3, (0, 3), ())
    path.write_bytes(b"[")
    assert explain_file(path).damage is not None


def test_a_clip_of_ones_own_needs_its_skeleton(tmp_path: Path) -> None:
    path = tmp_path / "mine.npy"
    np.save(path, people(3)[0])
    assert explain_file(path, "ntu25").bodies == (0, 3)
    damage = explain_file(path, "kinect20").damage
    assert damage is not None
    assert "joints of shape (3, 25, 3), but skeleton 'kinect20' needs" in damage.reason
    with pytest.raises(FormatError, match=r"\.npy.*--skeleton"):
        explain_file(path)
    with pytest.raises(ConfigError, match="unknown skeleton 'ntu'"):
        explain_file(path, "ntu")


def test_a_file_with_a_skeleton_of_its_own_takes_no_other(tmp_path: Path) -> None:
    path = write(tmp_path / "x.skeleton")
    assert len(explain_file(path, "ntu25").people) == 2
    with pytest.raises(ConfigError, match="has the skeleton 'ntu25'"):
        explain_file(path, "kinect20")


def test_a_whole_data_set_is_for_prepare(tmp_path: Path) -> None:
    (tmp_path / "raw.zip").touch()
    with pytest.raises(FormatError, match="`dualhead prepare` makes a store of it"):
        explain_file(tmp_path / "raw.zip", "ntu25")


def test_what_is_no_recording_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="cannot be read: No such file"):
        explain_file(tmp_path / "nothing.skeleton")
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(FormatError, match=r"unknown kind of file: .* \.json, .*\.npy, \.npz"):
        explain_file(tmp_path / "thesis.tex")


@pytest.mark.parametrize("name", ["a.skeleton", "a.json"])
def test_a_named_pipe_is_not_waited_for(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(FormatError, match="it is a named pipe"):
        explain_file(tmp_path / name)
