"""OpenPose's output (Cao et al., TPAMI 2019): a JSON file for each frame, `NAME_000000000000_keypoints.json`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualhead.formats.files.json_file import parse_json
from dualhead.formats.files.member import Member
from dualhead.formats.recording import Recording
from dualhead.runtime.errors import FormatError
from dualhead.skeleton import BODY25, OPENPOSE18, Skeleton

_NAME = re.compile(r"(?P<clip>.*?)_?(?P<frame>\d{0,15})_keypoints\.json", re.ASCII)
LAYOUTS = (BODY25, OPENPOSE18)
"""The skeletons that OpenPose's files may have."""

_SIZES = {3 * skeleton.num_joints: skeleton for skeleton in LAYOUTS}
_KEYS = ("pose_keypoints_2d", "pose_keypoints")
_MAX_FRAMES = 1_000_000
_MAX_PEOPLE = 1_000
_MAX_COORDINATE = 1e6


@dataclass(frozen=True)
class OpenposeClip:
    """The frames of one recording.

    Attributes:
        name: What its files are called before the number; the folder's name where that is nothing.
        where: Its folder, and its name inside it.
        frames: Its files by the number in their names.
    """

    name: str
    where: str
    frames: Mapping[int, Member]


def is_openpose_frame(file_name: str) -> bool:
    """Tell whether a file is called as OpenPose calls those of its frames.

    Args:
        file_name: The last part of its path.
    """
    return _NAME.fullmatch(file_name) is not None


def holds_frames(folder: Path) -> bool:
    """Tell whether a folder holds frames of OpenPose, not only its subfolders."""
    return folder.is_dir() and any(is_openpose_frame(file.name) for file in folder.iterdir())


def group_openpose(members: Iterable[Member]) -> list[OpenposeClip]:
    """Bring the files of each recording together: those of one folder whose names are alike before the number.

    Args:
        members: Files; those that are no frames are passed over.

    Returns:
        The recordings, in the order of their first files.

    Raises:
        FormatError: If two files of a recording have the same number.
    """
    clips: dict[tuple[str, str], dict[int, Member]] = {}
    for member in members:
        match = _NAME.fullmatch(member.file_name)
        if match is None:
            continue
        where = PurePosixPath(member.where.replace("\\", "/"))
        frames = clips.setdefault((str(where.parent), match["clip"]), {})
        number = int(match["frame"] or 0)
        if number in frames:
            raise FormatError(
                f"frame {number} is in {frames[number].where} already: remove one of the two", member.where
            )
        frames[number] = member
    return [
        OpenposeClip(name or PurePosixPath(folder).name or "openpose", f"{folder}/{name}".rstrip("/"), frames)
        for (folder, name), frames in clips.items()
    ]


def read_openpose(clip: OpenposeClip) -> tuple[Recording, Skeleton]:
    """Read the frames of one recording.

    The lowest number is frame 0; a number without a file is a frame without anybody. A joint whose confidence is 0 is
    absent and all zeros.

    Args:
        clip: Its files.

    Returns:
        The recording, joints `(B, V, 2)` in the units of the files (pixels, or fractions with OpenPose's
        `--keypoint_scale 3`) with confidence `(B, V)`, people in the order of each file, with their IDs where OpenPose
        followed them; and its skeleton, BODY_25 or the 18 joints of COCO, as the files have it.

    Raises:
        FormatError: If a file is damaged or of another layout, or the numbers leave gaps that no recording has.
    """
    start = min(clip.frames)
    num_frames = max(clip.frames) - start + 1
    if num_frames > _MAX_FRAMES:
        raise FormatError(
            f"its frames are numbered {start} to {start + num_frames - 1}, more than the {_MAX_FRAMES} of a recording",
            clip.where,
        )
    poses: list[NDArray[np.float64]] = []
    frames: list[int] = []
    slots: list[int] = []
    ids: list[str] = []
    skeleton: Skeleton | None = None
    for number in sorted(clip.frames):
        member = clip.frames[number]
        found = parse_openpose(member.read(), member.where)
        for slot, (pose, person, layout) in enumerate(found):
            if skeleton is not None and layout != skeleton:
                raise FormatError(
                    f"a person of {layout.num_joints} joints, but the frames before have {skeleton.num_joints}: "
                    "are they of two runs of OpenPose?",
                    member.where,
                )
            skeleton = layout
            poses.append(pose)
            frames.append(number - start)
            slots.append(slot)
            ids.append(person)
    skeleton = skeleton or BODY25
    values = np.stack(poses) if poses else np.zeros((0, skeleton.num_joints, 3))
    _check_scale(values, clip.where)
    return Recording(
        joints=values[..., :2],
        frames=np.array(frames, np.int64),
        slots=np.array(slots, np.int64),
        num_frames=num_frames,
        body_ids=tuple(ids) if all(ids) else (),
        confidence=values[..., 2],
    ), skeleton


