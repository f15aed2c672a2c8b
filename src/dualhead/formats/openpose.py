"""OpenPose's output (Cao et al., TPAMI 2019): a JSON file for each frame, `NAME_000000000000_keypoints.json`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualhead.formats.file_format import (
    POSSIBLE,
    Evidence,
    FileFormat,
    RawClip,
    RawFile,
    ReadingOptions,
    require_skeleton,
)
from dualhead.formats.files.json_file import nested_numbers, parse_json
from dualhead.formats.frame_files import FrameFiles, frame_name
from dualhead.formats.recording import Recording
from dualhead.runtime.errors import FormatError
from dualhead.skeleton import BODY25, OPENPOSE18, Skeleton

LAYOUTS = (BODY25, OPENPOSE18)
"""The skeletons that OpenPose's files may have."""

_SIZES = {3 * skeleton.num_joints: skeleton for skeleton in LAYOUTS}
_KEYS = ("pose_keypoints_2d", "pose_keypoints", "joints")
_OTHER_PARTS = {"face": "face_keypoints_2d", "hands": "hand_left_keypoints_2d", "hand": "hand_right_keypoints_2d"}
_MAX_FRAMES = 1_000_000
_MAX_PEOPLE = 1_000
_MAX_COORDINATE = 1e6
_MAX_PIXELS = 100_000
_LARGEST_FRACTION = 2.0


def is_openpose_frame(file_name: str) -> bool:
    """Return whether a file is called as OpenPose calls those of its frames.

    Args:
        file_name: The last part of its path.
    """
    return file_name.endswith("_keypoints.json") and frame_name(file_name) is not None


def parse_openpose(clip: FrameFiles) -> RawClip:
    """Parse the frames of one recording.

    The lowest number is frame 0; a number without a file is a frame without a person. A joint whose confidence is 0 is
    absent and all zeros.

    Args:
        clip: Its files.

    Returns:
        The recording, joints `(B, V, 2)` in the units of the files (pixels, or fractions with OpenPose's
        `--keypoint_scale 3`) with confidence `(B, V)`, people in the order of each file, with their IDs where OpenPose
        followed them; and its skeleton, BODY_25 or the 18 joints of COCO, as the files have it.

    Raises:
        FormatError: If a file is damaged or of another layout, contains no body but faces or hands, or the numbers
            leave gaps that no recording has.
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
    parts: dict[str, None] = {}
    size: dict[str, int] = {}
    for number in sorted(clip.frames):
        member = clip.frames[number]
        content = parse_json(member.read(), member.where)
        size = size or _canvas(content)
        parts |= dict.fromkeys(_other_parts(content))
        for slot, (pose, person, layout) in enumerate(parse_people(content, member.where)):
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
    if not poses and parts:
        raise FormatError(
            f"OpenPose frames with no body key points, only {' and '.join(parts)}: run OpenPose with the body on",
            clip.where,
        )
    skeleton = skeleton or BODY25
    values = np.stack(poses) if poses else np.zeros((0, skeleton.num_joints, 3))
    _check_scale(values, clip.where)
    recording = Recording(
        joints=values[..., :2],
        frames=np.array(frames, np.int64),
        slots=np.array(slots, np.int64),
        num_frames=num_frames,
        body_ids=tuple(ids) if all(ids) else (),
        confidence=values[..., 2],
        first_frame=start,
    )
    seen = values[values[..., 2] > 0, :2]
    in_pixels = bool(len(seen)) and float(np.abs(seen).mean()) > _LARGEST_FRACTION
    return RawClip(
        recording=recording,
        skeleton=skeleton,
        name=clip.name,
        fields=size if in_pixels else {},
        body_selection="people",
        where=clip.where,
        notes=(f"{' and '.join(parts)} are left out, only the body is read",) if parts else (),
    )


def _records(content: Any) -> Any:
    """Return the record of a frame, also where it is the only entry of a list, as ControlNet nodes write it."""
    return content[0] if isinstance(content, list) and len(content) == 1 else content


def _canvas(content: Any) -> dict[str, int]:
    record = _records(content)
    sides = [record.get(f"canvas_{side}") for side in ("width", "height")] if isinstance(record, dict) else []
    found = [side for side in sides if isinstance(side, int) and 0 < side <= _MAX_PIXELS]
    return dict(zip(("width", "height"), found, strict=True)) if len(found) == 2 else {}


def _other_parts(content: Any) -> list[str]:
    """List the parts beside the body, such as hands, that a frame has key points of."""
    record = _records(content)
    people = record.get("people") if isinstance(record, dict) else None
    held = [person for person in people if isinstance(person, dict)] if isinstance(people, list) else []
    found = [part for part, key in _OTHER_PARTS.items() if any(person.get(key) for person in held)]
    return list(dict.fromkeys("hands" if part == "hand" else part for part in found))


def parse_people(content: Any, path: str) -> list[tuple[NDArray[np.float64], str, Skeleton]]:
    """Parse the people of one frame.

    Args:
        content: The content of its file.
        path: The file, for the error message.

    Returns:
        For each person, in the file's order: `(V, 3)`, x, y and confidence; their ID, or "" where they were not
        followed; and the layout of the joints. People without a pose (of whom only a hand or a face was found) are left
        out.

    Raises:
        FormatError: If the content is not a frame, or of a layout other than BODY_25 and COCO.
    """
    record = _records(content)
    people = record.get("people", record.get("bodies")) if isinstance(record, dict) else None
    if not isinstance(people, list) or not all(isinstance(person, dict) for person in people):
        raise FormatError("no frame of OpenPose: it needs a list 'people' (version 0.1: 'bodies')", path)
    if len(people) > _MAX_PEOPLE:
        raise FormatError(f"{len(people)} people are more than the {_MAX_PEOPLE} that one frame may hold", path)
    found = []
    for person in people:
        numbers = next((person[key] for key in _KEYS if key in person), None)
        if numbers is None and any(key in person for key in _OTHER_PARTS.values()):
            continue  # only a face or a hand of theirs was looked for
        if not isinstance(numbers, list):
            raise FormatError("a person has no list 'pose_keypoints_2d', which a frame of OpenPose has", path)
        if numbers:
            pose, skeleton = _pose(numbers, path)
            found.append((pose, _identity(person), skeleton))
    return found


def _pose(numbers: Sequence[Any], path: str) -> tuple[NDArray[np.float64], Skeleton]:
    skeleton = _SIZES.get(len(numbers))
    if skeleton is None:
        raise FormatError(
            f"a person has {len(numbers)} numbers, which is neither BODY_25 (75) nor COCO (54): run OpenPose with "
            "--model_pose BODY_25 or COCO",
            path,
        )
    try:
        pose = nested_numbers(numbers).reshape(skeleton.num_joints, 3)
    except (ValueError, TypeError, OverflowError):
        raise FormatError("a person has a key point that is not a number", path) from None
    if not np.abs(pose).max() <= _MAX_COORDINATE:  # also true for NaN
        raise FormatError("a person has a coordinate or confidence that is not a number of an image", path)
    pose[pose[:, 2] <= 0] = 0
    return pose, skeleton


def _identity(person: Mapping[str, Any]) -> str:
    """Return a person's ID as text; OpenPose writes [-1] for people that it did not track."""
    value = person.get("person_id")
    value = value[0] if isinstance(value, list) and len(value) == 1 else value
    return str(value) if isinstance(value, int) and value >= 0 else ""


