from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.pose_samples import smarthome
from dualhead.data.bodies.selection import get_selection
from dualhead.formats.smarthome import parse_smarthome
from dualhead.runtime.errors import FormatError
from dualhead.skeleton import SMARTHOME13
from tests.formats.making import kind_of, read_raw


def test_people_with_y_turned_up(tmp_path: Path) -> None:
    assert kind_of(tmp_path, "a.json", smarthome()) == "smarthome"
    (clip,) = read_raw(tmp_path, "a.json", smarthome())
    assert (clip.skeleton, clip.unit) == (SMARTHOME13, "m")
    assert clip.recording.num_frames == 3
    assert clip.recording.frames.tolist() == [0, 2, 2]
    assert clip.recording.joints[0, 12].tolist() == [-0.5, 0.7, 3]  # the head, of (0.5, -0.7, 3)
    assert any("y points down" in note for note in clip.notes)


def test_people_are_followed(tmp_path: Path) -> None:
    (clip,) = read_raw(tmp_path, "a.json", smarthome())
    joints, _ = get_selection(clip.body_selection)(clip.recording, 2)
    assert joints[0, :, 12, 0].tolist() == [-0.5, 0, -0.5]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ([], "expected a record"),
        ({"njts": 17, "frames": []}, "'17' instead of 13"),
        ({"njts": 13, "frames": [3]}, "frame 0 is not a list"),
        ({"njts": 13, "frames": [[{}]]}, "no 'pose3d'"),
        ({"njts": 13, "frames": [[{"pose3d": [1, 2]}]]}, "instead of 39 numbers"),
    ],
)
def test_damage_is_one_sentence(content: Any, reason: str) -> None:
    with pytest.raises(FormatError, match=reason):
        parse_smarthome(content, "x")


def test_truncated(tmp_path: Path) -> None:
    json.loads(smarthome())
    with pytest.raises(FormatError, match="not whole JSON"):
        read_raw(tmp_path, "a.json", smarthome()[:-2])
