"""Ultralytics pose results: JSON of `to_json()`, and label files of `save_txt`, one a frame."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualhead.formats.file_format import (
    LIKELY,
    POSSIBLE,
    Evidence,
    FileFormat,
    RawClip,
    RawFile,
    ReadingOptions,
    from_json,
)
from dualhead.formats.files.json_file import parse_json
from dualhead.formats.files.text_lines import check_lines
from dualhead.formats.frame_files import FrameFiles, frame_name
from dualhead.formats.observations import MAX_PEOPLE, Observations, identity, number_array
from dualhead.runtime.errors import FormatError
from dualhead.skeleton import COCO17

_FRAME_KEYS = ("frame", "frame_id", "frame_idx", "frame_index")
_LIST_KEYS = ("results", "detections", "predictions", "people", "persons", "objects")
_BOX = 5
"""Numbers in front of the key points of a label: class, and the box as centre and size."""

_WIDTHS = {_BOX + channels * 17 + more: (channels, more) for channels in (2, 3) for more in (0, 1, 2)}
_LARGEST_FRACTION = 2.0


def parse_ultralytics(content: Any, where: str) -> RawClip:
    """Parse the JSON of a recording: a list with a list of detections for each frame.

    Args:
        content: A list of frames, each a list of detections or a record that holds one and perhaps the number of the
            frame; or a list of detections with the number of their frame each.
        where: The source, for the error message.

    Returns:
        The recording, 17 joints of COCO in pixels, or in fractions where `to_json(normalize=True)` wrote it.

    Raises:
        FormatError: If something is missing or of another layout.
    """
    if not isinstance(content, list):
        raise FormatError("expected a list of frames of Ultralytics pose results", where)
    people = Observations(COCO17)
    numbers = []
    for place, entry in enumerate(content):
        number = place
        if isinstance(entry, Mapping):
            number = next((entry[key] for key in _FRAME_KEYS if isinstance(entry.get(key), int)), place)
            if "keypoints" in entry:
                entry = [entry]
            else:
                entry = next((entry[key] for key in _LIST_KEYS if isinstance(entry.get(key), list)), None)
        numbers.append(number)
        _add_frame(people, number, entry, where)
    del content  # it takes more than what was read from it
    first = min(numbers, default=0)
    return _clip(people, first, max(numbers, default=-1) - first + 1, where)


def _add_frame(people: Observations, frame: int, detections: Any, where: str) -> None:
    if not isinstance(detections, list) or not all(isinstance(found, Mapping) for found in detections):
        raise FormatError(f"frame {frame} is not a list of detections", where)
    if len(detections) > MAX_PEOPLE:
        raise FormatError(f"{len(detections)} people are more than the {MAX_PEOPLE} that one frame may hold", where)
    for detection in detections:
        points = detection.get("keypoints")
        if not isinstance(points, Mapping) or not {"x", "y"} <= points.keys():
            raise FormatError(f"a detection of frame {frame} has no 'keypoints' with 'x' and 'y'", where)
        axes = [number_array(points[axis], where, f"'{axis}'") for axis in ("x", "y")]
        visible = points.get("visible")
        scores = np.ones(17) if visible is None else number_array(visible, where, "'visible'")
        if not all(values.shape == (17,) for values in (*axes, scores)):
            raise FormatError(
                f"{axes[0].size} key points of shape {axes[0].shape}, but a person of Ultralytics has 17", where
            )
        people.add(frame, np.stack(axes, axis=1), scores, identity(detection.get("track_id")))


def parse_label_line(line: str, where: str, number: int) -> tuple[NDArray[np.float64], NDArray[np.float64], str]:
    """Parse a line of a label file: class, box, 17 key points of 2 or 3 numbers, perhaps a confidence and an identity.

    Args:
        line: Numbers between blanks.
        where: The source, for the error message.
        number: Its 1-based number.

    Returns:
        Joints `(17, 2)` as fractions of the image, scores `(17,)` and the identity, or "".

    Raises:
        FormatError: If it has another number of numbers, or one is not a number.
    """
    cells = line.split()
    if len(cells) not in _WIDTHS:
        raise FormatError(f"{len(cells)} numbers in a line, but a pose label has {_widths()}", where, number)
    try:
        values = np.array(cells, np.float64)
    except ValueError:
        raise FormatError("a label holds something other than numbers", where, number) from None
    if not np.abs(values).max() <= 1e9:
        raise FormatError("a label holds a number that is infinite or far too large", where, number)
    channels, more = _WIDTHS[len(cells)]
    points = values[_BOX : _BOX + 17 * channels].reshape(17, channels)
    scores = points[:, 2] if channels == 3 else np.ones(17)
    behind = values[len(values) - more :].tolist()
    # a confidence is a fraction, an identity an integer; with both the identity comes last
    person = identity(behind[-1]) if more == 2 or (more == 1 and behind[0] >= 1) else ""
    return points[:, :2], scores, person


def _widths() -> str:
    widths = sorted(_WIDTHS)
    return f"{', '.join(map(str, widths[:-1]))} or {widths[-1]}"


def _clip(people: Observations, first: int, num_frames: int, where: str, name: str = "") -> RawClip:
    recording = people.recording(first, num_frames, where=where)
    seen = recording.joints[recording.joints.any(axis=2)]
    in_fractions = bool(len(seen)) and float(np.abs(seen).mean()) <= _LARGEST_FRACTION
    return RawClip(
        recording,
        COCO17,
        name=name,
        body_selection="people",
        unit="fraction" if in_fractions else "px",
        where=where,
    )


def _is_detection(record: Any) -> bool:
    points = record.get("keypoints") if isinstance(record, Mapping) else None
    return isinstance(points, Mapping) and {"x", "y"} <= points.keys()


def _detections(entry: Any) -> Sequence[Any]:
    if isinstance(entry, Mapping):
        return next((entry[key] for key in _LIST_KEYS if isinstance(entry.get(key), list)), [])
    return entry if isinstance(entry, list) else []


def _recognise(file: RawFile) -> Evidence | None:
    for entry in file.items:
        if type(entry) not in (dict, list, type(None)):  # of millions of numbers, each would be asked for what it holds
            return None
        if _is_detection(entry):
            if any(key in entry for key in _FRAME_KEYS):
                return Evidence("detections with 'keypoints' of 'x' and 'y', and the number of their frame")
            return None
        held = _detections(entry)
        if held:
            return Evidence("a list of frames with detections") if _is_detection(held[0]) else None
    return None


def _recognise_frame(file: RawFile) -> Evidence | None:
    first = file.items[0] if file.items else {}
    if _is_detection(first) and not any(key in first for key in _FRAME_KEYS):
        return Evidence("a list of detections with 'keypoints' of 'x' and 'y'")
    return None


def _recognise_label(file: RawFile) -> Evidence | None:
    if file.rows and all(len(row) in _WIDTHS for row in file.rows):
        boxes = [row[1:_BOX] for row in file.rows]
        if all(_is_fraction(cell) for box in boxes for cell in box):
            return Evidence(f"lines of {len(file.rows[0])} numbers that begin with a class and a box", LIKELY)
    if not file.start.strip() and frame_name(file.name) is not None:
        return Evidence("an empty file with a frame number in its name", POSSIBLE)
    return None


def _is_fraction(cell: str) -> bool:
    try:
        return -0.1 <= float(cell) <= 1.1
    except ValueError:
        return False


def _parse_frames(files: FrameFiles, options: ReadingOptions) -> Iterator[RawClip]:
    people = Observations(COCO17)
    for number in sorted(files.frames):
        member = files.frames[number]
        _add_frame(people, number, parse_json(member.read(), member.where), member.where)
    first = min(files.frames)
    yield _clip(people, first, max(files.frames) - first + 1, files.where, files.name)


def _parse_labels(files: FrameFiles, options: ReadingOptions) -> Iterator[RawClip]:
    people = Observations(COCO17)
    for number in sorted(files.frames):
        member = files.frames[number]
        data = member.read()
        check_lines(data, member.where)
        lines = data.decode("utf-8", "replace").splitlines()
        held = [(place, line) for place, line in enumerate(lines, 1) if line.strip()]
        if len(held) > MAX_PEOPLE:
            raise FormatError(f"{len(held)} people are more than the {MAX_PEOPLE} of one frame", member.where)
        for place, line in held:
            joints, scores, person = parse_label_line(line, member.where, place)
            people.add(number, joints, scores, person)
    first = min(files.frames)
    yield _clip(people, first, max(files.frames) - first + 1, files.where, files.name)


ULTRALYTICS = FileFormat(
    name="ultralytics",
    title="Ultralytics pose results",
    suffixes=(".json",),
    recognise=_recognise,
    parse=from_json(parse_ultralytics),
    fixed_skeleton=True,
    row="`coco17` | pixels, or fractions where normalised | not stated | `track_id` where all have one",
)

ULTRALYTICS_FRAMES = FileFormat(
    name="ultralytics_frames",
    title="Ultralytics pose results, one file a frame",
    suffixes=(".json",),
    recognise=_recognise_frame,
    parse_frames=_parse_frames,
    fixed_skeleton=True,
    row="`coco17` | pixels, or fractions where normalised | not stated | `track_id` where all have one",
)

ULTRALYTICS_LABELS = FileFormat(
    name="ultralytics_labels",
    title="Ultralytics label files",
    suffixes=(".txt",),
    recognise=_recognise_label,
    parse_frames=_parse_labels,
    fixed_skeleton=True,
    row="`coco17` | fractions | not stated | the number behind each line, where all have one",
)
