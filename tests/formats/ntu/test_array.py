from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.pose_samples import ntu_array, object_npy
from dualhead.formats.ntu.array import parse_ntu_array
from dualhead.runtime.errors import FormatError
from dualhead.skeleton import NTU25
from tests.formats.making import kind_of, read_raw

NAME = "S001C002P003R002A013.skeleton.npy"


def test_bodies_and_the_facts_of_the_name(tmp_path: Path) -> None:
    assert kind_of(tmp_path, NAME, ntu_array()) == "ntu_array"
    (clip,) = read_raw(tmp_path, NAME, ntu_array())
    assert (clip.skeleton, clip.unit, clip.recording.fps) == (NTU25, "m", 30)
    assert clip.recording.frames.tolist() == [0, 1, 2, 2]
    assert clip.recording.joints[3, 0, 0] == 1.5
    assert (clip.name, clip.label, clip.class_name) == ("S001C002P003R002A013", 12, "tear up paper")
    assert clip.fields["subject"] == 3


def test_a_name_of_ones_own_has_no_label(tmp_path: Path) -> None:
    assert kind_of(tmp_path, "mine.npy", ntu_array()) == "ntu_array"
    (clip,) = read_raw(tmp_path, "mine.npy", ntu_array())
    assert (clip.name, clip.label, clip.fields) == ("mine", None, {})


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ([], "'skel_body0'"),
        ({"skel_body0": np.ones((2, 20, 3))}, r"\(2, 20, 3\)"),
        ({"skel_body0": np.ones((0, 25, 3))}, r"\(0, 25, 3\)"),
        (
            {"skel_body0": np.ones((2, 25, 3)), "skel_body1": np.ones((3, 25, 3))},
            r"'skel_body1' has shape \(3, 25, 3\)",
        ),
        ({"skel_body0": 3.0}, r"\(\)"),
    ],
)
def test_damage_is_one_sentence(content: object, reason: str) -> None:
    with pytest.raises(FormatError, match=reason):
        parse_ntu_array(content, "x")


def test_nothing_in_the_pickle_is_run(tmp_path: Path) -> None:
    data = object_npy({"skel_body0": Path("x")})
    with pytest.raises(FormatError, match="refused"):
        read_raw(tmp_path, NAME, data)
    with pytest.raises(FormatError):
        read_raw(tmp_path, NAME, ntu_array()[:-50])