def parse_openpose(data: bytes, path: str | Path | None = None) -> list[tuple[NDArray[np.float64], str, Skeleton]]:
    """Parse the file of one frame.

    Args:
        data: The file's bytes.
        path: Where they came from, for the error message.

    Returns:
        For each person, in the file's order: `(V, 3)`, x, y and confidence; their ID, or "" where they were not
        followed; and the layout of the joints. People without a pose (of whom only a hand or a face was found) are left
        out.

    Raises:
        FormatError: If the content is no frame, or of a layout other than BODY_25 and COCO.
    """
    content = parse_json(data, path)
    people = content.get("people") if isinstance(content, dict) else None
    if not isinstance(people, list) or not all(isinstance(person, dict) for person in people):
        raise FormatError("no frame of OpenPose: it needs a list 'people'", path)
    if len(people) > _MAX_PEOPLE:
        raise FormatError(f"{len(people)} people are more than the {_MAX_PEOPLE} that one frame may hold", path)
    found = []
    for person in people:
        numbers = next((person[key] for key in _KEYS if key in person), None)
        if not isinstance(numbers, list):
            raise FormatError("a person has no list 'pose_keypoints_2d': the file is damaged", path)
        if numbers:
            pose, skeleton = _pose(numbers, path)
            found.append((pose, _identity(person), skeleton))
    return found


def _pose(numbers: Sequence[Any], path: str | Path | None) -> tuple[NDArray[np.float64], Skeleton]:
    skeleton = _SIZES.get(len(numbers))
    if skeleton is None:
        raise FormatError(
            f"a person has {len(numbers)} numbers, which is neither BODY_25 (75) nor COCO (54): run OpenPose with "
            "--model_pose BODY_25 or COCO",
            path,
        )
    try:
        pose = np.array(numbers, np.float64).reshape(skeleton.num_joints, 3)
    except (ValueError, TypeError, OverflowError):
        raise FormatError("a person has a key point that is no number: the file is damaged", path) from None
    if not np.abs(pose).max() <= _MAX_COORDINATE:  # also true for NaN
        raise FormatError("a person has a coordinate or confidence that is no number: the file is damaged", path)
    pose[pose[:, 2] <= 0] = 0
    return pose, skeleton


def _identity(person: Mapping[str, Any]) -> str:
    """Give a person's ID as text; OpenPose writes [-1] for people that it did not follow."""
    value = person.get("person_id")
    value = value[0] if isinstance(value, list) and len(value) == 1 else value
    return str(value) if isinstance(value, int) and value >= 0 else ""


def _check_scale(poses: NDArray[np.float64], where: str) -> None:
    """Refuse coordinates from -1 to 1, whose zero is the middle of the image and not an absent joint.

    Raises:
        FormatError: If a tenth of the joints or more lie clearly left of or above an image that is at most 1 wide.
    """
    seen = poses[poses[..., 2] > 0, :2]
    if len(seen) and np.abs(seen).max() <= 2 and (seen < -0.05).any(axis=1).mean() >= 0.1:
        raise FormatError(
            "its coordinates run from -1 to 1 (--keypoint_scale 4): run OpenPose with --keypoint_scale 0 or 3", where
        )
