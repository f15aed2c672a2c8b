from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.pose_samples import hand, pku_mmd, sbu, utkinect
from dualhead.data.bodies.selection import get_selection
from dualhead.formats.number_lines import parse_hand, parse_pku, parse_sbu, parse_utkinect
from dualhead.runtime.errors import FormatError
from dualhead.skeleton import HAND22, KINECT15, KINECT20, NTU25
from tests.formats.making import kind_of, read_raw


def test_pku_is_two_bodies_in_their_places(tmp_path: Path) -> None:
    assert kind_of(tmp_path, "a.txt", pku_mmd()) == "pku_mmd"
    (clip,) = read_raw(tmp_path, "a.txt", pku_mmd())
    assert (clip.skeleton, clip.unit, clip.recording.fps) == (NTU25, "m", 30)
    joints, _ = get_selection(clip.body_selection)(clip.recording, 2)
    assert joints.shape == (2, 2, 25, 3)
    assert joints[0, 1, 1].tolist() == pytest.approx([0.04, 0.05, 0.06])
    assert joints[1, :, 0, 0].tolist() == [0, 1.5]


def test_intervals_are_not_a_recording(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="a list of intervals, not a skeleton"):
        read_raw(tmp_path, "a.txt", b"21,71,145,2\n")


def test_a_hand(tmp_path: Path) -> None:
    assert kind_of(tmp_path, "skeleton_world.txt", hand()) == "hand"
    (clip,) = read_raw(tmp_path, "skeleton_world.txt", hand())
    assert (clip.skeleton, clip.unit, clip.max_bodies) == (HAND22, "m", 1)
    assert clip.recording.joints[1, 21].tolist() == [0.64, 0.65, 0.66]


def test_a_hand_in_the_image_is_named(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"in the image, not in space.*skeleton_world\.txt"):
        read_raw(tmp_path, "skeleton_image.txt", b" ".join([b"0.5"] * 44))


def test_the_normalisation_of_sbu_is_undone(tmp_path: Path) -> None:
    assert kind_of(tmp_path, "a.txt", sbu()) == "sbu"
    (clip,) = read_raw(tmp_path, "a.txt", sbu())
    assert (clip.skeleton, clip.unit, clip.recording.fps) == (KINECT15, "m", 15)
    joints, _ = get_selection(clip.body_selection)(clip.recording, 2)
    assert joints.shape == (2, 3, 15, 3)  # frames 1 and 3 of the file
    # x = 1280 - 2560 / 2, y = 960 - 1920 / 4, z = 10000 / 8 / 7.8125 millimetres
    assert joints[0, 0, 0].tolist() == pytest.approx([0, 0.48, 0.16])
    assert joints[1, 2, 0].tolist() == pytest.approx([0.64, 0.48, 0.32])
    assert not joints[0, 2, 0].any()  # an absent head
    assert not joints[:, 1].any()


def test_utkinect_keeps_the_numbers_of_frames(tmp_path: Path) -> None:
    assert kind_of(tmp_path, "joints_s01_e01.txt", utkinect()) == "utkinect"
    (clip,) = read_raw(tmp_path, "joints_s01_e01.txt", utkinect())
    assert (clip.skeleton, clip.unit, clip.recording.fps) == (KINECT20, "m", 15)
    assert (clip.recording.num_frames, clip.recording.frames.tolist()) == (5, [2, 4])
    assert clip.recording.joints[1, 3].tolist() == pytest.approx([0.3, 1, 2])  # of the first line of frame 4
    with pytest.raises(FormatError, match="numbers of frames"):
        parse_utkinect(b"0.5" + utkinect()[1:], "x")


@pytest.mark.parametrize(
    ("data", "reason", "line"),
    [
        (b"1 2 3", "3 numbers instead of 150", 1),
        (pku_mmd() + b"\n" + b" ".join([b"x"] * 150), "other than numbers", 3),
        (b" ".join([b"nan"] * 150), "no coordinate", 1),
        (b"\n\n", "empty", None),
    ],
)
def test_damage_names_the_line(data: bytes, reason: str, line: int | None) -> None:
    with pytest.raises(FormatError, match=reason) as caught:
        parse_pku(data, "x")
    assert caught.value.line == line


def test_frames_of_sbu_are_different() -> None:
    line = sbu().splitlines()[0]
    with pytest.raises(FormatError, match="different frames"):
        parse_sbu(line + b"\n" + line, "x")
    with pytest.raises(FormatError, match="single pictures"):
        parse_sbu(line + b"\n9000" + line[1:], "x")


def test_a_hand_of_another_width() -> None:
    with pytest.raises(FormatError, match="150 numbers instead of 66"):
        parse_hand(pku_mmd(), "x")
