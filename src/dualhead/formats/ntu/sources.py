"""NTU RGB+D 60 and 120: sample names, classes and protocols (Shahroudy et al., CVPR 2016; Liu et al., TPAMI 2019)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dualhead.formats.file_format import LIKELY, Evidence, FileFormat, RawClip, RawFile, ReadingOptions
from dualhead.formats.file_source import FileSource
from dualhead.formats.ntu.parse import parse_skeleton
from dualhead.formats.recording import Recording
from dualhead.formats.source import Sample, SplitRule, load_class_names
from dualhead.runtime.errors import FormatError
from dualhead.skeleton import NTU25

_NAME = re.compile(r"S(\d{3})C(\d{3})P(\d{3})R(\d{3})A(\d{3})", re.ASCII)
_NUM_SETUPS_120 = 32
_NUM_ACTIONS_120 = 120

_SUBJECTS_60 = (1, 2, 4, 5, 8, 9, 13, 14, 15, 16, 17, 18, 19, 25, 27, 28, 31, 34, 35, 38)
_SUBJECTS_120 = (
    *_SUBJECTS_60, 45, 46, 47, 49, 50, 52, 53, 54, 55, 56, 57, 58, 59, 70, 74, 78, 80, 81, 82, 83, 84, 85, 86, 89,
    91, 92, 93, 94, 95, 97, 98, 100, 103,
)  # fmt: skip

XSUB_60 = SplitRule("subject", _SUBJECTS_60)
"""Cross-subject of NTU RGB+D 60: 20 of 40 performers train."""

XVIEW_60 = SplitRule("camera", (2, 3))
"""Cross-view of NTU RGB+D 60: cameras 2 and 3 train."""

XSUB_120 = SplitRule("subject", _SUBJECTS_120)
"""Cross-subject of NTU RGB+D 120: 53 of 106 performers train."""

XSET_120 = SplitRule("setup", tuple(range(2, _NUM_SETUPS_120 + 1, 2)))
"""Cross-setup of NTU RGB+D 120: even setups train."""


@dataclass(frozen=True, kw_only=True)
class NtuSource(FileSource):
    """Recordings named `SsssCcccPpppRrrrAaaa.skeleton`; label = action - 1.

    Attributes:
        num_setups: Setups 1 to this one belong to it; higher ones, to a larger set of the same format.
    """

    num_setups: int
    suffix: str = ".skeleton"
    missing_pattern: str = "*missing_skeletons*.txt"
    fields: tuple[str, ...] = ("setup", "camera", "subject", "repeat")

    def sample(self, name: str) -> Sample | None:
        """Read the fields of a name; see `FileSource.sample`."""
        match = _NAME.fullmatch(name)
        if match is None:
            raise FormatError(f"{name[:60]!r} is not a sample name of the form SsssCcccPpppRrrrAaaa", name)
        setup, camera, subject, repeat, action = map(int, match.groups())
        if not (1 <= setup <= _NUM_SETUPS_120 and 1 <= action <= _NUM_ACTIONS_120):
            raise FormatError(f"{name} is outside setups 1-{_NUM_SETUPS_120} and actions 1-{_NUM_ACTIONS_120}", name)
        if setup > self.num_setups or action > len(self.classes):
            return None
        return Sample(name, action - 1, {"setup": setup, "camera": camera, "subject": subject, "repeat": repeat})

    def parse(self, data: bytes, where: str | Path, sample: Sample | None = None) -> Recording:
        """Parse `.skeleton` text; see `FileSource.parse`."""
        return parse_skeleton(data, where)


def ntu60() -> NtuSource:
    """Register NTU RGB+D 60: setups 1 to 17, actions 1 to 60; recordings of NTU RGB+D 120 alone are skipped."""
    return NtuSource(
        name="ntu60",
        fps=30.0,
        skeleton=NTU25,
        classes=load_class_names("ntu120")[:60],
        protocols={"xsub": XSUB_60, "xview": XVIEW_60},
        num_setups=17,
    )


def ntu120() -> NtuSource:
    """Register NTU RGB+D 120: setups 1 to 32, actions 1 to 120, those of NTU RGB+D 60 included."""
    return NtuSource(
        name="ntu120",
        fps=30.0,
        skeleton=NTU25,
        classes=load_class_names("ntu120"),
        protocols={"xsub": XSUB_120, "xset": XSET_120},
        num_setups=_NUM_SETUPS_120,
    )


def _recognise(file: RawFile) -> Evidence | None:
    return Evidence("its name ends in .skeleton", LIKELY)


def named_clip(recording: Recording, name: str) -> RawClip:
    """Return a recording as a clip; a sample name of NTU RGB+D gives it a class and fields.

    Args:
        recording: The recording, in metres.
        name: Its name, or that of its file.
    """
    source = ntu120()
    sample = source.find(name)
    label = None if sample is None else sample.label
    return RawClip(
        recording=recording,
        skeleton=NTU25,
        label=label,
        class_name=None if label is None else source.classes[label],
        fields={} if sample is None else sample.fields,
        body_selection=source.body_selection,
        max_bodies=source.max_bodies,
        unit="m",
    )


def _parse(file: RawFile, options: ReadingOptions) -> Iterator[RawClip]:
    yield named_clip(parse_skeleton(file.data, file.where), file.stem)


NTU_SKELETON = FileFormat(
    name="ntu",
    title="the .skeleton text of NTU RGB+D",
    suffixes=(".skeleton",),
    recognise=_recognise,
    parse=_parse,
    fixed_skeleton=True,
    row="`ntu25` | metres, y up | not stated | body IDs, followed",
)
