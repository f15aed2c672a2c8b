"""MMPose's predictions: JSON with `meta_info` and `instance_info`, or the lists that its inferencer writes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualhead.formats.file_format import Evidence, FileFormat, RawClip, RawFile, ReadingOptions, from_json
from dualhead.formats.files.json_file import parse_json
from dualhead.formats.frame_files import FrameFiles
from dualhead.formats.observations import BODY_LAYOUTS, MAX_PEOPLE, Observations, identity, number_array
from dualhead.runtime.errors import FormatError
from dualhead.skeleton import H36M17, Skeleton

_H36M_ROOTS = ("root", "hip", "pelvis")


def parse_mmpose(content: Any, where: str) -> RawClip:
    """Parse MMPose's predictions for a video or a picture.

    Convention: two coordinates are pixels of COCO 17, COCO-WholeBody (its body) or Halpe 26; three are those of
    Human3.6M in metres, x left in the image, y away, z up, as MMPose's lifters turn them.

    Args:
        content: A record with `instance_info` and perhaps `meta_info`, or a list of frames (`instances`) or of people
            (`keypoints`).
        where: The source, for the error message.

    Returns:
        The recording; 3D is turned to x left in the image, y up, z away.

    Raises:
        FormatError: If something is missing or of another layout.
    """
    frames = content.get("instance_info") if isinstance(content, Mapping) else content
    if not isinstance(frames, list):
        raise FormatError("expected MMPose predictions with the list 'instance_info'", where)
    names = _names(content.get("meta_info")) if isinstance(content, Mapping) else ()
    people: Observations | None = None
    numbers: list[int] = []
    trimmed = False
    for place, (number, instances) in enumerate(_frames(frames, where)):
        frame = place if number is None else number
        numbers.append(frame)
        for instance in instances:
            points, scores = _points(instance, where)
            skeleton = _skeleton(points, names, where)
            people = people or Observations(skeleton)
            if people.skeleton != skeleton:
                raise FormatError("its people have different numbers of key points", where)
            trimmed |= len(points) > skeleton.num_joints
            scores = None if scores is None else scores[: skeleton.num_joints]
            person = identity(instance.get("track_id", instance.get("instance_id")))
            people.add(frame, _to_axes(points[: skeleton.num_joints]), scores, person)
    if people is None:
        raise FormatError("it contains no person", where)
    first = min(numbers)
    recording = people.recording(first, max(numbers) - first + 1, where=where)
    flat = people.skeleton.dimensions == 2
    return RawClip(
        recording,
        people.skeleton,
        body_selection="people",
        unit="px" if flat else "m",
        notes=("hands and face are left out, only the body is read",) if trimmed else (),
    )


def _frames(frames: list[Any], where: str) -> Iterator[tuple[int | None, list[Mapping[str, Any]]]]:
    """Yield the number and the people of each frame; a list of people is one frame."""
    if all(isinstance(frame, Mapping) and "instances" not in frame for frame in frames):
        frames = [{"instances": frames}]
    for place, frame in enumerate(frames):
        number = frame.get("frame_id") if isinstance(frame, Mapping) else None
        instances = frame.get("instances") if isinstance(frame, Mapping) else frame
        if not isinstance(instances, list) or not all(isinstance(person, Mapping) for person in instances):
            raise FormatError(f"frame {place} has no list of people 'instances'", where)
        if len(instances) > MAX_PEOPLE:
            raise FormatError(f"{len(instances)} people are more than the {MAX_PEOPLE} that one frame may hold", where)
        if number is not None and (not isinstance(number, int) or not 0 <= number < 10**15):
            raise FormatError(f"'frame_id' is {str(number)[:40]!r} instead of an integer", where)
        yield number, instances


def _points(instance: Mapping[str, Any], where: str) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """Return the key points `(V, 2 or 3)` and scores `(V,)` of a person."""
    if "keypoints" not in instance:
        raise FormatError("a person has no 'keypoints'", where)
    points = number_array(instance["keypoints"], where, "'keypoints'")
    if points.ndim == 3 and len(points) == 1:
        points = points[0]
    if points.ndim != 2 or points.shape[1] not in (2, 3):
        raise FormatError(f"'keypoints' has shape {points.shape} instead of (joints, 2) or (joints, 3)", where)
    given = instance.get("keypoint_scores")
    if given is None:
        return points, None
    scores = number_array(given, where, "'keypoint_scores'").reshape(-1)
    if len(scores) != len(points):
        raise FormatError(f"{len(scores)} scores for {len(points)} key points", where)
    return points, scores


def _names(meta: Any) -> tuple[str, ...]:
    """Return the names of the key points, or () where they are not said."""
    table = meta.get("keypoint_id2name") if isinstance(meta, Mapping) else None
    if not isinstance(table, Mapping):
        return ()
    return tuple(str(table.get(str(number), "")).lower() for number in range(len(table)))


def _skeleton(points: NDArray[np.float64], names: tuple[str, ...], where: str) -> Skeleton:
    """Find the layout by the number of key points, and check it with their names."""
    count, dimensions = points.shape
    found = BODY_LAYOUTS.get(count) if dimensions == 2 else H36M17 if count == 17 else None
    if found is None or (names and len(names) != count):
        raise FormatError(
            f"{count} key points of {dimensions} coordinates are not a layout that is read: COCO 17, Halpe 26, "
            "COCO-WholeBody 133 (2 coordinates) or Human3.6M 17 (3 coordinates)",
            where,
        )
    if names and (names[0] not in _H36M_ROOTS if found == H36M17 else names[: len(_plain(found))] != _plain(found)):
        odd = next((name for name, joint in zip(names, found.joints, strict=False) if name != joint), names[0])
        raise FormatError(f"its key points include {odd[:40]!r}, so they are not those of {found.name!r}", where)
    return found


def _plain(skeleton: Skeleton) -> tuple[str, ...]:
    return skeleton.joints[:17]


def _to_axes(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rotate y away, z up to y up, z away; 2D points are not changed."""
    return points if points.shape[1] == 2 else points[:, [0, 2, 1]]