def _check_scale(poses: NDArray[np.float64], where: str) -> None:
    """Raise on coordinates from -1 to 1, whose zero is the middle of the image and not an absent joint.

    Raises:
        FormatError: If a tenth of the joints or more lie clearly left of or above an image that is at most 1 wide.
    """
    seen = poses[poses[..., 2] > 0, :2]
    if len(seen) and np.abs(seen).max() <= 2 and (seen < -0.05).any(axis=1).mean() >= 0.1:
        raise FormatError(
            "its coordinates run from -1 to 1 (--keypoint_scale 4): run OpenPose with --keypoint_scale 0 or 3", where
        )


def _recognise(file: RawFile) -> Evidence | None:
    record = _records(file.json) if file.keys or len(file.items) == 1 else None
    if not isinstance(record, dict):
        return Evidence("its name ends in _keypoints.json", POSSIBLE) if is_openpose_frame(file.name) else None
    if isinstance(record.get("people"), list):
        return Evidence("a JSON record with 'people'")
    bodies = record.get("bodies")
    if isinstance(bodies, list) and all(isinstance(body, dict) and "joints" in body for body in bodies):
        return Evidence("a JSON record with 'bodies' and their 'joints', as version 0.1 wrote it")
    return Evidence("its name ends in _keypoints.json", POSSIBLE) if is_openpose_frame(file.name) else None


def _parse_frames(files: FrameFiles, options: ReadingOptions) -> Iterator[RawClip]:
    clip = parse_openpose(files)
    if options.skeleton not in (None, *LAYOUTS):
        require_skeleton(options, clip.skeleton, OPENPOSE_JSON.title)
    yield clip


OPENPOSE_JSON = FileFormat(
    name="openpose",
    title="OpenPose output",
    suffixes=(".json",),
    recognise=_recognise,
    parse_frames=_parse_frames,
    row="`body25` or `openpose18` | pixels or fractions | not stated | `person_id` where OpenPose followed people",
)
