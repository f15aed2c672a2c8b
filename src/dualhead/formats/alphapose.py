"""AlphaPose's results (Fang et al., TPAMI 2022): a list of detections, or a record by image."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from dualhead.formats.file_format import Evidence, FileFormat, RawClip, RawFile, from_json
from dualhead.formats.observations import Observations, frame_of_image, identity, key_points, number_array
from dualhead.runtime.errors import FormatError
from dualhead.skeleton import OPENPOSE18, Skeleton

_BARE = re.compile(r"(?:0|[1-9]\d{0,14})\.[a-z]{1,5}", re.ASCII | re.IGNORECASE)
_IMAGE_ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")


def parse_detections(detections: Sequence[Any], where: str, title: str) -> list[RawClip]:
    """Parse a list of detections: one person in one image each.

    Convention: the number in an image's name, or the number in its place, is the frame; the lowest is frame 0, and a
    number that is missing is a frame without a person. Where names are bare numbers (`7.jpg`), as AlphaPose calls the
    frames of a video, frame 0 is `0.jpg`, though no person may be in it. Images whose names differ before the number
    are of different recordings.

    Args:
        detections: Records with `image_id`, `keypoints` (x, y, score of each key point, pixels) and perhaps `idx`, an
            identity.
        where: The source, for the error message.
        title: The name of the format.

    Returns:
        The recordings, in the order of their first detections. Only the body is kept of 133 or 136 key points.

    Raises:
        FormatError: If a detection lacks a key or is of another layout.
    """
    clips: dict[str, Observations] = {}
    trimmed = False
    for number, detection in enumerate(detections):
        if not isinstance(detection, Mapping) or "image_id" not in detection or "keypoints" not in detection:
            raise FormatError(f"entry {number} of {title} has no 'image_id' or no 'keypoints'", where)
        joints, scores, skeleton = key_points(detection["keypoints"], where)
        trimmed |= len(detection["keypoints"]) not in (3 * skeleton.num_joints, skeleton.num_joints)
        clip, frame = _frame(detection["image_id"], where)
        person = identity(detection.get("idx", detection.get("track_id")))
        _add(clips, clip, skeleton, where, title).add(frame, joints, scores, person)
    return _clips(clips, where, trimmed, {}, all(_is_bare(detection["image_id"]) for detection in detections))


def parse_alphapose(content: Any, where: str) -> list[RawClip]:
    """Parse the content of an AlphaPose results file.

    Args:
        content: A list of detections (`parse_detections`), or a record from an image's name to its people: a list of
            records with `keypoints`, or a record with `bodies` (`joints`) or `people` (`pose_keypoints_2d`), which have
            the 18 joints of OpenPose.
        where: The source, for the error message.

    Returns:
        The recordings.

    Raises:
        FormatError: If something is missing or of another layout.
    """
    if isinstance(content, list):
        return parse_detections(content, where, ALPHAPOSE.title)
    if not isinstance(content, Mapping):
        raise FormatError("expected a list of detections or a record by image", where)
    clips: dict[str, Observations] = {}
    images: dict[str, list[int]] = {}
    trimmed = False
    for image, held in content.items():
        clip, frame = _frame(image, where)
        images.setdefault(clip, []).append(frame)
        for person in _people(held, image, where):
            points = person.get("keypoints")
            if points is None:
                points = person.get("joints", person.get("pose_keypoints_2d"))
                array = number_array(points, where, "'joints'")
                if array.shape != (54,):
                    raise FormatError(f"a body has {array.size} numbers, but OpenPose's 18 joints have 54", where)
                joints, scores, skeleton = array.reshape(18, 3)[:, :2], array.reshape(18, 3)[:, 2], OPENPOSE18
            else:
                joints, scores, skeleton = key_points(points, where)
                trimmed |= len(points) not in (3 * skeleton.num_joints, skeleton.num_joints)
            person_id = identity(person.get("idx", person.get("person_id")))
            _add(clips, clip, skeleton, where, ALPHAPOSE.title).add(frame, joints, scores, person_id)
    return _clips(clips, where, trimmed, images, all(map(_is_bare, content)))


def _people(held: Any, image: str, where: str) -> list[Mapping[str, Any]]:
    """Return the people of one image."""
    if isinstance(held, Mapping):
        held = held.get("bodies", held.get("people"))
    if not isinstance(held, list) or not all(isinstance(person, Mapping) for person in held):
        raise FormatError(f"image {image[:40]!r} has no list of people", where)
    return held


def _frame(image: Any, where: str) -> tuple[str, int]:
    try:
        return frame_of_image(image)
    except FormatError as error:
        raise FormatError(error.reason, where) from None


def _is_bare(image: Any) -> bool:
    """Return whether an image is called after a number without leading zeros, as the frames of a video are."""
    return isinstance(image, str) and _BARE.fullmatch(image) is not None


def _add(clips: dict[str, Observations], clip: str, skeleton: Skeleton, where: str, title: str) -> Observations:
    found = clips.setdefault(clip, Observations(skeleton))
    if found.skeleton != skeleton:
        raise FormatError(
            f"a person of {skeleton.num_joints} joints after people of {found.skeleton.num_joints}: {title} has one "
            "layout in a file",
            where,
        )
    return found


def _clips(
    clips: Mapping[str, Observations], where: str, trimmed: bool, images: Mapping[str, list[int]], from_zero: bool
) -> list[RawClip]:
    found = []
    for name, people in clips.items():
        # images without a person are listed in a record by image, and left out of a list of detections
        frames = {*people.frames, *images.get(name, ())}
        first = 0 if from_zero and len(frames) > 1 else min(frames)
        recording = people.recording(first, max(frames) - first + 1, where=where)
        found.append(
            RawClip(
                recording,
                people.skeleton,
                name=name if len(clips) > 1 else "",
                body_selection="people",
                unit="px",
                notes=("hands and face are left out, only the body is read",) if trimmed else (),
            )
        )
    if not found:
        raise FormatError("it contains no person", where)
    return found


def is_detection(record: Any) -> bool:
    """Return whether a record of a JSON list is a person with key points in an image."""
    return isinstance(record, Mapping) and {"image_id", "keypoints"} <= record.keys()


def _recognise(file: RawFile) -> Evidence | None:
    first = file.items[0] if file.items else {}
    if is_detection(first) and (isinstance(first["image_id"], str) or "idx" in first or "box" in first):
        return Evidence("a list of detections with 'image_id', 'keypoints' and names of images or 'box', 'idx'")
    if file.keys and all(key.lower().endswith(_IMAGE_ENDINGS) for key in file.keys):
        return Evidence("a record by the names of images")
    return None


ALPHAPOSE = FileFormat(
    name="alphapose",
    title="AlphaPose results",
    suffixes=(".json",),
    recognise=_recognise,
    parse=from_json(parse_alphapose),
    fixed_skeleton=True,
    holds_many=True,
    row="`coco17`, `halpe26` (also the body of 136), `openpose18` | pixels | not stated | `idx` where all have one",
)
