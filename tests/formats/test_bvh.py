from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.pose_samples import bvh
from dualhead.formats.bvh import parse_bvh
from dualhead.runtime.errors import FormatError
from tests.formats.making import kind_of, read_raw

CHAIN = """HIERARCHY
ROOT A
{
  OFFSET 5 5 5
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  JOINT B
  {
    OFFSET 1 0 0
    CHANNELS 3 Zrotation Xrotation Yrotation
    End Site
    {
      OFFSET 0 1 0
    }
  }
}
MOTION
Frames: 1
Frame Time: 0.04
"""


def positions(*values: float) -> list[list[float]]:
    motion = parse_bvh((CHAIN + " ".join(map(str, values)) + "\n").encode(), "x")
    return motion.positions[0].round(6).tolist()


def test_offsets_add_up() -> None:
    assert positions(1, 2, 3, 0, 0, 0, 0, 0, 0) == [[1, 2, 3], [2, 2, 3], [2, 3, 3]]


def test_a_rotation_moves_what_hangs_on_it() -> None:
    # 90 degrees about z: x becomes y, y becomes -x
    assert positions(0, 0, 0, 90, 0, 0, 0, 0, 0) == [[0, 0, 0], [0, 1, 0], [-1, 1, 0]]
    assert positions(0, 0, 0, 0, 0, 0, 90, 0, 0) == [[0, 0, 0], [1, 0, 0], [0, 0, 0]]


def test_channels_turn_in_their_order() -> None:
    # first about z, then about the x that was turned: y becomes -x, then z of the frame in between stays up
    assert positions(0, 0, 0, 90, 90, 0, 0, 0, 0) == [[0, 0, 0], [0, 1, 0], [0, 1, 1]]


def test_names_parents_and_rate() -> None:
    motion = parse_bvh((CHAIN + "0 0 0 0 0 0 0 0 0").encode(), "x")
    assert motion.names == ("A", "B", "B_end")
    assert motion.parents == (0, 0, 1)
    assert motion.fps == 25


def test_its_own_skeleton(tmp_path: Path) -> None:
    assert kind_of(tmp_path, "a.bvh", bvh()) == "bvh"
    (clip,) = read_raw(tmp_path, "a.bvh", bvh())
    assert clip.skeleton.joints[:3] == ("Hips", "LeftUpLeg", "LeftLeg")
    assert (clip.unit, clip.recording.fps, clip.recording.num_frames) == ("", 30, 2)
    hand = clip.skeleton.joints.index("LeftHand")
    # the arm along x at a height of 140, then turned upwards about the shoulder at (10, 140)
    assert clip.recording.joints[0, hand].tolist() == pytest.approx([30, 140, 0])
    assert clip.recording.joints[1, hand].tolist() == pytest.approx([10, 160, 0], abs=1e-9)


def test_a_unit_makes_it_metres(tmp_path: Path) -> None:
    (clip,) = read_raw(tmp_path, "a.bvh", bvh(), unit="cm")
    assert clip.unit == "m"
    assert clip.recording.joints[0, 0].tolist() == pytest.approx([0, 0.9, 0])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no MOTION"),
        ("x", "begins with HIERARCHY"),
        (CHAIN.replace("MOTION", ""), "'Frames:' is not a part"),
        (CHAIN.replace("ROOT", "JOINT"), "'JOINT' is unexpected"),
        (CHAIN.replace("OFFSET 1 0 0", "OFFSET 1 0"), "2 numbers instead of 3"),
        (CHAIN.replace("OFFSET 1 0 0", "OFFSET 1 0 x"), "a number is expected"),
        (CHAIN.replace("CHANNELS 3 Zrotation", "CHANNELS 3 Wrotation"), "not up to 6"),
        (CHAIN.replace("CHANNELS 3 ", "CHANNELS 4 "), "not up to 6"),
        (CHAIN + "1 2 3", "3 numbers instead of 9"),
        (CHAIN + "nan " * 9, "far too large"),
        (CHAIN.replace("Frames: 1", "Frames: 1e99"), "far too large"),
        (CHAIN, "0 lines of motion, but 1 frames"),
        (CHAIN.replace("Frames: 1", "Frames: 0"), "0 frames of 9 channels"),
        (CHAIN.replace("Frames: 1", "Frames:"), "0 numbers"),
        (CHAIN.replace("}\nMOTION", "MOTION"), "not whole"),
    ],
)
def test_damage_is_one_sentence(text: str, reason: str) -> None:
    with pytest.raises(FormatError, match=reason):
        parse_bvh(text.encode(), "x")


def test_a_root_in_place_is_not_absent(tmp_path: Path) -> None:
    data = (CHAIN + "0 0 0 0 0 0 0 0 0").encode()
    (clip,) = read_raw(tmp_path, "a.bvh", data)
    assert np.any(clip.recording.joints[0], axis=1).all()