def _instances(content: Any) -> list[Any]:
    """Return the entries of predictions: frames, or the people of one picture, which may lie in a list of their own."""
    held = content.get("instance_info") if isinstance(content, Mapping) else content
    held = held if isinstance(held, list) else []
    return held[0] if len(held) == 1 and isinstance(held[0], list) else held


def _is_person(entry: Any) -> bool:
    return isinstance(entry, Mapping) and "keypoints" in entry and "keypoint_scores" in entry


def _recognise(file: RawFile) -> Evidence | None:
    held = _instances(file.json) if file.items or "instance_info" in file.keys else []
    if held and isinstance(held[0], Mapping) and isinstance(held[0].get("instances"), list):
        return Evidence("a list of frames with 'instances'")
    if "instance_info" in file.keys and not (held and _is_person(held[0])):
        return Evidence("a record with 'instance_info'")
    return None


def _recognise_picture(file: RawFile) -> Evidence | None:
    held = _instances(file.json) if file.items or "instance_info" in file.keys else []
    return Evidence("people with 'keypoints' and 'keypoint_scores'") if held and _is_person(held[0]) else None


def _parse_pictures(files: FrameFiles, options: ReadingOptions) -> Iterator[RawClip]:
    meta: Any = None
    frames = []
    for number in sorted(files.frames):
        member = files.frames[number]
        content = parse_json(member.read(), member.where)
        meta = content.get("meta_info", meta) if isinstance(content, Mapping) else meta
        frames.append({"frame_id": number, "instances": _instances(content)})
    clip = parse_mmpose({"meta_info": meta, "instance_info": frames}, files.where)
    yield replace(clip, name=files.name, where=files.where)


MMPOSE = FileFormat(
    name="mmpose",
    title="MMPose predictions",
    suffixes=(".json",),
    recognise=_recognise,
    parse=from_json(parse_mmpose),
    fixed_skeleton=True,
    row="`coco17`, `halpe26` (also the body of 133); 3D: `h36m17` | pixels; 3D: metres, Kinect axes | not stated | "
    "`track_id` where all have one",
)

MMPOSE_PICTURES = FileFormat(
    name="mmpose_pictures",
    title="MMPose predictions, one file a picture",
    suffixes=(".json",),
    recognise=_recognise_picture,
    parse_frames=_parse_pictures,
    fixed_skeleton=True,
    row=MMPOSE.row,
)
