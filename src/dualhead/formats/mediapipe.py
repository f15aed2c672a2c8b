"""Logs of MediaPipe: 33 landmarks of a body or 21 of a hand, as CSV or JSON, in the image or in space."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualhead.formats.custom.columns import read_table
from dualhead.formats.file_format import (
    CERTAIN,
    LIKELY,
    POSSIBLE,
    Evidence,
    FileFormat,
    RawClip,
    RawFile,
    ReadingOptions,
    require_skeleton,
)
from dualhead.formats.files.json_file import parse_json
from dualhead.formats.frame_files import FrameFiles
from dualhead.formats.landmark_table import LandmarkColumns, are_joints_of, find_columns, first_lines, read_landmarks
from dualhead.formats.observations import MAX_PEOPLE, Observations, number_array, steady_rate, time_of
from dualhead.formats.recording import Recording
from dualhead.runtime.errors import FormatError
from dualhead.skeleton import HAND21, MEDIAPIPE33, MEDIAPIPE33_IMAGE, Skeleton

_FRAME_LISTS = ("frames", "results", "data", "poses", "landmarks", "pose_landmarks", "poseLandmarks")
_WORLD_KEYS = ("pose_world_landmarks", "poseWorldLandmarks", "world_landmarks", "worldLandmarks",
               "hand_world_landmarks", "handWorldLandmarks", "multi_hand_world_landmarks")  # fmt: skip
_IMAGE_KEYS = ("pose_landmarks", "poseLandmarks", "landmarks", "landmark", "keypoints", "pose", "hand_landmarks",
               "multi_hand_landmarks")  # fmt: skip
_HANDS = ("left_hand_landmarks", "right_hand_landmarks", "leftHandLandmarks", "rightHandLandmarks", "face_landmarks")
_FRAME_KEYS = ("frame", "frame_id", "frame_index", "frame_number", "frameIndex", "index")
_TIME_KEYS = ("timestamp", "time", "timestamp_ms", "timestampMs", "time_ms", "timestamp_us")
_RATE_KEYS = ("fps", "frame_rate", "frameRate")
_CHANNELS = ("x", "y", "z", "visibility")
_HIPS = [23, 24]
_CENTRED = 0.02
"""Largest distance of the hips of world landmarks from zero, their origin, in metres."""
_NUDGE = 1e-4
"""Displacement of world landmarks, in metres, where the middle of the hips is exactly 0: as a joint, it would count as
absent."""

_LARGEST_FRACTION = 3.0
_HOLISTIC = (75, 501, 543)
"""Landmarks of a body with two hands, with a face, and with all of them behind it."""


def describe_points(points: NDArray[np.float64], where: str) -> tuple[NDArray[np.float64], Skeleton, str, str]:
    """Infer from their values whether landmarks are world landmarks, fractions of an image or pixels.

    Convention: world landmarks are metres around the middle of the hips, x right in the image, y down, z away; they are
    turned to x left, y up. Landmarks in an image lose their z, which is relative to the hips and has no unit.

    Args:
        points: `(B, 33 or 21, 2 or 3)`, NaN where absent.
        where: The source, for the error message.

    Returns:
        Joints `(B, V, C)`, their skeleton, their unit, and a sentence that explains the decision.

    Raises:
        FormatError: If they are landmarks of a hand in an image.
    """
    count, channels = points.shape[1:]
    seen = points[np.isfinite(points).all(axis=2) & points.any(axis=2)]
    if count == HAND21.num_joints:
        if (
            channels < 3
            or not len(seen)
            or np.abs(np.median(seen[:, :2])) > 0.25
            or np.abs(seen).max() > _LARGEST_FRACTION
        ):
            raise FormatError("landmarks of a hand in an image: log its world landmarks, which are metres", where)
        return points * [-1, -1, 1], HAND21, "m", "world landmarks of a hand, in metres around its middle"
    hips = points[:, _HIPS].mean(axis=1)
    hips = hips[np.isfinite(hips).all(axis=1)]
    if channels == 3 and len(hips) and np.abs(hips.mean(axis=0)).max() <= _CENTRED:
        exact = not hips.any(axis=1).all()
        turned = points * [-1, -1, 1] + [0, 0, _NUDGE if exact else 0]
        return turned, MEDIAPIPE33, "m", "interpreted as world landmarks: the hips are at 0"
    flat = points[..., :2]
    mean = float(np.abs(seen[:, :2]).mean()) if len(seen) else 0.0
    unit = "fraction" if mean <= _LARGEST_FRACTION else "px"
    return (
        flat,
        MEDIAPIPE33_IMAGE,
        unit,
        f"interpreted as landmarks in the image ({mean:.3g} on average): z is left out",
    )


def parse_mediapipe_csv(data: bytes, where: str) -> RawClip:
    """Parse a log of landmarks as a table.

    Convention: columns `x_0`, `y_0`, `z_0`, `visibility_0` and so on, counted from 0 or 1, or named (`nose_x`); or a
    line for each landmark. A `frame` that is missing is a frame without a person; `timestamp` gives the frame rate.

    Args:
        data: The file's bytes.
        where: The source, for the error message.

    Returns:
        The recording; see `describe_points`.

    Raises:
        FormatError: If it is not such a table, or a line is damaged.
    """
    rows = read_table(data, where)
    header = rows[0][1]
    found = _columns(header, first_lines(data))
    if found is None:
        raise FormatError("expected columns for x and y of 33 or 21 landmarks", where, 1)
    table = read_landmarks(rows[1:], found[0], found[1], where)
    del rows
    table.points[~table.points.any(axis=2)] = np.nan
    joints, skeleton, unit, note = describe_points(table.points, where)
    notes = [note]
    if find_columns(header, found[1]) is None:
        notes.append("hands and face are left out, only the body is read")
    return _clip(table.recording(skeleton, joints, where), skeleton, unit, tuple(notes), table.class_name)


def parse_mediapipe_json(content: Any, where: str, flat: bool | None = None) -> RawClip:
    """Parse a log of landmarks as JSON.

    Args:
        content: A list of frames, or a record that holds one and perhaps `fps`. A frame is null or empty (no person),
            33 landmarks, several such lists, or a record with `pose_landmarks` or `pose_world_landmarks` (or as
            MediaPipe's other languages call them) and perhaps `frame` and `timestamp`. A landmark is a record with x,
            y, z and visibility, or a list of them.
        where: The source, for the error message.
        flat: The landmarks to take if there are both: landmarks in the image (True) or in space; default: in space.

    Returns:
        The recording; see `describe_points`.

    Raises:
        FormatError: If a frame or a landmark is of another layout.
    """
    frames, rate = _frames(content)
    if frames is None:
        raise FormatError("expected a list of frames of MediaPipe landmarks", where)
    world = any(_held(frame, _WORLD_KEYS) for frame in frames)
    image = any(_held(frame, _IMAGE_KEYS) for frame in frames)
    keys = _IMAGE_KEYS if image and (flat or not world) else _WORLD_KEYS
    numbers, times, points, owners = [], [], [], []
    for place, frame in enumerate(frames):
        number = place
        if isinstance(frame, Mapping):
            number = next((frame[key] for key in _FRAME_KEYS if _is_number(frame.get(key))), place)
            times.append(next((time_of(frame[key]) for key in _TIME_KEYS if key in frame), time_of(None)))
        numbers.append(number)
        for pose in _poses(_held(frame, keys) if isinstance(frame, Mapping) else frame, where, place):
            points.append(pose)
            owners.append(number)
    if not points:
        raise FormatError(f"no person in any of its {len(frames)} frames", where)
    if len({len(pose) for pose in points}) > 1:
        raise FormatError("its frames have different numbers of landmarks", where)
    array = np.stack(points)  # (B, V, 4)
    given = array[..., :3].any(axis=2, keepdims=True)  # scripts write zeros for a frame in which no person was found
    joints, skeleton, unit, note = describe_points(np.where(given, array[..., :3], np.nan), where)
    people = Observations(skeleton)
    visible = not np.isnan(array[..., 3]).all()
    for row, number in enumerate(owners):
        people.add(number, joints[row], array[row, :, 3] if visible else None)
    fps = rate or (steady_rate(times, numbers) if len(times) == len(numbers) else None)
    recording = people.recording(min(numbers), max(numbers) - min(numbers) + 1, fps, where)
    notes = [note]
    if world and image:
        taken = "the image" if keys == _IMAGE_KEYS else "space"
        notes = [f"of landmarks in the image and in space, those in {taken} are read"]
    if any(isinstance(frame, Mapping) and any(frame.get(key) for key in _HANDS) for frame in frames):
        notes.append("hands and face are left out, only the body is read")
    return _clip(recording, skeleton, unit, tuple(notes))


def _clip(
    recording: Recording, skeleton: Skeleton, unit: str, notes: tuple[str, ...], class_name: str | None = None
) -> RawClip:
    return RawClip(
        recording,
        skeleton,
        class_name=class_name,
        body_selection="people",
        unit="m" if unit == "m" else "px" if unit == "px" else "fraction",
        notes=notes,
    )


def _frames(content: Any) -> tuple[list[Any] | None, float | None]:
    """Return the frames of a log and its frame rate."""
    if isinstance(content, list):
        return content, None
    if not isinstance(content, Mapping):
        return None, None
    rate = next((time_of(content[key]) for key in _RATE_KEYS if key in content), None)
    frames = next((content[key] for key in _FRAME_LISTS if isinstance(content.get(key), list)), None)
    if frames is not None and not _holds_frames(frames):
        frames = [content]  # the record is a single frame
    return frames, rate if rate is not None and 0 < rate <= 1000 else None


def _holds_frames(frames: Sequence[Any]) -> bool:
    """Return whether a list holds frames, not the landmarks of one."""
    return not (frames and isinstance(frames[0], Mapping) and {"x", "y"} <= frames[0].keys())


def _held(frame: Any, keys: Sequence[str]) -> Any:
    if not isinstance(frame, Mapping):
        return None
    return next((frame[key] for key in keys if frame.get(key)), None)


def _poses(held: Any, where: str, frame: int) -> list[NDArray[np.float64]]:
    """Return the poses `(V, 4)` of one frame: x, y, z and visibility, NaN for absent joints."""
    if isinstance(held, Mapping):  # a message of protocol buffers
        held = held.get("landmark", held.get("landmarks"))
    if held is None or held == []:
        return []
    if not isinstance(held, list):
        raise FormatError(f"frame {frame} is not a list of landmarks", where)
    several = [entry for entry in held if not _is_landmark(entry)]
    if several:
        if len(several) != len(held) or len(held) > MAX_PEOPLE:
            raise FormatError(f"frame {frame} holds something other than landmarks", where)
        return [pose for entry in held for pose in _poses(_inner(entry, where, frame), where, frame)]
    if len(held) in (468, 478):
        raise FormatError("landmarks of a face, which is not read: log pose_landmarks", where)
    if len(held) not in (33, 21):
        raise FormatError(f"frame {frame} has {len(held)} landmarks instead of 33 of a body or 21 of a hand", where)
    rows = []
    for landmark in held:
        values = [landmark.get(name) for name in _CHANNELS] if isinstance(landmark, Mapping) else landmark[:4]
        rows.append([*values, *[None] * (4 - len(values))])
    points = number_array(rows, where, f"frame {frame}")
    if points.shape != (len(held), 4):
        raise FormatError(f"the landmarks of frame {frame} are not numbers", where)
    points[:, 2] = np.where(np.isnan(points[:, 2]).all(), 1.0, points[:, 2])  # without z they are in the image
    return [points]


def _inner(entry: Any, where: str, frame: int) -> Any:
    """Return the landmarks of one of several people; a list of lists of lists is of another format."""
    inner = entry.get("landmark", entry.get("landmarks")) if isinstance(entry, Mapping) else entry
    if isinstance(inner, list) and all(_is_landmark(part) for part in inner):
        return inner
    raise FormatError(f"frame {frame} holds something other than landmarks", where)


def _is_landmark(entry: Any) -> bool:
    if isinstance(entry, Mapping):
        return {"x", "y"} <= entry.keys()
    return isinstance(entry, list) and 2 <= len(entry) <= 5 and not isinstance(entry[0], list | Mapping)


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**15


def _recognise(file: RawFile) -> Evidence | None:
    if file.suffix == ".json":
        return _recognise_json(file)
    found = _columns(file.rows[0], first_lines(file.start)) if file.rows else None
    if found is None:
        return None
    columns, skeleton = found
    certain = columns.has_confidence and skeleton == MEDIAPIPE33
    return Evidence(f"columns for x and y of {skeleton.num_joints} landmarks", CERTAIN if certain else LIKELY)


def _columns(header: Sequence[str], lines: Sequence[Sequence[str]]) -> tuple[LandmarkColumns, Skeleton] | None:
    """Find the columns of the landmarks of a body, or of a hand."""
    for skeleton, totals in ((MEDIAPIPE33, _HOLISTIC), (HAND21, ())):
        columns = find_columns(header, skeleton, totals)
        if columns is not None and (columns.joint < 0 or are_joints_of(lines, columns, skeleton)):
            return columns, skeleton
    return None


def _single_frame(content: Any) -> Any:
    """Return the content of a file that holds one frame, or None where it holds several or none."""
    if isinstance(content, list):
        return content if len(content) in (33, 21) and all(isinstance(entry, Mapping) for entry in content) else None
    frames, _ = _frames(content)
    return content if frames is None or len(frames) == 1 else None


def _recognise_frame(file: RawFile) -> Evidence | None:
    if not (file.items or file.keys) or _single_frame(file.json) is None:
        return None
    frame = file.json
    held = frame if isinstance(frame, list) else _held(frame, (*_WORLD_KEYS, *_IMAGE_KEYS))
    held = held.get("landmark", held.get("landmarks")) if isinstance(held, Mapping) else held
    if isinstance(held, list) and len(held) == 1 and isinstance(held[0], list):
        held = held[0]
    if isinstance(held, list) and len(held) in (33, 21) and all(map(_is_landmark, held)):
        return Evidence(f"a frame of {len(held)} landmarks")
    return None


def _recognise_json(file: RawFile) -> Evidence | None:
    if _recognise_frame(file) is not None:
        return None
    frames = file.items or (_frames(file.json)[0] if file.keys else None) or []
    for frame in frames[:1000]:
        if isinstance(frame, Mapping):
            key = next((key for key in (*_WORLD_KEYS, *_IMAGE_KEYS[:2], *_HANDS) if frame.get(key)), None)
            if key is not None:
                return Evidence(f"frames with {key!r}")
            frame = _held(frame, _IMAGE_KEYS)
        if isinstance(frame, list) and frame:
            first = frame if _is_landmark(frame[0]) else frame[0]
            if isinstance(first, list) and len(first) in (33, 21) and all(map(_is_landmark, first)):
                named = isinstance(first[0], Mapping) or any(not frame for frame in frames)
                return Evidence(f"frames of {len(first)} landmarks", CERTAIN if named else POSSIBLE)
            return None
    return None


def _parse(file: RawFile, options: ReadingOptions) -> Iterator[RawClip]:
    wanted = options.skeleton or options.usual
    if file.suffix == ".json":
        clip = parse_mediapipe_json(file.json, file.where, flat=wanted is not None and wanted.dimensions == 2)
    else:
        clip = parse_mediapipe_csv(file.data, file.where)
    given = options.skeleton
    if given is not None and given != clip.skeleton:
        own = clip.skeleton
        if (given.joints, given.dimensions) == (own.joints, own.dimensions):
            clip = replace(clip, skeleton=given)  # the same joints with bones of the user's own
        else:
            require_skeleton(options, own, MEDIAPIPE.title)
    yield clip


def _parse_frames(files: FrameFiles, options: ReadingOptions) -> Iterator[RawClip]:
    frames = []
    for number in sorted(files.frames):
        member = files.frames[number]
        content = parse_json(member.read(), member.where)
        frames.append(
            {**content, "frame": number} if isinstance(content, Mapping) else {"frame": number, "pose": content}
        )
    wanted = options.skeleton or options.usual
    clip = parse_mediapipe_json(frames, files.where, flat=wanted is not None and wanted.dimensions == 2)
    yield replace(clip, name=files.name, where=files.where)


MEDIAPIPE = FileFormat(
    name="mediapipe",
    title="MediaPipe log",
    suffixes=(".csv", ".json"),
    recognise=_recognise,
    parse=_parse,
    row="`mediapipe33`, `hand21`; in the image: `mediapipe33_image` | metres, turned to Kinect axes; in the image: "
    "fractions or pixels | from `fps` or the times | people are followed",
)

MEDIAPIPE_FRAMES = FileFormat(
    name="mediapipe_frames",
    title="MediaPipe log, one file a frame",
    suffixes=(".json",),
    recognise=_recognise_frame,
    parse_frames=_parse_frames,
    fixed_skeleton=True,
    row=MEDIAPIPE.row,
)
