"""Videos, whose skeletons are estimated while they are read, and files of estimated poses."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

from dualhead.formats.file_format import CERTAIN, Evidence, FileFormat, RawClip, RawFile, ReadingOptions
from dualhead.formats.files.raw_file import FileMember
from dualhead.formats.recording import Recording, from_dense
from dualhead.poses.command import PoseEstimator
from dualhead.poses.recording import PoseRecording, load_poses, skeleton_for
from dualhead.poses.video import VIDEO_SUFFIXES, require_av
from dualhead.poses.weights import find_weights
from dualhead.runtime.errors import FormatError
from dualhead.sequence import SkeletonSequence
from dualhead.skeleton import Skeleton
from dualhead.skeleton_maps import convert_skeleton
from dualhead.skeletons.mediapipe import MEDIAPIPE33

KINECT_DATA = ("ntu60", "ntu120", "ucla", "synthetic", "ctrgcn", "published")
"""Data sets whose skeletons a Kinect recorded, or are as if one had."""

DOMAIN_GAP = (
    "poses from a video, but the checkpoint learned from a Kinect's: expect many more errors than its test accuracy "
    "says, at high confidence; training on videos of your own is the cure (docs/video.md)"
)
"""The warning for a checkpoint that was trained on another kind of poses."""


def domain_gap(trained_on: str | None) -> str:
    """Return a warning about poses from a video, "" for checkpoints that were not trained on Kinect data.

    Args:
        trained_on: The data set that the checkpoint learned from.
    """
    return DOMAIN_GAP if trained_on in KINECT_DATA else ""


def to_recording(poses: PoseRecording, skeleton: Skeleton) -> Recording:
    """Convert poses to a recording of a skeleton, each person in a place of their own.

    Args:
        poses: The poses.
        skeleton: The layout of the joints: that of the poses, or one they can be converted to.

    Returns:
        The recording, with its frame rate.

    Raises:
        MismatchError: If they cannot be converted.
    """
    sequence: SkeletonSequence = poses.to_sequence(flat=skeleton.dimensions == 2)
    sequence = convert_skeleton(sequence, skeleton)
    ids = [str(person) for person in range(sequence.num_bodies)]
    recording = from_dense(sequence.joints, None, ids, sequence.confidence, keep_places=True)
    return replace(recording, fps=poses.fps)


def _clip(poses: PoseRecording, name: str, options: ReadingOptions) -> RawClip:
    """Choose the form of the poses by the skeleton that is requested: flat or in camera space."""
    asked = options.skeleton
    skeleton = asked if asked is not None else skeleton_for(options.usual or MEDIAPIPE33)
    flat = skeleton.dimensions == 2
    return RawClip(
        to_recording(poses, skeleton),
        skeleton,
        name=name,
        fields={"width": poses.size[0], "height": poses.size[1]} if flat else {},
        unit="px" if flat else "m",
        notes=(poses.damage,) if poses.damage else (),
    )


@cache
def shared_estimator() -> PoseEstimator:
    """Return the estimator that is used where no other is requested; it loads its networks once in a process."""
    return PoseEstimator()


def require_pose_networks() -> None:
    """Check that videos can be read, and fetch the weights where they are not there yet.

    Raises:
        ConfigError: If a package or the weights are missing; states what to do.
    """
    require_av()
    find_weights()


def _recognise_video(file: RawFile) -> Evidence:
    return Evidence(f"the name of a video ({file.suffix})", CERTAIN)


def _parse_video(file: RawFile, options: ReadingOptions) -> Iterator[RawClip]:
    estimator = options.poses or shared_estimator()
    try:
        if type(file.member) is FileMember:
            poses = estimator.find(file.member.path)
        else:  # the decoder needs a file that it can move about in
            with tempfile.TemporaryDirectory(prefix="dualhead-") as folder:
                path = Path(folder) / f"video{file.suffix}"
                path.write_bytes(file.data)
                poses = replace(estimator, keep=None).find(path)
    except FormatError as error:
        raise FormatError(error.reason, file.where) from None
    if not poses.num_people:
        raise FormatError(f"no person was found in any of its {poses.num_frames} frames", file.where)
    yield _clip(poses, file.stem, options)


def _recognise_poses(file: RawFile) -> Evidence | None:
    return Evidence("the arrays that `dualhead poses` writes") if "poses_schema" in file.arrays else None


def _parse_poses(file: RawFile, options: ReadingOptions) -> Iterator[RawClip]:
    with tempfile.TemporaryDirectory(prefix="dualhead-") as folder:
        path = Path(folder) / "poses.npz"
        if type(file.member) is FileMember:
            path = Path(file.member.path)
        else:
            path.write_bytes(file.data)
        try:
            poses = load_poses(path)
        except FormatError as error:
            raise FormatError(error.reason, file.where) from None
    yield _clip(poses, file.stem, options)


VIDEO = FileFormat(
    name="video",
    title="a video",
    suffixes=VIDEO_SUFFIXES,
    recognise=_recognise_video,
    parse=_parse_video,
    row="`mediapipe33`, or `mediapipe33_image` for 2D checkpoints ([video.md](video.md)) | metres | the video's, "
    "at most 30 | two people, followed",
)

POSES = FileFormat(
    name="poses",
    title="poses of a video",
    suffixes=(".npz",),
    recognise=_recognise_poses,
    parse=_parse_poses,
    row="the same, as `dualhead poses` or `--keep-poses` kept them | metres | the video's | places",
)
