"""From a path to its sequences, one after another: a raw file, a folder or an archive of them, or a store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from dualhead.data.bodies.selection import select_bodies
from dualhead.data.store.store import open_store
from dualhead.formats.custom.skeleton_file import load_skeleton
from dualhead.formats.file_format import RawClip, ReadingOptions
from dualhead.formats.files.member import Member, list_members
from dualhead.formats.units import doubt_unit
from dualhead.poses.command import PoseEstimator
from dualhead.poses.video import is_video
from dualhead.reading.listing import Found, file_member, find_recordings, holds_many, parse_member
from dualhead.reading.registry import readable_suffixes
from dualhead.runtime.errors import ConfigError, DualheadError, FormatError, MismatchError, defect
from dualhead.runtime.progress import Bar
from dualhead.sequence import SkeletonSequence
from dualhead.skeleton import Skeleton

MOST_BODIES = 8
"""Number of people that are kept where each is processed alone."""

Recordings = SkeletonSequence | str | Path
"""A source of recordings: a recording in memory, a file, a folder or a store."""

Many = Sequence[SkeletonSequence] | Sequence[Path] | list[str]
"""Several of those."""

Rejection = Callable[[FormatError | MismatchError], object]
"""Called with the reason for each recording that cannot be read, or that the checkpoint cannot take."""

Note = Callable[[str, str], object]
"""Called with a recording and a sentence on what was decided by evidence of it, or what a user should know."""

Fit = Callable[[SkeletonSequence], SkeletonSequence]
"""Makes a recording fit a checkpoint, or raises a `MismatchError`."""


@dataclass(frozen=True)
class Reader:
    """Reads recordings.

    Attributes:
        skeleton: The layout of the joints of files that leave it open (arrays, CSV, lists in JSON, pickles): a
            `Skeleton`, a name or a YAML file. Files that have a skeleton of their own are refused if it is another.
        usual: The layout of such files where `skeleton` does not say it.
        body_selection: The selection of bodies of raw files; default: the format's. Files without the scores that
            `score` needs get their format's. A store has made its choice.
        each_body: Keep up to `MOST_BODIES` people of raw files, each in a place of their own.
        image_size: Width and height in pixels, both above 0, for flat coordinates whose file does not say it.
        classes: The names of the classes by label. A recording has a label where the name of its class is one of them.
            None: labels are those of the recordings' own data sets.
        fps: Frames a second, in place of what files say.
        unit: The unit of 3D coordinates: "m", "cm", "mm" or "in"; None: as the format says, else metres.
        extent: The size of bodies in metres that 3D recordings are compared with; None: not compared.
        kind: The format that files are interpreted as; None: decided by their content.
        axes: The order of the axes of arrays, such as "TMVC"; None: as their numbers say.
        any_scale: Whether 2D coordinates may be pixels of images whose size is not known, as for a picture.
        poses: Estimates the poses in videos; None: one with the usual settings.
        done: Names of recordings among many that are passed over.
        part: First and last (exclusive) of the rows of a store, or of the files of a folder or archive as
            `list_parts` lists them, that are read; None: all. Names are those that all together have.
        bar: Shows how many recordings have been read.
    """

    skeleton: str | Path | Skeleton | None = None
    usual: Skeleton | None = None
    body_selection: str | None = None
    each_body: bool = False
    image_size: tuple[int, ...] | None = None
    classes: tuple[str, ...] | None = None
    fps: float | None = None
    unit: str | None = None
    extent: float | None = None
    kind: str | None = None
    axes: str | None = None
    any_scale: bool = False
    poses: PoseEstimator | None = None
    done: Container[str] = ()
    part: tuple[int, int] | None = None
    bar: Bar = field(default_factory=Bar)

    def __post_init__(self) -> None:
        """Check the size of the image and the frame rate.

        Raises:
            ConfigError: If the size is not a pair of numbers above 0, or the rate not above 0 and at most 1000.
        """
        if self.image_size is not None and (len(self.image_size) != 2 or min(self.image_size) < 1):
            given = " ".join(map(str, self.image_size))
            raise ConfigError(f"image_size is {given}: pass width and height in pixels, such as 1920 1080")
        if self.fps is not None and not 0 < self.fps <= 1000:
            raise ConfigError(f"fps is {self.fps:g}: pass frames a second, above 0 and at most 1000")

    @cached_property
    def options(self) -> ReadingOptions:
        """Facts about the files that are known from elsewhere.

        Raises:
            ConfigError: If the skeleton is unknown.
            FormatError: If its file cannot be read.
        """
        return ReadingOptions(
            skeleton=None if self.skeleton is None else load_skeleton(self.skeleton),
            usual=self.usual,
            classes=self.classes,
            image_size=None if self.image_size is None else (self.image_size[0], self.image_size[1]),
            fps=self.fps,
            unit=self.unit,
            extent=self.extent,
            kind=self.kind,
            axes=self.axes,
            any_scale=self.any_scale,
            poses=self.poses,
        )

    def read(
        self,
        path: Path,
        on_rejected: Rejection | None = None,
        fit: Fit = lambda sequence: sequence,
        on_note: Note | None = None,
    ) -> Iterator[SkeletonSequence]:
        """Read recordings one after another.

        Args:
            path: A raw file; a store; or a folder, zip or tar archive with raw files anywhere inside, which come in the
                order of their names. Files of one frame each are brought together to recordings. Recordings of the same
                name are called after their path below the folder instead.
            on_rejected: Called with the reason for each recording of a folder, archive or file of many that cannot be
                read or does not fit, or on which the code fails, instead of raising. Those of a store are all of one
                kind, and the first raises.
            fit: A function applied to each recording.
            on_note: Called with each thing that was decided by evidence.

        Yields:
            The recordings.

        Raises:
            ConfigError: If a file has another skeleton than the one that is said, or the size of the image is given
                for coordinates that are fractions of it.
            FormatError: If there is nothing at `path`, or a file is damaged, of an unknown format or without a body.
            MismatchError: If a recording does not fit.
            StoreError: If a store is damaged.
        """
        if not path.exists():
            raise FormatError("there is no such file or folder: pass a raw file, a folder, an archive or a store", path)
        if (path / "meta.json").is_file():
            store = open_store(path)
            doubt = doubt_unit(store.body_extent or 0.0, self.extent)
            if doubt:
                raise FormatError(f"{doubt} (of `dualhead prepare`)", path)
            rows = range(len(store)) if self.part is None else range(*self.part)
            self.bar.update(total=len(rows))
            for row in rows:
                if store.names[row] not in self.done:
                    yield fit(self._labelled(store[row], store.classes))
                self.bar.advance()
        elif holds_many(path):
            yield from self._read_many(path, on_rejected, fit, on_note)
        else:
            member = file_member(path)
            name = member.file_name.rpartition(".")[0] or member.file_name
            count: Counter[str] = Counter()
            for clip in parse_member(member, self.options):
                if isinstance(clip, DualheadError):
                    raise clip
                own = clip.name or name
                count[own] += 1
                unique = own if count[own] == 1 else f"{own}_{count[own]}"
                yield fit(self._selected(clip, unique, on_note))

    def list_parts(self, path: Path) -> list[str]:
        """List the rows of a store, or the files and recordings of a folder or archive, that `part` can choose from.

        Args:
            path: The source, as for `read`.

        Returns:
            The names, in their order.

        Raises:
            FormatError: If there is nothing at `path`, or it cannot be listed.
            StoreError: If a store is damaged.
        """
        if not path.exists():
            raise FormatError("there is no such file or folder: pass a raw file, a folder, an archive or a store", path)
        if (path / "meta.json").is_file():
            return [str(name) for name in open_store(path).names]
        if not holds_many(path):
            return [path.name]
        return [found.where for found in find_recordings(list(list_members([path])), self.options)]

    def _labelled(self, sequence: SkeletonSequence, classes: Sequence[str]) -> SkeletonSequence:
        """Return a recording of a store with the label of its class in this one."""
        label = sequence.label
        if label is None or self.classes is None or self.classes[label : label + 1] == (classes[label],):
            return sequence
        return replace(sequence, label=self._label(classes[label]))

    def _label(self, class_name: str | None) -> int | None:
        assert self.classes is not None
        return self.classes.index(class_name) if class_name in self.classes else None

    def _read_many(
        self, path: Path, on_rejected: Rejection | None, fit: Fit, on_note: Note | None
    ) -> Iterator[SkeletonSequence]:
        members = list(list_members([path], on_rejected))
        recordings = 0
        for name, found, next_clip in self._each(members):
            recordings += 1
            self.bar.advance()
            if name in self.done:
                continue
            try:
                sequence = fit(self._selected(next_clip(), name, on_note))
            except (MemoryError, OSError):
                raise
            except Exception as error:  # what one file meets must not cost the others
                if on_rejected is None:
                    raise
                on_rejected(why_left_out(error, found.where))
            else:
                yield sequence
        if not recordings and self.part is None:
            raise FormatError(
                f"no recording ({', '.join(readable_suffixes())}) among {len(members)} files: pass the folder that "
                "holds them",
                path,
            )

    def _each(self, members: Sequence[Member]) -> Iterator[tuple[str, Found, Callable[[], RawClip]]]:
        """Find the recordings among files, each under a name of its own, with what gives or raises it."""
        listed = list(find_recordings(members, self.options))
        count = Counter(found.name for found in listed if not found.holds_many)
        if not any(found.holds_many for found in listed):
            self.bar.update(total=len(listed))
        for found in listed if self.part is None else listed[slice(*self.part)]:
            own = found.name if count[found.name] == 1 else _below(found.where) or found.name
            if is_video(Path(found.where)) and own in self.done:  # estimating its poses takes longest of all
                yield own, found, _raising(ConfigError("a recording that is done is not read"))
                continue
            try:
                clips = iter(found.parse())
            except Exception as error:  # noqa: BLE001 - raised in its turn
                yield own, found, _raising(error)
                continue
            number = 0
            while True:
                try:
                    clip = next(clips)
                except StopIteration:
                    break
                except Exception as error:  # noqa: BLE001
                    yield own, found, _raising(error)
                    break
                number += 1
                if isinstance(clip, DualheadError):
                    yield own, found, _raising(clip)
                elif found.holds_many or clip.name not in ("", found.name):
                    name = clip.name or f"{found.name}_{number}"
                    count[name] += 1
                    unique = name if count[name] == 1 else f"{_below(found.where)}/{name}"
                    yield unique, replace(found, where=clip.where or found.where), _giving(clip)
                else:
                    yield own if number == 1 else f"{own}_{number}", found, _giving(clip)

    def _selected(self, clip: RawClip, name: str, on_note: Note | None) -> SkeletonSequence:
        if on_note is not None:
            for note in clip.notes:
                on_note(clip.where or name, note)
        selection = self.body_selection
        if self.each_body:
            # a file with an axis of bodies identifies them already
            flat = clip.skeleton.dimensions == 2
            selection = "order" if clip.body_selection == "order" else "people" if flat else "tracked"
        elif selection == "score" and clip.recording.confidence is None:
            selection = None
        sequence = select_bodies(clip, selection, MOST_BODIES if self.each_body else None, name)
        return sequence if self.classes is None else replace(sequence, label=self._label(clip.class_name))


def _giving(clip: RawClip) -> Callable[[], RawClip]:
    return lambda: clip


def _raising(error: Exception) -> Callable[[], RawClip]:
    def fail() -> RawClip:
        raise error

    return fail


def _below(where: str) -> str:
    """Return the path of a file below the folder or archive that was listed."""
    return where.partition("/")[2]


def why_left_out(error: Exception, where: str) -> FormatError | MismatchError:
    """Return the reason why a recording is left out, as an error that names it.

    Args:
        error: The exception.
        where: The recording.
    """
    if isinstance(error, FormatError | MismatchError):
        return error
    told = str(error) if isinstance(error, DualheadError) else defect(error, "that predicting it alone gives")
    return FormatError(told, where)
