"""Poses of a video in memory, in a file and as a recording."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dualhead.formats.custom.clip_file import parse_clip
from dualhead.poses.network import Pose
from dualhead.poses.recording import join_poses, load_poses, skeleton_for
from dualhead.poses.region import Region
from dualhead.runtime.errors import FormatError
from dualhead.skeleton import COCO17, NTU25
from dualhead.skeletons.mediapipe import MEDIAPIPE33, MEDIAPIPE33_IMAGE


def pose(x: float) -> Pose:
    rng = np.random.default_rng(1)
    image = np.column_stack([rng.uniform(x, x + 50, 33), rng.uniform(100, 300, 33), np.zeros(33)]).astype(np.float32)
    world = rng.uniform(-0.5, 0.5, (33, 3)).astype(np.float32)
    return Pose(image, world, rng.uniform(0.5, 1, 33).astype(np.float32), 0.9, Region(x, 200, 100))


def test_whoever_is_not_seen_is_zeros_and_never_seen_is_left_out() -> None:
    poses = join_poses([[pose(100), None, None], [None, None, pose(300)]], fps=25, size=(640, 480), source="a.mp4")
    assert poses.joints.shape == (2, 2, 33, 3) and poses.image.shape == (2, 2, 33, 2)
    assert poses.joints[0, 0].any() and not poses.joints[0, 1].any()
    assert not poses.joints[1, 0].any() and poses.joints[1, 1].any()
    assert poses.times.tolist() == [0, 0.04]
    assert poses.image[0, 0] == pytest.approx(pose(100).image[:, :2] / (640, 480))


def test_nobody_is_a_recording_of_zero_bodies(tmp_path: Path) -> None:
    poses = join_poses([[None, None]] * 3, fps=30, size=(640, 480), source="empty.mp4")
    assert poses.num_people == 0 and poses.num_frames == 3
    poses.save(tmp_path / "empty.npz")
    assert load_poses(tmp_path / "empty.npz").joints.shape == (0, 3, 33, 3)
    assert poses.to_sequence().num_frames == 3


def test_a_file_comes_back_as_it_was(tmp_path: Path) -> None:
    poses = join_poses([[pose(10), pose(400)]] * 2, fps=12.5, size=(854, 480), source="Küche 1.mp4")
    poses.save(tmp_path / "a.npz")
    again = load_poses(tmp_path / "a.npz")
    for name in ("joints", "confidence", "image", "world", "times"):
        assert np.array_equal(getattr(again, name), getattr(poses, name)), name
    assert (again.fps, again.size, again.source) == (12.5, (854, 480), "Küche 1.mp4")


def test_a_file_is_a_clip_of_ones_own(tmp_path: Path) -> None:
    poses = join_poses([[pose(10), pose(400)]] * 3, fps=30, size=(640, 480), source="a.mp4")
    poses.save(tmp_path / "a.npz")
    recording = parse_clip((tmp_path / "a.npz").read_bytes(), "a.npz", MEDIAPIPE33)
    assert recording.num_frames == 3 and len(recording.joints) == 6


def test_two_forms_of_a_recording() -> None:
    poses = join_poses([[pose(10)]], fps=30, size=(640, 480), source="day/a.mp4")
    solid, flat = poses.to_sequence(), poses.to_sequence(flat=True)
    assert (solid.skeleton, flat.skeleton) == (MEDIAPIPE33, MEDIAPIPE33_IMAGE)
    assert solid.name == flat.name == "a" and solid.fps == flat.fps == 30
    assert flat.joints[0, 0] == pytest.approx(pose(10).image[:, :2], abs=1e-2)
    assert flat.fields == {"width": 640, "height": 480}
    assert (skeleton_for(NTU25), skeleton_for(COCO17)) == (MEDIAPIPE33, MEDIAPIPE33_IMAGE)


@pytest.mark.parametrize("content", [b"", b"text", None])
def test_what_is_no_file_of_poses(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "a.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(FormatError, match=r"a\.npz"):
        load_poses(path)
    np.savez(path, joints=np.zeros((1, 2, 33, 3)))
    with pytest.raises(FormatError, match=r"a\.npz"):
        load_poses(path)
