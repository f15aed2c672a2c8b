from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.pose_samples import h36m, lifted, positions_3d
from dualhead.formats.file_format import RawClip
from dualhead.formats.lifters import parse_h36m, parse_positions_3d
from dualhead.runtime.errors import FormatError
from dualhead.skeleton import H36M17, NTU25, SMARTHOME13
from tests.formats.making import kind_of, read_raw


def test_a_result_stands_upright_away_from_the_camera(tmp_path: Path) -> None:
    assert kind_of(tmp_path, "a.npz", lifted()) == "lifted"
    (clip,) = read_raw(tmp_path, "a.npz", lifted())
    assert (clip.skeleton, clip.unit) == (H36M17, "m")
    joints = clip.recording.joints[0]
    assert joints[10, 1] == pytest.approx(0.7)  # the head, whose z was 0.7
    assert joints[3, 1] == pytest.approx(-0.8)
    assert joints[0, 2] > 1  # the hip, which was at zero
    assert len(clip.notes) == 2


def test_the_17_of_32_joints() -> None:
    joints = np.zeros((2, 32, 3))
    joints[..., 0] = np.arange(32) + 1
    found = parse_h36m(joints, "x").recording.joints[0, :, 0]
    assert found.tolist() == [1, 2, 3, 4, 7, 8, 9, 13, 14, 15, 16, 18, 19, 20, 26, 27, 28]


def test_a_data_set_is_many_recordings(tmp_path: Path) -> None:
    assert kind_of(tmp_path, "a.npz", positions_3d()) == "lifted"
    clips = read_raw(tmp_path, "a.npz", positions_3d())
    assert [(clip.name, clip.recording.num_frames) for clip in clips] == [("S1 Walking", 2), ("S1 Sitting 1", 4)]


def test_one_bad_recording_costs_itself() -> None:
    content = {"S1": {"bad": [[1, 2]], "good": h36m(1)}}
    bad, good = parse_positions_3d(content, "x")
    assert isinstance(bad, FormatError)
    assert isinstance(good, RawClip)


def test_what_cannot_be_used_names_the_arrays(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"'reconstruction' \(3, 17, 3\).*'h36m17'.*'ntu25'"):
        read_raw(tmp_path, "a.npz", lifted(), usual=NTU25)
    assert read_raw(tmp_path, "a.npz", lifted(), usual=SMARTHOME13)


@pytest.mark.parametrize("content", [3, {"S1": 3}])
def test_something_else_is_refused(content: Any) -> None:
    with pytest.raises(FormatError, match="by subject and action"):
        list(parse_positions_3d(content, "x"))


def test_another_shape_is_refused() -> None:
    with pytest.raises(FormatError, match=r"\(2, 16, 3\)"):
        parse_h36m(np.ones((2, 16, 3)), "x")
