"""The declaration of a raw format: how its files are recognised, and what they are parsed to."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Any, Literal

from dualhead.formats.custom.array_layout import AXES
from dualhead.formats.files.arrays import BAD_ZIP, read_header
from dualhead.formats.files.json_file import parse_json
from dualhead.formats.files.raw_file import FileMember, Member
from dualhead.formats.frame_files import FrameFiles
from dualhead.formats.recording import Recording
from dualhead.formats.units import METRES
from dualhead.runtime.errors import ConfigError, DualheadError, FormatError, unknown
from dualhead.skeleton import Skeleton

if TYPE_CHECKING:
    from dualhead.poses.command import PoseEstimator

CERTAIN, LIKELY, POSSIBLE = 3, 2, 1
"""Strength of the evidence for a format: keys that no other format has; a layout that fits; the suffix of the name
alone."""

Unit = Literal["m", "cm", "mm", "in", "px", "fraction", ""]
"""The unit of the coordinates of a clip; "" where the format leaves it open."""

START_BYTES = 2**16
"""Number of bytes at the start of a file that are inspected to recognise it."""

_FIRST_LINES = 8
_MOST_ARRAYS = 1000


@dataclass(frozen=True)
class Evidence:
    """The evidence that a file has a format.

    Attributes:
        reason: The reason, such as "a list of records with 'image_id' and 'keypoints'".
        strength: `CERTAIN`, `LIKELY` or `POSSIBLE`; the format with the strongest evidence is taken.
    """

    reason: str
    strength: int = CERTAIN


class RawFile:
    """A file that is to be recognised and parsed: its name, its bytes and what they decode to, each read once.

    Attributes:
        member: The file.
        where: Its path in messages.
        name: The last part of its path.
        stem: `name` without its ending.
        suffix: The ending in lower case, such as ".json".
    """

    def __init__(self, member: Member):
        self.member = member
        self.where = member.where
        path = PurePosixPath(member.where.replace("\\", "/"))
        self.name, self.stem, self.suffix = path.name, path.stem, path.suffix.lower()

    @cached_property
    def data(self) -> bytes:
        """The whole content.

        Raises:
            FormatError: If it cannot be read or is too large for a recording.
        """
        return self.member.read()

    @cached_property
    def json(self) -> Any:
        """The content parsed as JSON.

        Raises:
            FormatError: If it is not whole JSON.
        """
        return parse_json(self.data, self.where)

    def take_json(self) -> Any:
        """Return the content parsed as JSON, and keep it no longer: lists take several times as much as arrays.

        Raises:
            FormatError: If it is not whole JSON.
        """
        content = self.json
        del self.json
        self.__dict__.pop("_json_or_none", None)
        return content

    @property
    def keys(self) -> frozenset[str]:
        """The keys of a JSON record; empty if the file is not one, or is damaged."""
        content = self._json_or_none
        return frozenset(content) if isinstance(content, dict) else frozenset()

    @property
    def items(self) -> list[Any]:
        """The entries of a JSON list; empty if the file is not one, or is damaged."""
        content = self._json_or_none
        return content if isinstance(content, list) else []

    @cached_property
    def _json_or_none(self) -> Any:
        if self.suffix != ".json":
            return None
        try:
            return self.json
        except FormatError:
            return None

    @cached_property
    def rows(self) -> list[list[str]]:
        """The cells of the first lines of a text file, split at commas where there are any, else at blanks."""
        text = self.start.decode("utf-8-sig", "replace")
        lines = [line for line in text.splitlines() if line.strip()][:_FIRST_LINES]
        if any("," in line for line in lines):
            try:
                return [[cell.strip() for cell in row] for row in csv.reader(io.StringIO("\n".join(lines)))]
            except csv.Error:
                return []
        return [line.split() for line in lines]

    @cached_property
    def start(self) -> bytes:
        """The first bytes, at most `START_BYTES`; nothing more is read of a plain file.

        Raises:
            FormatError: If the file cannot be read.
        """
        with self._open() as stream:
            return stream.read(START_BYTES)

    def _open(self) -> IO[bytes]:
        if type(self.member) is FileMember:
            try:
                return Path(self.member.path).open("rb")
            except OSError as error:
                raise FormatError(f"cannot be read: {error.strerror or error}", self.where) from None
        return io.BytesIO(self.data)

    @cached_property
    def arrays(self) -> Mapping[str, tuple[int, ...] | None]:
        """Names and shapes of the arrays of an `.npz` (None for one that is not of numbers); `.npy`: one named ""."""
        try:
            if self.suffix == ".npy":
                return {"": _shape(self.start, self.where)}
            if self.suffix == ".npz":
                with self._open() as file, zipfile.ZipFile(file) as archive:
                    found = {}
                    for info in archive.infolist()[:_MOST_ARRAYS]:
                        with archive.open(info) as stream:
                            found[info.filename.removesuffix(".npy")] = _shape(stream.read(START_BYTES), self.where)
                    return found
        except (*BAD_ZIP, OSError, FormatError):
            pass
        return {}


def _shape(start: bytes, where: str) -> tuple[int, ...] | None:
    try:
        return read_header(io.BytesIO(start), where).shape
    except FormatError:
        return None


@dataclass(frozen=True)
class ReadingOptions:
    """Facts about recordings that are known from elsewhere than their files.

    Attributes:
        skeleton: The layout of the joints, as the user says; files that have another of their own are refused.
        usual: The layout of files that leave it open where `skeleton` does not say it: the checkpoint's.
        classes: Class names by label, for files that name their class; None: those of the format.
        image_size: Width and height of the image in pixels.
        fps: Frames a second.
        unit: The unit of 3D coordinates: "m", "cm", "mm" or "in"; None: as the format says.
        extent: The size of bodies that 3D coordinates are compared with, in metres; None: not compared.
        has_confidence: Whether the data set keeps confidences; None: as the files have them.
        axes: The order of the axes of arrays, such as "TMVC"; None: as their numbers say.
        any_scale: Whether 2D coordinates may be pixels of images whose size is not known, as for a picture.
        kind: The name of the format that files are to be interpreted as; None: as they are recognised.
        poses: Estimates the poses in videos; None: one with the usual settings.
    """

    skeleton: Skeleton | None = None
    usual: Skeleton | None = None
    classes: tuple[str, ...] | None = None
    image_size: tuple[int, int] | None = None
    fps: float | None = None
    unit: str | None = None
    extent: float | None = None
    has_confidence: bool | None = None
    axes: str | None = None
    any_scale: bool = False
    kind: str | None = None
    poses: PoseEstimator | None = None

    def __post_init__(self) -> None:
        """Check what a user may mistype, also where no file asks for it."""
        if self.axes is not None and self.axes.upper() not in AXES:
            raise ConfigError(
                f"axes {self.axes[:10]!r} are invalid: pass the letters M, T, V, C in their order, such as TMVC"
            )
        if self.unit is not None and self.unit not in METRES:
            raise unknown("unit", self.unit, METRES)


@dataclass(frozen=True, eq=False)
class RawClip:
    """A recording as its file has it, before bodies are chosen.

    Attributes:
        recording: Every body seen in every frame, with `fps` where the file says it.
        skeleton: The layout of the joints.
        name: Its name; "": its file's.
        label: Its 0-based class number in the format's own data set, or None.
        class_name: The name of its class, or None where that is not known. It decides whether the label means anything
            to a checkpoint.
        fields: Whole numbers known of it, `width` and `height` of the image among them.
        body_selection: The selection used where none is requested: "order" where each body keeps its place in the file,
            "people" or "tracked" where they are to be followed.
        max_bodies: Number of bodies that are kept by default.
        keeps_empty: Whether it is a recording also where no person is seen.
        unit: The unit of the coordinates, after the parser's conversion. Metres are x right, y up, z away, as the
            Kinect's camera has them.
        notes: Notes for the user, such as "hands are left out"; a sentence each.
        where: The place of the recording; "": its file.
    """

    recording: Recording
    skeleton: Skeleton
    name: str = ""
    label: int | None = None
    class_name: str | None = None
    fields: Mapping[str, int] = field(default_factory=dict)
    body_selection: str = "order"
    max_bodies: int = 2
    keeps_empty: bool = False
    unit: Unit = ""
    notes: tuple[str, ...] = ()
    where: str = ""


Recognise = Callable[[RawFile], "Evidence | None"]
Parse = Callable[[RawFile, ReadingOptions], "Iterable[RawClip | DualheadError]"]
ParseFrames = Callable[[FrameFiles, ReadingOptions], "Iterable[RawClip | DualheadError]"]


@dataclass(frozen=True, kw_only=True)
class FileFormat:
    """A kind of raw file.

    Attributes:
        name: The name in options, such as "alphapose".
        title: The name in messages, such as "AlphaPose results".
        suffixes: Endings of its files in lower case; nothing else is shown to `recognise`.
        recognise: Looks at a file and returns the evidence that it is of this format, or None.
        parse: Parses a file to its recordings, lazily where there are many. An error in the place of a recording leaves
            that one out; an error raised, all of them. None: recognised but not supported, see `instead`.
        instead: The advice for a file that is recognised but not supported, one sentence.
        parse_frames: In the place of `parse` for formats with one file a frame: parses all frames of one recording.
            Files of one folder whose names are alike before the number (`frame_name`) are one recording.
        brings_skeleton: Whether its files define their joints; others need `--skeleton` or a checkpoint.
        fixed_skeleton: Whether another skeleton that the user gives is refused.
        holds_many: Whether one file holds many recordings.
        row: The row of docs/predict.md: joints, unit and axes, frame rate, identities.
    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    recognise: Recognise
    parse: Parse | None = None
    instead: str = ""
    parse_frames: ParseFrames | None = None
    brings_skeleton: bool = True
    fixed_skeleton: bool = False
    holds_many: bool = False
    row: str = ""

    @property
    def is_supported(self) -> bool:
        """True if its files can be read."""
        return self.parse is not None or self.parse_frames is not None


