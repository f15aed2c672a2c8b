"""Videos and kept poses as formats: recognised, in the form that the checkpoint takes, with what to expect."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dualhead.formats.file_format import RawClip, RawFile, ReadingOptions
from dualhead.formats.video import DOMAIN_GAP, POSES, VIDEO, domain_gap, to_recording
from dualhead.poses.command import PoseEstimator
from dualhead.poses.recording import PoseRecording
from dualhead.reading.listing import file_member, parse_member
from dualhead.reading.recognise import recognise
from dualhead.runtime.errors import FormatError, MismatchError
from dualhead.skeleton import COCO17, NTU25
from dualhead.skeletons.mediapipe import MEDIAPIPE33, MEDIAPIPE33_IMAGE
from dualhead.skeletons.motion import SMPL22
from tests.poses.videos import write_video


def two_people() -> PoseRecording:
    """The second person is there in the last frame alone."""
    rng = np.random.default_rng(0)
    there = np.array([[1, 1, 1], [0, 0, 1]])[..., None, None]
    joints = rng.uniform((-0.8, -0.8, 2), (0.8, 0.8, 4), (2, 3, 33, 3)) * there
    image = rng.uniform(0.2, 0.8, (2, 3, 33, 2)) * there
    parts = (joints, np.full((2, 3, 33), 0.9) * there[..., 0], image, joints)
    return PoseRecording(*(part.astype(np.float32) for part in parts), np.arange(3) / 12, 12.0, (640, 480), "walk.mp4")


@pytest.fixture()
def kept(tmp_path: Path) -> Path:
    two_people().save(tmp_path / "walk.npz")
    return tmp_path / "walk.npz"


def parsed(path: Path, **options: object) -> RawClip:
    (clip,) = parse_member(file_member(path), ReadingOptions(**options))  # type: ignore[arg-type]
    assert isinstance(clip, RawClip), clip
    return clip


def test_kept_poses_are_known_by_their_arrays(kept: Path, tmp_path: Path) -> None:
    assert recognise(RawFile(file_member(kept))).format is POSES
    np.savez(tmp_path / "other.npz", joints=np.zeros((1, 2, 33, 3)))
    assert recognise(RawFile(file_member(tmp_path / "other.npz"))).format is not POSES


def test_camera_space_for_solid_checkpoints(kept: Path) -> None:
    clip = parsed(kept, usual=NTU25)
    assert clip.skeleton == MEDIAPIPE33 and clip.unit == "m" and clip.recording.fps == 12
    assert clip.recording.num_frames == 3
    assert clip.recording.slots.tolist() == [0, 0, 0, 1]  # each person keeps a place


def test_pixels_for_flat_checkpoints(kept: Path) -> None:
    clip = parsed(kept, usual=COCO17)
    assert clip.skeleton == MEDIAPIPE33_IMAGE and clip.fields == {"width": 640, "height": 480}
    assert clip.recording.joints[0] == pytest.approx(two_people().image[0, 0] * (640, 480), rel=1e-5)
    assert clip.recording.confidence is not None


def test_a_skeleton_that_is_asked_for(kept: Path) -> None:
    assert parsed(kept, skeleton=NTU25).recording.joints.shape == (4, 25, 3)
    with pytest.raises(MismatchError, match="smpl22"):
        to_recording(two_people(), SMPL22)


@pytest.mark.parametrize(("trained_on", "expected"), [("ntu60", DOMAIN_GAP), ("videos", ""), (None, "")])
def test_what_to_expect_is_said_for_a_kinect(trained_on: str | None, expected: str) -> None:
    assert domain_gap(trained_on) == expected


def test_damaged_poses_name_their_file(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", joints=np.zeros((1, 2, 33, 3)), poses_schema=1)
    with pytest.raises(FormatError, match=r"a\.npz"):
        parsed(tmp_path / "a.npz")


def test_a_video_without_anybody_is_refused(tmp_path: Path, pose_weights: Path) -> None:
    path = write_video(tmp_path / "empty.mp4", 3)
    assert recognise(RawFile(file_member(path))).format is VIDEO
    with pytest.raises(FormatError, match=r"empty\.mp4.*no person"):
        parsed(path, poses=PoseEstimator(pose_weights))


def test_a_text_file_with_the_name_of_a_video(tmp_path: Path) -> None:
    pytest.importorskip("av")
    (tmp_path / "a.mp4").write_text("text")
    with pytest.raises(FormatError, match=r"a\.mp4: it is not a video"):
        parsed(tmp_path / "a.mp4")
