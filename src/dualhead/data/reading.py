"""One raw recording as a sequence, for prediction and pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from dualhead.data.bodies.selection import get_selection
from dualhead.formats.custom.clip_file import parse_clip
from dualhead.formats.custom.skeleton_file import load_skeleton
from dualhead.formats.file_source import FileSource
from dualhead.formats.files.json_file import parse_json
from dualhead.formats.files.member import FileMember, Member, list_members
from dualhead.formats.files.raw_file import SpecialFile, is_special, last_change
from dualhead.formats.kinetics.parse import parse_kinetics
from dualhead.formats.openpose import LAYOUTS, OpenposeClip, group_openpose, is_openpose_frame, read_openpose
from dualhead.formats.recording import Recording
from dualhead.formats.registry import get_source
from dualhead.formats.source import Sample, Source
from dualhead.runtime.errors import FormatError
from dualhead.sequence import SkeletonSequence
from dualhead.skeleton import Skeleton

SUFFIXES = (".skeleton", ".json")
"""Endings of the raw files that can be read one by one."""

ARRAY_SUFFIXES = (".npy", ".npz", ".csv")
"""Endings of files that can be read where their skeleton is given."""

_OPENPOSE_BODIES = 2


@dataclass(frozen=True, eq=False)
class RawClip:
    """A recording as its file has it, before bodies are chosen.

    Attributes:
        recording: Every body seen in every frame.
        skeleton: The layout of the joints.
        sample: Its name, label and fields.
        where: Where it lies.
        body_selection: The selection used where none is asked for.
        max_bodies: How many bodies are kept where nothing else is asked for.
        keeps_empty: Whether it is a recording also where nobody is seen.
        in_fractions: Whether flat coordinates are fractions of the image by the definition of the format.
    """

    recording: Recording
    skeleton: Skeleton
    sample: Sample
    where: str
    body_selection: str
    max_bodies: int
    keeps_empty: bool = False
    in_fractions: bool = False

    def select(
        self,
        body_selection: str | None = None,
        max_bodies: int | None = None,
        fields: Mapping[str, int] | None = None,
    ) -> SkeletonSequence:
        """Choose the bodies.

        Args:
            body_selection: Which bodies to keep; default: the format's.
            max_bodies: The most bodies to keep; default: as many as the format's data sets.
            fields: Fields beside the sample's own.

        Returns:
            The selected bodies' raw coordinates, all frames.

        Raises:
            ConfigError: If the selection is unknown or needs scores that there are not.
            FormatError: If there is no body.
        """
        choose = get_selection(body_selection or self.body_selection)
        joints, confidence = choose(self.recording, self.max_bodies if max_bodies is None else max_bodies)
        if not len(joints) and not self.keeps_empty:
            raise FormatError(f"no body in any of its {self.recording.num_frames} frames", self.where)
        held = {**self.sample.fields, **(fields or {})}
        return SkeletonSequence(joints, self.skeleton, self.sample.name, self.sample.label, confidence, held)


def read_sequence(
    path: str | Path, *, body_selection: str | None = None, skeleton: str | Path | Skeleton | None = None
) -> SkeletonSequence:
    """Read one raw recording.

    Without a skeleton: an NTU `.skeleton` file, an NW-UCLA `.json` file, a Kinetics-Skeleton `.json` file, or a folder
    of OpenPose's frames. With one: a clip of one's own as `.npy`, `.npz`, `.csv` or `.json`, laid out as
    docs/custom-data.md says.

    Args:
        path: The file or folder. Where its name is a sample name of its data set, or a Kinetics file says so, the
            sequence has a label; otherwise its label is None.
        body_selection: Which bodies to keep; default: the data set's.
        skeleton: The layout of the joints of a clip of one's own: a `Skeleton`, a name or a YAML file. Files that have
            a skeleton of their own take no other.

    Returns:
        The selected bodies' raw coordinates, all frames.

    Raises:
        ConfigError: If the skeleton is unknown or not that of the file.
        FormatError: If the file is missing, of an unknown kind, damaged, or holds no body.
    """
    if Path(path).is_dir():
        clips = group_openpose(list_members([Path(path)]))
        if len(clips) != 1:
            raise FormatError(f"a folder of {len(clips)} OpenPose recordings: give one, or a single file", path)
        return parse_frames(clips[0]).select(body_selection)
    return read_member(file_member(path), body_selection=body_selection, skeleton=skeleton)


def file_member(path: str | Path) -> FileMember:
    """Find one plain file, known by the path that the user gave.

    Args:
        path: The file.

    Raises:
        FormatError: If it is missing, or no file but such as a named pipe.
    """
    try:
        state = Path(path).stat()
    except OSError as error:
        raise FormatError(f"cannot be read: {error.strerror}", path) from None
    if is_special(state):
        SpecialFile(str(path), 0, 0).read()
    return FileMember(str(path), state.st_size, last_change(state), str(path))


def read_member(
    member: Member, *, body_selection: str | None = None, skeleton: str | Path | Skeleton | None = None
) -> SkeletonSequence:
    """Read one raw recording wherever it lies, as `read_sequence` does.

    Args:
        member: A plain file or a member of an archive.
        body_selection: Which bodies to keep; default: the data set's.
        skeleton: The layout of the joints of a clip of one's own.

    Returns:
        The selected bodies' raw coordinates, all frames.

    Raises:
        ConfigError: If the skeleton is unknown or not that of the file.
        FormatError: If the file is missing, of an unknown kind, damaged, or holds no body.
    """
    return parse_member(member, skeleton=skeleton).select(body_selection)


def parse_frames(clip: OpenposeClip) -> RawClip:
    """Parse a recording of OpenPose; people are followed from frame to frame (`dualhead.data.bodies.people`).

    Args:
        clip: Its files.

    Raises:
        FormatError: If a file is damaged.
    """
    recording, skeleton = read_openpose(clip)
    return RawClip(recording, skeleton, Sample(clip.name, None), clip.where, "people", _OPENPOSE_BODIES)


def parse_member(
    member: Member,
    *,
    skeleton: str | Path | Skeleton | None = None,
    usual: Skeleton | None = None,
    classes: Sequence[str] | None = None,
) -> RawClip:
    """Parse one raw recording wherever it lies.

    Args:
        member: A plain file or a member of an archive.
        skeleton: The layout of the joints of a clip of one's own; refused where the file has another of its own.
        usual: The layout of the joints where neither the file nor `skeleton` says it.
        classes: Class names by label, for Kinetics-Skeleton files that name their class without its number; default:
            those of Kinetics 400.

    Raises:
        ConfigError: If the skeleton is unknown or not that of the file.
        FormatError: If the file is missing, of an unknown kind or damaged.
    """
    where = PurePosixPath(member.where.replace("\\", "/"))
    layout = None if skeleton is None else load_skeleton(skeleton)
    bare = layout is None and usual is None
    suffix = where.suffix.lower()
    if suffix not in (SUFFIXES if bare else (*SUFFIXES, *ARRAY_SUFFIXES)):
        if suffix in ARRAY_SUFFIXES:
            reason = f"unknown kind of skeleton in a {suffix}: say it with --skeleton, a name or a YAML file"
            raise FormatError(reason, member.where)
        more = f", or with --skeleton {', '.join(ARRAY_SUFFIXES)}" if bare else ""
        raise FormatError(f"unknown kind of file: give one that ends in {' or '.join(SUFFIXES)}{more}", member.where)
    if is_openpose_frame(where.name) and (layout is None or layout in LAYOUTS):
        return parse_frames(group_openpose([member])[0])
    data = member.read()
    if suffix == ".skeleton":
        return _parse_named(get_source("ntu120"), data, where, layout)
    content = parse_json(data, member.where) if suffix == ".json" else None
    keys = content.keys() if isinstance(content, dict) else ()
    if "skeletons" in keys:
        return _parse_named(get_source("ucla"), data, where, layout)
    if "data" in keys:
        source = get_source("kinetics")
        _check(source, layout)
        recording, label = parse_kinetics(data, member.where, source.classes if classes is None else classes)
        return _of(source, Sample(where.stem, label), recording, member.where, in_fractions=True)
    held = layout or usual
    if held is None:
        raise FormatError(
            "no JSON of NW-UCLA (key 'skeletons') or Kinetics-Skeleton (key 'data'): for a clip of your own say with "
            "--skeleton which it has",
            member.where,
        )
    try:
        clip = parse_clip(data, member.where, held)
    except FormatError as error:
        if layout is not None:
            raise
        raise FormatError(
            f"{error.reason} (taken for {held.name!r}, as nothing says otherwise: say its skeleton if it is another)",
            error.path,
            error.line,
        ) from None
    custom = get_source("custom")
    return RawClip(clip, held, Sample(where.stem, None), member.where, custom.body_selection, custom.max_bodies)


def _of(source: Source, sample: Sample, recording: Recording, where: str, in_fractions: bool = False) -> RawClip:
    return RawClip(
        recording, source.skeleton, sample, where, source.body_selection, source.max_bodies, source.keeps_empty,
        in_fractions,
    )  # fmt: skip


def _parse_named(source: Source, data: bytes, where: PurePosixPath, layout: Skeleton | None) -> RawClip:
    """Parse a file whose name may be a sample name of its data set."""
    assert isinstance(source, FileSource)
    try:
        sample = source.sample(where.stem)
    except FormatError:
        sample = None
    _check(source, layout)
    recording = source.parse(data, str(where), sample)
    return _of(source, sample or Sample(where.stem, None), recording, str(where))


def _check(source: Source, layout: Skeleton | None) -> None:
    """Refuse another skeleton than the source's.

    Raises:
        ConfigError: If it is another.
    """
    if layout is not None and layout != source.skeleton:
        source.with_skeleton(layout)