def from_json(parse: Callable[[Any, str], RawClip | Iterable[RawClip]]) -> Parse:
    """Return the `parse` of a format whose files are JSON.

    Args:
        parse: From the content and its place to one recording or several.
    """

    def parse_file(file: RawFile, _: ReadingOptions) -> Iterator[RawClip]:
        yield from _clips(parse(file.take_json(), file.where))

    return parse_file


def from_bytes(parse: Callable[[bytes, str], RawClip | Iterable[RawClip]]) -> Parse:
    """Return the `parse` of a format whose parser takes the bytes of a file.

    Args:
        parse: From the bytes and their place to one recording or several.
    """

    def parse_file(file: RawFile, _: ReadingOptions) -> Iterator[RawClip]:
        yield from _clips(parse(file.data, file.where))

    return parse_file


def _clips(made: RawClip | Iterable[RawClip]) -> Iterable[RawClip]:
    return [made] if isinstance(made, RawClip) else made


def dump_keys(keys: Iterable[str], most: int = 6) -> str:
    """Return the first keys of a record as text, for a message.

    Args:
        keys: The keys.
        most: Number of those shown.
    """
    shown = sorted(map(str, keys))
    return ", ".join(json.dumps(key[:40]) for key in shown[:most]) + (", ..." if len(shown) > most else "")


def require_skeleton(options: ReadingOptions, skeleton: Skeleton, title: str) -> None:
    """Check that the skeleton the user gave is the one that the format defines.

    Args:
        options: The options of the user.
        skeleton: The format's.
        title: The name of the format.

    Raises:
        ConfigError: If the user gave another one.
    """
    if options.skeleton is not None and options.skeleton != skeleton:
        raise ConfigError(
            f"{title} has the skeleton {skeleton.name!r}, not {options.skeleton.name!r}: omit the skeleton"
        )
