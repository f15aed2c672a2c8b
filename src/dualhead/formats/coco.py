"""COCO key points (Lin et al., ECCV 2014): results of detectors, and annotations with their images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dualhead.formats.alphapose import is_detection, parse_detections
from dualhead.formats.file_format import LIKELY, Evidence, FileFormat, RawClip, RawFile, from_json
from dualhead.formats.observations import Observations, frame_of_image, identity, image_size, key_points
from dualhead.runtime.errors import FormatError
from dualhead.skeleton import COCO17

_VIDEO_KEYS = ("video_id", "vid_id", "video", "vid")
_FRAME_KEYS = ("frame_id", "frame_index", "frame", "frame_number")


def parse_coco_annotations(content: Any, where: str) -> list[RawClip]:
    """Parse COCO ground truth: `images`, `annotations` and perhaps `categories`.

    Convention: an image's frame is its `frame_id`, else the number in its `file_name`, else its `id`; images of
    different `video_id`, or whose names differ before the number, are of different recordings. Every image is a frame,
    also where no person is annotated. Visibility becomes confidence: 2 (visible) is 1, 1 (hidden, but placed) is 0.5,
    0 is absent.

    Args:
        content: The parsed JSON.
        where: The source, for the error message.

    Returns:
        The recordings in the order of their first images, with the size of the images as fields where all agree.

    Raises:
        FormatError: If a key is missing, an annotation names no image, or the key points are not those of COCO.
    """
    record = content if isinstance(content, Mapping) else {}
    images, annotations = record.get("images"), record.get("annotations")
    if not isinstance(images, list) or not isinstance(annotations, list):
        raise FormatError("expected COCO annotations with the lists 'images' and 'annotations'", where)
    _check_categories(record.get("categories"), where)
    place: dict[Any, tuple[str, int]] = {}
    frames: dict[str, list[int]] = {}
    sizes: dict[str, list[dict[str, int]]] = {}
    for number, image in enumerate(images):
        if not isinstance(image, Mapping) or not isinstance(image.get("id"), (int, str)):
            raise FormatError(f"image {number} has no 'id'", where)
        clip, frame = _frame(image, where)
        place[image["id"]] = clip, frame
        frames.setdefault(clip, []).append(frame)
        sizes.setdefault(clip, []).append(image_size(image.get("width"), image.get("height")))
    people: dict[str, Observations] = {}
    for number, annotation in enumerate(annotations):
        if not isinstance(annotation, Mapping):
            raise FormatError(f"annotation {number} is not a record", where)
        if not annotation.get("keypoints") or annotation.get("num_keypoints") == 0:
            continue  # a person of whom only the outline was annotated
        image_id = annotation.get("image_id")
        if not isinstance(image_id, (int, str)) or image_id not in place:
            raise FormatError(
                f"annotation {number} is of image {str(image_id)[:40]!r}, which is not in 'images'", where
            )
        joints, visibility, skeleton = key_points(annotation["keypoints"], where)
        clip, frame = place[image_id]
        found = people.setdefault(clip, Observations(skeleton))
        if found.skeleton != skeleton:
            raise FormatError(
                f"annotation {number} has {skeleton.num_joints} joints, others have another number", where
            )
        scores = visibility / 2 if np.isin(visibility, (0, 1, 2)).all() else visibility
        found.add(frame, joints, scores, identity(annotation.get("track_id")))
    if not people:
        raise FormatError("no annotation has key points", where)
    return [_clip(name, found, frames[name], sizes[name], len(people) > 1, where) for name, found in people.items()]


def _clip(
    name: str,
    people: Observations,
    frames: Sequence[int],
    sizes: Sequence[Mapping[str, int]],
    several: bool,
    where: str,
) -> RawClip:
    first = min(frames)
    recording = people.recording(first, max(frames) - first + 1, where=where)
    return RawClip(
        recording,
        people.skeleton,
        name=name if several else "",
        fields=sizes[0] if all(size == sizes[0] for size in sizes) else {},
        body_selection="people",
        unit="px",
    )


def _frame(image: Mapping[str, Any], where: str) -> tuple[str, int]:
    """Find the recording and the frame that an image is of."""
    video = next((str(image[key])[:80] for key in _VIDEO_KEYS if isinstance(image.get(key), (int, str))), None)
    frame = next((image[key] for key in _FRAME_KEYS if isinstance(image.get(key), int)), None)
    named = image.get("file_name")
    try:
        clip, number = frame_of_image(named if isinstance(named, str) else image["id"])
        if frame is not None:
            number = frame_of_image(frame)[1]
    except FormatError as error:
        raise FormatError(error.reason, where) from None
    return (clip if video is None else video), number


def _check_categories(categories: Any, where: str) -> None:
    """Raise if annotations name key points of another layout."""
    for category in categories if isinstance(categories, list) else ():
        names = category.get("keypoints") if isinstance(category, Mapping) else None
        if isinstance(names, list) and len(names) == 17:
            wrong = [name for name, joint in zip(names, COCO17.joints, strict=True) if str(name).lower() != joint]
            if wrong:
                raise FormatError(
                    f"its 17 key points include {str(wrong[0])[:40]!r}, so they are not those of COCO: convert them to "
                    "arrays and describe their skeleton in YAML",
                    where,
                )


def _is_annotated(content: Mapping[str, Any]) -> bool:
    annotations = content.get("annotations")
    return isinstance(annotations, list) and any(
        isinstance(annotation, Mapping) and "keypoints" in annotation for annotation in annotations
    )


def _recognise_results(file: RawFile) -> Evidence | None:
    if file.items and is_detection(file.items[0]):
        return Evidence("a list of records with 'image_id' and 'keypoints'", LIKELY)
    return None


def _recognise_annotations(file: RawFile) -> Evidence | None:
    if {"images", "annotations"} <= file.keys and _is_annotated(file.json):
        return Evidence("a record with 'images' and 'annotations', which have 'keypoints'")
    return None


def _parse_results(content: Any, where: str) -> list[RawClip]:
    return parse_detections(content, where, COCO_RESULTS.title)


COCO_RESULTS = FileFormat(
    name="coco_results",
    title="COCO key point results",
    suffixes=(".json",),
    recognise=_recognise_results,
    parse=from_json(_parse_results),
    fixed_skeleton=True,
    holds_many=True,
    row="`coco17`, `halpe26` (also the body of 133 or 136) | pixels | not stated | people are followed",
)

COCO_ANNOTATIONS = FileFormat(
    name="coco",
    title="COCO annotations",
    suffixes=(".json",),
    recognise=_recognise_annotations,
    parse=from_json(parse_coco_annotations),
    fixed_skeleton=True,
    holds_many=True,
    row="`coco17`, `halpe26`; visibility 2 is confidence 1, 1 is 0.5 | pixels, with the size of the images "
    "| not stated "
    "| `track_id` where all have one",
)
