from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.pose_samples import kinect_long, kinect_wide
from dualhead.formats.kinect_csv import parse_kinect_csv
from dualhead.runtime.errors import ConfigError, FormatError
from dualhead.skeleton import KINECT20, NTU25
from tests.formats.making import kind_of, read_raw


@pytest.mark.parametrize("data", [kinect_long(), kinect_wide()], ids=["long", "wide"])
def test_both_layouts(tmp_path: Path, data: bytes) -> None:
    assert kind_of(tmp_path, "a.csv", data) == "kinect_csv"
    (clip,) = read_raw(tmp_path, "a.csv", data)
    assert (clip.skeleton, clip.unit, clip.body_selection) == (NTU25, "m", "tracked")
    assert clip.recording.num_frames == 2
    assert clip.recording.joints[0, 7].tolist() == [0.7, 1, 2]


def test_a_joint_that_is_not_tracked_is_absent(tmp_path: Path) -> None:
    (clip,) = read_raw(tmp_path, "a.csv", kinect_long())
    assert clip.recording.joints[0, 24].tolist() == [2.4, 1, 2]
    assert clip.recording.joints[1, 24].tolist() == [0, 0, 0]


def test_the_rate_comes_from_the_ticks(tmp_path: Path) -> None:
    (clip,) = read_raw(tmp_path, "a.csv", kinect_long())
    assert clip.recording.fps == 30


def test_bodies_are_told_by_their_identity() -> None:
    lines = ["Frame,BodyID,JointName,X,Y,Z"]
    lines += [
        f"{frame},{body},{joint},{1 + body},1,2" for frame in (4, 5) for body in (0, 1) for joint in ("Head", "Neck")
    ]
    recording = parse_kinect_csv("\n".join(lines).encode(), "x").recording
    assert recording.frames.tolist() == [0, 0, 1, 1]
    assert recording.body_ids == ("0", "1", "0", "1")
    assert recording.joints[1, NTU25.joints.index("head")].tolist() == [2, 1, 2]


def test_a_line_a_landmark_is_told_by_its_joints(tmp_path: Path) -> None:
    for count, kind in ((25, "kinect_csv"), (33, "mediapipe"), (21, "mediapipe")):
        for first in (0, 1):
            lines = ["frame,id,x,y,z", *(f"{t},{first + joint},1,2,3" for t in range(2) for joint in range(count))]
            assert kind_of(tmp_path, "a.csv", "\n".join(lines).encode()) == kind
    names = ["frame,landmark,x,y,z", "0,nose,1,2,3", "0,left_eye_inner,1,2,3"]
    assert kind_of(tmp_path, "a.csv", "\n".join(names).encode()) == "mediapipe"


def test_refusals(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="expected a column for the joint"):
        parse_kinect_csv(b"a,b\n1,2\n", "x")
    with pytest.raises(FormatError, match="'x' is not a number"):
        parse_kinect_csv(kinect_wide().replace(b"1.0", b"x", 1), "x")
    with pytest.raises(ConfigError, match="ntu25"):
        read_raw(tmp_path, "a.csv", kinect_wide(), skeleton=KINECT20)
