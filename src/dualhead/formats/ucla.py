"""Northwestern-UCLA in JSON (Wang et al., CVPR 2014): `aAA_sSS_eEE_vVV.json`, one body of 20 joints in metres."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dualhead.formats.file_format import Evidence, FileFormat, RawClip, RawFile, ReadingOptions
from dualhead.formats.file_source import FileSource
from dualhead.formats.files.json_file import JsonFile, holds_only_numbers, nested_numbers, odd_place, parse_json
from dualhead.formats.recording import Recording
from dualhead.formats.source import Sample, SplitRule, load_class_names
from dualhead.runtime.errors import FormatError
from dualhead.skeleton import KINECT20

_NAME = re.compile(r"a(\d\d)_s(\d\d)_e(\d\d)_v(\d\d)", re.ASCII)
_ACTIONS = (1, 2, 3, 4, 5, 6, 8, 9, 11, 12)
"""Action numbers in the order of their labels 1 to 10; 7 and 10 are not used."""

_MAX_COORDINATE = 1e6
_MAX_FRAMES = 200_000


def parse_ucla(data: bytes, path: str | Path | None = None, content: Any = None) -> tuple[Recording, int | None]:
    """Parse the content of one NW-UCLA JSON file.

    Args:
        data: The file's bytes.
        path: The file, for the error message.
        content: The bytes parsed as JSON, where that is done already.

    Returns:
        The recording, joints `(T, 20, 3)` in metres (one body in each of T frames), and its 0-based label (the file
        counts from 1), None where it has none.

    Raises:
        FormatError: If the content is not a whole recording.
    """
    content, text = parse_json(data, path) if content is None else content, JsonFile(path)
    if not isinstance(content, dict) or "skeletons" not in content:
        raise FormatError("no NW-UCLA recording: it needs the key 'skeletons'", path)
    label = content.get("label")
    if label in (None, -1):
        label = None
    elif not isinstance(label, int) or not 1 <= label <= len(_ACTIONS):
        reason = f"label {str(label)[:40]!r} instead of an integer from 1 to {len(_ACTIONS)}"
        raise text.fault(reason, "label")
    try:
        texts = len(content) + sum(isinstance(value, str) for value in content.values())
        joints = nested_numbers(content["skeletons"], nulls=True, plain=holds_only_numbers(data, texts))
    except (ValueError, TypeError, OverflowError):
        place = odd_place(content["skeletons"])
        raise text.fault("'skeletons' is not a (frames, 20, 3) array of numbers", "skeletons", *place) from None
    if joints.ndim != 3 or joints.shape[1:] != (KINECT20.num_joints, 3) or not 1 <= len(joints) <= _MAX_FRAMES:
        raise text.fault(
            f"'skeletons' has shape {joints.shape} instead of (frames, 20, 3), up to {_MAX_FRAMES} frames", "skeletons"
        )
    if not np.abs(joints).max() <= _MAX_COORDINATE:  # also true for NaN
        frame, joint, _ = np.argwhere(~(np.abs(joints) <= _MAX_COORDINATE))[0].tolist()
        raise text.fault("'skeletons' holds a coordinate that is not a number of metres", "skeletons", frame, joint)
    count = len(joints)
    recording = Recording(joints, np.arange(count, dtype=np.int64), np.zeros(count, np.int64), count)
    return recording, None if label is None else label - 1


@dataclass(frozen=True, kw_only=True)
class UclaSource(FileSource):
    """Recordings named `aAA_sSS_eEE_vVV.json`: action, subject, take (field `repeat`), view (field `camera`)."""

    suffix: str = ".json"
    fields: tuple[str, ...] = ("camera", "subject", "repeat")
    max_bodies: int = 1

    def sample(self, name: str) -> Sample | None:
        """Read the fields of a name; see `FileSource.sample`."""
        match = _NAME.fullmatch(name)
        if match is None:
            raise FormatError(f"{name[:60]!r} is not a sample name of the form aAA_sSS_eEE_vVV", name)
        if int(match[1]) not in _ACTIONS:
            known = ", ".join(map(str, _ACTIONS))
            raise FormatError(f"{name} is of action {match[1]}, but NW-UCLA has only {known}", name)
        action, subject, repeat, camera = map(int, match.groups())
        return Sample(name, _ACTIONS.index(action), {"camera": camera, "subject": subject, "repeat": repeat})

    def parse(self, data: bytes, where: str | Path, sample: Sample | None = None) -> Recording:
        """Parse the JSON and check its label against the name; see `FileSource.parse`."""
        recording, label = parse_ucla(data, where)
        if label is None:
            raise FormatError(f"it has no label from 1 to {len(_ACTIONS)}, which a data set needs", where)
        if sample is not None and sample.label != label:
            raise FormatError(f"its label is {label + 1}, but its name says {(sample.label or 0) + 1}: renamed?", where)
        return recording


def ucla() -> UclaSource:
    """Register Northwestern-UCLA: views 1 and 2 train, view 3 tests."""
    return UclaSource(
        name="ucla",
        fps=30.0,
        skeleton=KINECT20,
        classes=load_class_names("ucla"),
        protocols={"xview": SplitRule("camera", (1, 2), (3,))},
    )


def _recognise(file: RawFile) -> Evidence | None:
    return Evidence("a JSON record with 'skeletons'") if "skeletons" in file.keys else None


def _parse(file: RawFile, options: ReadingOptions) -> Iterator[RawClip]:
    """Parse one file; where it has a sample name of NW-UCLA, its label must be that of the name."""
    source = ucla()
    sample = source.find(file.stem)
    recording, label = parse_ucla(file.data, file.where, file.json)
    if sample is not None and label not in (None, sample.label):
        said = f"its label is {(label or 0) + 1}, but its name says {(sample.label or 0) + 1}"
        raise FormatError(f"{said}: renamed?", file.where)
    known = None if sample is None or label is None else label
    yield RawClip(
        recording=recording,
        skeleton=KINECT20,
        label=known,
        class_name=None if known is None else source.classes[known],
        fields={} if sample is None else sample.fields,
        body_selection=source.body_selection,
        max_bodies=source.max_bodies,
        unit="m",
    )


UCLA_JSON = FileFormat(
    name="ucla",
    title="the JSON of NW-UCLA",
    suffixes=(".json",),
    recognise=_recognise,
    parse=_parse,
    fixed_skeleton=True,
    row="`kinect20` | metres, y up | not stated | one body",
)
