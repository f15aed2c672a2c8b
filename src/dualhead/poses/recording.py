"""The poses of one video: in memory, in a file, and as a recording of the rest of the package."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualhead.poses.camera import to_camera
from dualhead.poses.frame_source import FrameSource
from dualhead.poses.network import NUM_LANDMARKS, Pose
from dualhead.poses.tracker import PoseTracker
from dualhead.runtime.errors import FormatError
from dualhead.runtime.files import replacing
from dualhead.runtime.npz import NPZ_DAMAGE, read_npz
from dualhead.sequence import SkeletonSequence
from dualhead.skeleton import Skeleton
from dualhead.skeletons.mediapipe import MEDIAPIPE33, MEDIAPIPE33_IMAGE

SCHEMA = 1
"""Layout of the files that `PoseRecording.save` writes."""

_ARRAYS = ("joints", "confidence", "image", "world", "times")

_FACTS = ("fps", "image_size", "source", "damage", "settings", "poses_schema")

_MOST_PIXELS = 2**20  # of one side of a picture


@dataclass(frozen=True, eq=False)
class PoseRecording:
    """The poses of up to M people in a video.

    Convention: a person is all zeros in frames where they are absent, and left out if never seen; M may be 0.

    Attributes:
        joints: float32 `(M, T, 33, 3)`, metres in camera space: x to the camera's left, y up, z away from it.
        confidence: float32 `(M, T, 33)`, the visibility of each landmark.
        image: float32 `(M, T, 33, 2)`, fractions of the picture from its upper left corner.
        world: float32 `(M, T, 33, 3)`, metres around the hips as the network gives them: x right, y down, z away.
        times: float64 `(T,)`, seconds of each frame.
        fps: Frames a second.
        size: Width and height of the picture that the poses were found in.
        source: Name of the video.
        damage: A description of what could not be decoded, or "".
        settings: A description of what else the poses depend on.
    """

    joints: NDArray[np.float32]
    confidence: NDArray[np.float32]
    image: NDArray[np.float32]
    world: NDArray[np.float32]
    times: NDArray[np.float64]
    fps: float
    size: tuple[int, int]
    source: str
    damage: str = ""
    settings: str = ""

    @property
    def num_people(self) -> int:
        """M, the people that are seen."""
        return int(self.joints.shape[0])

    @property
    def num_frames(self) -> int:
        """T, the frames."""
        return int(self.joints.shape[1])

    def to_sequence(self, *, flat: bool = False) -> SkeletonSequence:
        """Convert to a recording that a predictor takes.

        Args:
            flat: Whether as key points in the picture, for checkpoints of flat skeletons, instead of camera space.

        Returns:
            The recording, of skeleton `mediapipe33` or its flat form; the name is the video's without its ending.
        """
        fields = {"width": self.size[0], "height": self.size[1]} if flat else {}
        joints = self.image * np.array(self.size, np.float32) if flat else self.joints
        skeleton = MEDIAPIPE33_IMAGE if flat else MEDIAPIPE33
        name = Path(self.source).stem
        return SkeletonSequence(joints, skeleton, name, None, self.confidence, fields, fps=self.fps)

    def save(self, path: str | Path) -> None:
        """Write an `.npz` that `load_poses` reads whole, and the package as a clip of one's own.

        Args:
            path: The file to create or replace, in one step.
        """
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(
                file,
                joints=self.joints,
                confidence=self.confidence,
                image=self.image,
                world=self.world,
                times=self.times,
                fps=np.float64(self.fps),
                image_size=np.array(self.size, np.int64),
                source=np.array(self.source),
                damage=np.array(self.damage),
                settings=np.array(self.settings),
                skeleton=np.array(MEDIAPIPE33.name),
                poses_schema=np.int64(SCHEMA),
            )


def load_poses(path: str | Path) -> PoseRecording:
    """Load what `PoseRecording.save` wrote.

    Args:
        path: The file.

    Returns:
        The poses.

    Raises:
        FormatError: If it cannot be read or is not a file of poses.
    """
    try:
        with Path(path).open("rb") as file:
            values = read_npz(file, (*_ARRAYS, *_FACTS))
        schema = int(values["poses_schema"])
        if schema > SCHEMA:
            raise FormatError(f"poses of layout {schema}, expected {SCHEMA}: install a newer version of dualhead", path)
        size = [int(length) for length in values["image_size"]]
        arrays, fps = _checked(values), float(values["fps"])
        if len(size) != 2 or not all(0 < length < _MOST_PIXELS for length in size):
            raise ValueError(f"a picture of {size} pixels, expected a width and a height")
        if not 0 < fps < math.inf:
            raise ValueError(f"{fps} frames a second")
    except FileNotFoundError:
        raise FormatError("no such file", path) from None
    except PermissionError as error:
        raise FormatError("poses that this user may not read: change their permissions", path) from error
    except KeyError as error:
        raise FormatError(f"expected poses that `dualhead poses` wrote, but there is no {error}", path) from None
    except NPZ_DAMAGE as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise FormatError(f"expected poses that `dualhead poses` wrote ({reason})", path) from None
    source, damage, settings = (str(values[name]) for name in ("source", "damage", "settings"))
    return PoseRecording(**arrays, fps=fps, size=(size[0], size[1]), source=source, damage=damage, settings=settings)


def _checked(values: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    """Check the arrays of poses; raises `ValueError`."""
    people, frames = values["joints"].shape[:2]
    landmarks = (people, frames, NUM_LANDMARKS)
    shapes = {
        "joints": (*landmarks, 3), "confidence": landmarks, "image": (*landmarks, 2), "world": (*landmarks, 3),
        "times": (frames,),
    }  # fmt: skip
    arrays: dict[str, Any] = {}
    for name, shape in shapes.items():
        array = values[name]
        if array.shape != shape or array.dtype.kind != "f":
            raise ValueError(f"{name} of {array.dtype} {array.shape}, expected floats {shape}")
        arrays[name] = array.astype(np.float64 if name == "times" else np.float32, copy=False)
        if not np.isfinite(arrays[name]).all():
            raise ValueError(f"{name} with a value that is not finite")
    return arrays


def estimate(
    moving: FrameSource, tracker: PoseTracker, *, on_frame: Callable[[int], object] | None = None
) -> PoseRecording:
    """Estimate the poses in all frames of a video.

    Args:
        moving: The video, just opened.
        tracker: Finds the poses; its tracks are reset.
        on_frame: Called with the number of frames done.

    Returns:
        The poses; memory grows with the number of frames by their landmarks alone, 1.4 kB a person.
    """
    tracker.reset()

    def found() -> Iterable[list[Pose | None]]:
        poses: list[Pose | None] = []
        for number, frame in enumerate(moving.frames(), start=1):
            if not frame.repeated or not poses:
                poses = tracker.push(frame.pixels)
            yield poses
            if on_frame is not None:
                on_frame(number)

    return join_poses(
        found(), fps=moving.fps, size=(moving.width, moving.height), source=moving.path.name, moving=moving
    )


def join_poses(
    frames: Iterable[list[Pose | None]],
    *,
    fps: float,
    size: tuple[int, int],
    source: str,
    moving: FrameSource | None = None,
) -> PoseRecording:
    """Join the poses of single frames.

    Args:
        frames: For each frame the poses by place, None where a person is not seen.
        fps: Frames a second.
        size: Width and height of the picture.
        source: Name of the video.
        moving: Says the damage once all frames are read.

    Returns:
        The poses; people who are never seen are left out.
    """
    rows = [[None if pose is None else pose_arrays(pose, size) for pose in poses] for poses in frames]
    people = max(map(len, rows), default=0)
    shape = (people, len(rows), NUM_LANDMARKS)
    joints, image, world = (np.zeros((*shape, channels), np.float32) for channels in (3, 2, 3))
    confidence = np.zeros(shape, np.float32)
    for frame, row in enumerate(rows):
        for person, values in enumerate(row):
            if values is not None:
                for array, value in zip((joints, image, world, confidence), values, strict=True):
                    array[person, frame] = value
    seen = joints.any(axis=(1, 2, 3))
    times = np.arange(len(rows)) / fps
    damage = "" if moving is None else str(moving.damage)
    return PoseRecording(joints[seen], confidence[seen], image[seen], world[seen], times, fps, size, source, damage)


def pose_arrays(pose: Pose, size: tuple[int, int]) -> tuple[NDArray[np.float32], ...]:
    """Compute the arrays that a recording keeps of a pose.

    Args:
        pose: The pose.
        size: Width and height of the picture.

    Returns:
        Joints in camera space `(33, 3)`, fractions of the picture `(33, 2)`, world landmarks `(33, 3)`, visibility
        `(33,)`.
    """
    joints = to_camera(pose.image, pose.world, pose.visibility, size)
    fractions = (pose.image[:, :2] / np.array(size)).astype(np.float32)
    return joints, fractions, pose.world, pose.visibility


def skeleton_for(target: Skeleton) -> Skeleton:
    """Return the form of the poses that a checkpoint of a skeleton takes: flat for flat ones, else camera space."""
    return MEDIAPIPE33_IMAGE if target.dimensions == 2 else MEDIAPIPE33
