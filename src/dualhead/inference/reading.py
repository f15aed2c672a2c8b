"""The recordings behind a path: raw files of any kind, folders and archives of them, or a store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np

from dualhead.data.reading import ARRAY_SUFFIXES, SUFFIXES, RawClip, file_member, parse_frames, parse_member
from dualhead.data.store.store import open_store
from dualhead.formats.custom.skeleton_file import load_skeleton
from dualhead.formats.files.array_rows import plain_path
from dualhead.formats.files.member import ARCHIVE_SUFFIXES, Member, list_members
from dualhead.formats.files.unpickle import PICKLE_SUFFIXES
from dualhead.formats.kinetics.labels import LABEL_FILE
from dualhead.formats.openpose import LAYOUTS, group_openpose
from dualhead.formats.pyskl import Annotation, pyskl
from dualhead.formats.source import Item, Source
from dualhead.runtime.errors import ConfigError, DualheadError, FormatError, MismatchError, defect
from dualhead.sequence import SkeletonSequence
from dualhead.skeleton import Skeleton

MOST_BODIES = 8
"""How many people are kept where each is looked at alone."""

_READ = (*SUFFIXES, *ARRAY_SUFFIXES, *PICKLE_SUFFIXES)
_DESCRIPTION, _TABLE = "dataset.yaml", "table.csv"
_LARGEST_FRACTION = 2.0

Recordings = SkeletonSequence | str | Path
"""What can be predicted: a recording in memory, a file, a folder or a store."""

Many = Sequence[SkeletonSequence] | Sequence[Path] | list[str]
"""Several of those."""

Rejection = Callable[[FormatError | MismatchError], object]
"""Called with the reason for each recording that cannot be read, or that the checkpoint cannot take."""

Fit = Callable[[SkeletonSequence], SkeletonSequence]
"""Makes a recording fit a checkpoint, or raises a `MismatchError`."""


@dataclass(frozen=True)
class _Found:
    """A recording among files: what it is called, where it lies, and what parses it."""

    name: str
    where: str
    parse: Callable[[], RawClip]


def holds_many(path: Path) -> bool:
    """Whether a path stands for any number of recordings: a folder, a store, an archive or a pickle."""
    return path.is_dir() or path.name.lower().endswith((*ARCHIVE_SUFFIXES, *PICKLE_SUFFIXES))


@dataclass(frozen=True)
class Reader:
    """Reads recordings.

    Attributes:
        skeleton: The layout of the joints of files that leave it open (arrays, CSV, lists in JSON, pickles): a
            `Skeleton`, a name or a YAML file. Files that have a skeleton of their own are refused if it is another.
        usual: The layout of such files where `skeleton` does not say it.
        body_selection: Which bodies of raw files to keep; default: the data set's. Files without the scores that
            `score` needs get their data set's. A store has made its choice.
        each_body: Keep up to `MOST_BODIES` people of raw files, each in a place of their own.
        image_size: Width and height in pixels, both above 0, for flat coordinates whose file does not say it.
        classes: The classes that labels stand for; a label that stands for another in a store is dropped, and a class
            that a file names without its number is looked up among them.
    """

    skeleton: str | Path | Skeleton | None = None
    usual: Skeleton | None = None
    body_selection: str | None = None
    each_body: bool = False
    image_size: tuple[int, ...] | None = None
    classes: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        """Check the size of the image.

        Raises:
            ConfigError: If it is no pair of numbers above 0.
        """
        if self.image_size is not None and (len(self.image_size) != 2 or min(self.image_size) < 1):
            given = " ".join(map(str, self.image_size))
            raise ConfigError(f"image_size is {given}: give width and height in pixels, such as 1920 1080")

    def read(
        self, path: Path, on_rejected: Rejection | None = None, fit: Fit = lambda sequence: sequence
    ) -> Iterator[SkeletonSequence]:
        """Read recordings one after another.

        Args:
            path: A raw file; a store; or a folder, zip or tar archive with raw files anywhere inside, which come in the
                order of their names. OpenPose's frames are brought together to recordings. Recordings of the same name
                are called after their path below the folder instead.
            on_rejected: Called with the reason for each recording of a folder, archive or pickle that cannot be read
                or does not fit, or on which the code fails, instead of raising. Those of a store are all of one kind,
                and the first raises.
            fit: What each recording goes through.

        Yields:
            The recordings.

        Raises:
            ConfigError: If a file has another skeleton than the one that is said, or the size of the image is given
                for coordinates that are fractions of it.
            FormatError: If there is nothing at `path`, or a file is damaged, of no known kind or without anybody.
            MismatchError: If a recording does not fit.
            StoreError: If a store is damaged.
        """
        if not path.exists():
            raise FormatError("there is no such file or folder: give a raw file, a folder, an archive or a store", path)
        if (path / "meta.json").is_file():
            store = open_store(path)
            yield from (fit(self._labelled(sequence, store.classes)) for sequence in store)
        elif holds_many(path):
            yield from self._read_many(path, on_rejected, fit)
        elif path.suffix.lower() in _READ:
            yield fit(self._select(self._parse(file_member(path), self.skeleton)))
        else:
            kinds = f"{', '.join(_READ[:-1])} or {_READ[-1]}"
            raise FormatError(f"unknown kind of file: give one that ends in {kinds}, a folder or an archive", path)

    def _labelled(self, sequence: SkeletonSequence, classes: Sequence[str]) -> SkeletonSequence:
        """Drop a label that stands for another class here than in the recording's store."""
        label = sequence.label
        if label is None or self.classes is None or self.classes[label : label + 1] == (classes[label],):
            return sequence
        return replace(sequence, label=None)

    def _read_many(self, path: Path, on_rejected: Rejection | None, fit: Fit) -> Iterator[SkeletonSequence]:
        members = list(list_members([path]))
        recordings = 0
        for found in self._all_named(members):
            recordings += 1
            try:
                sequence = fit(replace(self._select(found.parse()), name=found.name))
            except (MemoryError, OSError):
                raise
            except Exception as error:  # what one file meets must not cost the others
                if on_rejected is None:
                    raise
                on_rejected(_reason(error, found.where))
            else:
                yield sequence
        if not recordings:
            raise FormatError(
                f"no recording ({', '.join(_READ)}) among {len(members)} files: give the folder that holds them", path
            )

    def _all_named(self, members: Sequence[Member]) -> Iterator[_Found]:
        """Find the recordings among files, each under a name of its own."""
        layout = None if self.skeleton is None else load_skeleton(self.skeleton)
        listed = list(self._listed(members, layout))
        count = Counter(item.name for item in listed if isinstance(item, _Found))
        for item in listed:
            if isinstance(item, _Found):
                yield item if count[item.name] == 1 else replace(item, name=_below(item.where) or item.name)
                continue
            for found in self._annotations(item, layout):
                count[found.name] += 1
                yield found if count[found.name] == 1 else replace(found, name=f"{_below(item.where)}/{found.name}")

    def _listed(self, members: Sequence[Member], layout: Skeleton | None) -> Iterator[_Found | Member]:
        """Find the recordings among files; pickles, which are only opened in their turn, as they are."""
        described = any(member.file_name == _DESCRIPTION for member in members)
        frames = group_openpose(members) if layout is None or layout in LAYOUTS else []
        clips = {member.where: clip for clip in frames for member in clip.frames.values()}
        seen: set[str] = set()
        for member in members:
            name = member.file_name
            if member.where in clips:
                clip = clips[member.where]
                if clip.where not in seen:
                    seen.add(clip.where)
                    yield _Found(clip.name, clip.where, partial(parse_frames, clip))
            elif name.lower().endswith(PICKLE_SUFFIXES):
                yield member
            elif name.endswith(LABEL_FILE) or (described and name == _TABLE):
                continue
            elif name.lower().endswith((*SUFFIXES, *ARRAY_SUFFIXES)):
                stem = PurePosixPath(member.where.replace("\\", "/")).stem
                yield _Found(stem, member.where, partial(self._parse, member, layout))

    def _parse(self, member: Member, layout: str | Path | Skeleton | None) -> RawClip:
        return parse_member(member, skeleton=layout, usual=self.usual, classes=self.classes)

    def _annotations(self, member: Member, layout: Skeleton | None) -> Iterator[_Found]:
        source = pyskl() if layout is None else pyskl().with_skeleton(layout)
        try:
            listing = source.list_items([Path(plain_path(member))])
        except Exception as error:  # noqa: BLE001 - it waits for its turn, like that of any other file
            yield _Found("", member.where, partial(_refuse, error))
            return
        learned = listing.source or source
        for rejected in listing.rejected:
            yield _Found("", rejected.path, partial(_refuse, FormatError(rejected.reason, rejected.path)))
        for item in listing.items:
            held = learned
            if layout is None and self.usual is not None and isinstance(item.member, Annotation):
                joints, dimensions = item.member.joints.shape[2:]
                if (joints, dimensions) == (self.usual.num_joints, self.usual.dimensions) and (
                    joints != learned.skeleton.num_joints
                ):
                    held = replace(learned, skeleton=self.usual)
            yield _Found(item.sample.name, item.member.where, partial(_read_annotation, held, item))

    def _select(self, clip: RawClip) -> SkeletonSequence:
        selection = self.body_selection
        if self.each_body:
            # whoever laid the bodies out over time has said who is who
            flat = clip.skeleton.dimensions == 2
            selection = "order" if clip.body_selection == "order" else "people" if flat else "tracked"
        elif selection == "score" and clip.recording.confidence is None:
            selection = None
        return clip.select(selection, MOST_BODIES if self.each_body else None, self._size(clip))

    def _size(self, clip: RawClip) -> dict[str, int]:
        """Give the size of the image as fields, where the file does not say it.

        Raises:
            FormatError: If it is needed and not known, or known and the coordinates are no pixels.
        """
        if clip.skeleton.dimensions != 2 or clip.in_fractions or clip.sample.fields.get("width"):
            return {}
        joints = clip.recording.joints
        mean = float(np.abs(joints).sum() / max(joints.shape[-1] * joints.any(axis=-1).sum(), 1))
        if self.image_size is None:
            if mean > _LARGEST_FRACTION:
                raise FormatError(
                    f"coordinates of {mean:.4g} on average, which look like pixels: say the size of the image "
                    "(image_size; --image-size WIDTH HEIGHT), or give fractions of it",
                    clip.where,
                )
            return {}
        if joints.any() and mean <= _LARGEST_FRACTION:
            raise FormatError(
                f"coordinates of {mean:.4g} on average are fractions of the image already: leave its size out",
                clip.where,
            )
        return {"width": self.image_size[0], "height": self.image_size[1]}


def _read_annotation(source: Source, item: Item) -> RawClip:
    return RawClip(
        source.read(item), source.skeleton, item.sample, item.member.where, source.body_selection, source.max_bodies,
        source.keeps_empty,
    )  # fmt: skip


def _below(where: str) -> str:
    """Give the path of a file below the folder or archive that was listed."""
    return where.partition("/")[2]


def _refuse(error: Exception) -> RawClip:
    raise error


def _reason(error: Exception, where: str) -> FormatError | MismatchError:
    """Say why a recording is left out, and which it is."""
    if isinstance(error, FormatError | MismatchError):
        return error
    told = str(error) if isinstance(error, DualheadError) else defect(error, "that predicting it alone gives")
    return FormatError(told, where)
