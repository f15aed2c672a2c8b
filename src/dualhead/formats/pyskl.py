"""The pickles of PYSKL and MMAction2: annotations with key points, 2D or 3D, and their splits (Duan et al., 2022)."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualhead.formats.custom.skeleton_file import parse_skeleton_file
from dualhead.formats.dense import dense_recording
from dualhead.formats.file_format import LIKELY, Evidence, FileFormat, RawClip, RawFile, ReadingOptions
from dualhead.formats.files.array_rows import opened, plain_path
from dualhead.formats.files.member import Member, list_members
from dualhead.formats.files.unpickle import PICKLE_SUFFIXES, unpickle
from dualhead.formats.recording import Recording
from dualhead.formats.sample_names import classes_of, fields_of_names, whole_label
from dualhead.formats.source import Duplicate, Item, Listing, Rejected, Sample, Source, SplitRule, names_to_leave_out
from dualhead.runtime.errors import DualheadError, FormatError
from dualhead.skeleton import COCO17, NTU25, Skeleton

_TRAIN, _TEST, _VALIDATION, _NEITHER = range(4)
_SPLIT = re.compile(r"(?:(?P<protocol>.*?)[_-]?)(?P<split>train|val|test)(?P<number>\d*)", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class Annotation(Member):
    """One clip of an unpickled file.

    Attributes:
        joints: `(M, T, V, C)`, whatever the file holds.
        confidence: `(M, T, V)`, or None.
    """

    joints: NDArray[Any]
    confidence: NDArray[Any] | None

    def read(self) -> bytes:
        """Return the joints' bytes; see `Member.read`."""
        return self.joints.tobytes()


@dataclass(frozen=True, kw_only=True)
class PysklSource(Source):
    """One pickle, or several of the older form without splits, whose names then say "train", "val" or "test".

    A split of the file is a protocol here, as a field named after it: 0 train, 1 test, 2 validation, 3 neither. The
    validation split of a file without a test split is the test split, as the field reports it. The file says which
    samples there are: one of zeros alone stays, without a body.

    Attributes:
        needs_labels: Whether annotations without a name or a label are rejected; to predict neither is needed.
    """

    needs_labels: bool = True

    def read(self, item: Item) -> Recording:
        """Check one annotation; see `Source.read`."""
        member = item.member
        if not isinstance(member, Annotation):
            raise FormatError("not an annotation of a pickle", member.where)
        return dense_recording(member.joints, member.confidence, self.skeleton, member.where, self.has_confidence)

    def list_items(self, raw: Sequence[Path], missing_list: Path | None = None) -> Listing:
        """List the annotations of a pickle, which is held in memory as a whole; see `Source.list_items`."""
        files = [member for member in list_members(raw) if member.file_name.lower().endswith(PICKLE_SUFFIXES)]
        if not files:
            raise FormatError("no pickle (*.pkl): pass the file", ", ".join(map(str, raw)))
        contents = [(member, _load(member)) for member in files]
        if len(files) > 1 and any("split" in content for _, content in contents):
            raise FormatError(f"{len(files)} pickles with splits of their own: pass one of them", files[0].where)
        splits = _splits(contents, {} if not self.needs_labels else _endings(contents))
        skeleton = self._skeleton(contents)
        found: dict[str, tuple[Annotation, int | None, Mapping[str, int]]] = {}
        rejected: list[Rejected] = []
        duplicates: list[Duplicate] = []
        for member, content in contents:
            for number, annotation in enumerate(content["annotations"]):
                where = f"{member.where}, annotation {number}"
                try:
                    stem = "" if self.needs_labels else _stem(member, number, len(content["annotations"]))
                    name, label, held, size = _annotation(annotation, where, member.modified, stem, self.needs_labels)
                except FormatError as error:
                    rejected.append(Rejected(f"annotation {number}", where, error.reason))
                    continue
                if name in found:
                    duplicates.append(Duplicate(name, found[name][0].where, where))
                else:
                    found[name] = (held, label, size)
        if not found:
            first = f", the first: {rejected[0]}" if rejected else ""
            raise FormatError(f"no usable annotation among {len(rejected)}{first}", files[0].where)
        rejected += _absent(contents, {*found, *(stem for stem, name in _endings(contents).items() if name in found)})
        names = sorted(found)
        flat = skeleton.dimensions == 2
        from_names = fields_of_names(names) or [{}] * len(names)
        items = [
            Item(
                Sample(
                    name,
                    found[name][1],
                    {**fields, **_split_fields(splits, name), **(found[name][2] if flat else {})},
                ),
                found[name][0],
            )
            for name, fields in zip(names, from_names, strict=True)
        ]
        known = next((content["classes"] for _, content in contents if _is_names(content.get("classes"))), ())
        source = replace(
            self,
            skeleton=skeleton,
            classes=_classes(found, names, known),
            fields=tuple(items[0].sample.fields),
            protocols={protocol: SplitRule(f"{protocol}_side", (_TRAIN,), (_TEST,)) for protocol in splits},
            has_confidence=any(
                held.confidence is not None or held.joints.shape[-1] == skeleton.dimensions + 1
                for held, _, _ in found.values()
            ),
        )
        return Listing(
            tuple(items), tuple(rejected), tuple(duplicates), 0, names_to_leave_out(missing_list, found), source
        )

    def _skeleton(self, contents: Sequence[tuple[Member, Mapping[str, Any]]]) -> Skeleton:
        """Choose the skeleton: of the user, else of the file, else the usual one (2D COCO 17, 3D NTU 25)."""
        member, content = contents[0]
        if not self.skeleton_is_free:
            return self.skeleton
        if isinstance(content.get("skeleton"), dict):
            return parse_skeleton_file(content["skeleton"], member.where)
        arrays = (
            _numbers(annotation.get("keypoint"))
            for _, content in contents
            for annotation in content["annotations"]
            if isinstance(annotation, dict)
        )
        shape = next((array.shape for array in arrays if array is not None and array.ndim > 2), (0, 0))
        scored = shape[-2:] == (COCO17.num_joints, 3)  # x, y and a score in one array
        return COCO17 if shape[-1] == 2 or scored else NTU25


def _load(member: Member) -> Mapping[str, Any]:
    with opened(member) as stream:
        content = unpickle(stream, member.where)
    if isinstance(content, list):
        content = {"annotations": content}
    if isinstance(content, dict) and "keypoint" in content and "annotations" not in content:
        content = {"annotations": [content]}  # one bare annotation
    if not isinstance(content, dict) or not isinstance(content.get("annotations"), list):
        raise FormatError(
            "no PYSKL or MMAction2 pickle: it needs 'annotations', and 'split' where it has one", member.where
        )
    return content


def _is_names(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(name, str) for name in value)


def _annotation(
    annotation: Any, where: str, modified: int, name: str, needs_label: bool
) -> tuple[str, int | None, Annotation, dict[str, int]]:
    """Parse one annotation: name, label, arrays, and the size of its images.

    Args:
        annotation: The content of the pickle.
        where: The file and the annotation's number, for the error message.
        modified: When the file last changed.
        name: The name of the clip if the annotation has none; "" if it must.
        needs_label: Whether one without a label is refused.
    """
    if not isinstance(annotation, dict):
        raise FormatError(f"an annotation is a {type(annotation).__name__} and no dict with 'keypoint'", where)
    given = annotation.get("frame_dir")
    if not isinstance(given, str) or not given:
        if not name:
            raise FormatError("an annotation without 'frame_dir', the name of its clip", where)
        given = name
    joints = _numbers(annotation.get("keypoint"))
    if joints is None or joints.ndim not in (3, 4):
        found = "" if joints is None else f": 'keypoint' has shape {joints.shape}"
        reason = f"no array 'keypoint' (bodies, frames, joints, coordinates){found or ': are they in other files?'}"
        raise FormatError(reason, where)
    scores = annotation.get("keypoint_score")
    confidence = _numbers(scores)
    if scores is not None and confidence is None:
        raise FormatError("its 'keypoint_score' is not an array of numbers", where)
    if joints.ndim == 3:  # of one body, without the axis of bodies
        joints = joints[None]
        confidence = confidence[None] if confidence is not None and confidence.ndim == 2 else confidence
    frames = annotation.get("total_frames", joints.shape[1])
    if np.isscalar(frames) and frames != joints.shape[1] and frames == joints.shape[0]:  # (frames, bodies, ...)
        joints = joints.swapaxes(0, 1)
        confidence = confidence.swapaxes(0, 1) if confidence is not None and confidence.ndim == 3 else confidence
    if not np.isscalar(frames) or not isinstance(frames, int | np.integer) or not 0 < frames <= joints.shape[1]:
        raise FormatError(f"'total_frames' is {str(frames)[:40]}, but 'keypoint' has {joints.shape[1]} frames", where)
    joints = joints[:, : int(frames)]  # what lies behind is padding
    if confidence is not None:
        if confidence.ndim != 3:
            reason = f"its 'keypoint_score' has shape {confidence.shape} and not (bodies, frames, joints)"
            raise FormatError(reason, where)
        confidence = confidence[:, : int(frames)]
    shape = annotation.get("img_shape")
    shape = annotation.get("original_shape") if shape is None else shape
    shape = shape.ravel().tolist() if isinstance(shape, np.ndarray) else shape
    known = shape[:2] if isinstance(shape, (list, tuple)) else ()
    sizes = [int(size) for size in known if isinstance(size, (int, np.integer)) and size >= 0]
    height, width = sizes if len(sizes) == 2 else (0, 0)
    held = Annotation(where, int(joints.nbytes), modified, joints, confidence)
    return given, _label(annotation, where, needs_label), held, {"height": height, "width": width}


def _numbers(value: Any) -> NDArray[Any] | None:
    """Return an array of numbers, also from nested lists; None for anything else."""
    if isinstance(value, list | tuple):
        try:
            with np.errstate(over="ignore"):  # what is too large for a coordinate is refused later
                value = np.array(value, np.float32)
        except (ValueError, TypeError, OverflowError):
            return None
    return value if isinstance(value, np.ndarray) and value.dtype.kind in "fiu" else None


def _label(annotation: Mapping[str, Any], where: str, needs_label: bool) -> int | None:
    label = annotation.get("label")
    if needs_label:
        if "label" not in annotation:
            raise FormatError("it has no key 'label', the number of its class", where)
        if isinstance(label, list | tuple):
            raise FormatError(f"'label' is a list, {str(list(label))[:40]}: expected the number of one class", where)
        return whole_label(label, where)
    try:
        return whole_label(label, where)
    except FormatError:  # unknown, or several at once: nothing that a prediction could be compared with
        return None


def _stem(member: Member, number: int, count: int) -> str:
    """Return the name of an annotation, by default after its file."""
    stem = member.file_name.rpartition(".")[0]
    return stem if count == 1 else f"{stem}_{number}"


def _classes(
    found: Mapping[str, tuple[Annotation, int | None, Mapping[str, int]]], names: Sequence[str], known: Sequence[str]
) -> tuple[str, ...]:
    labelled = [(name, label) for name in names if (label := found[name][1]) is not None]
    return classes_of([name for name, _ in labelled], [label for _, label in labelled], known)


def _endings(contents: Sequence[tuple[Member, Mapping[str, Any]]]) -> dict[str, str]:
    """Find the clips that a split may name without the ending of their video: "v0" for "v0.mp4"."""
    names = [
        name
        for _, content in contents
        for annotation in content["annotations"]
        if isinstance(annotation, dict) and isinstance(name := annotation.get("frame_dir"), str)
    ]
    found: dict[str, str] = {}
    for name in names:
        stem = name.rpartition(".")[0]
        if stem and found.setdefault(stem, name) != name:
            found[stem] = ""  # two clips, which is ambiguous
    held = set(names)
    return {stem: name for stem, name in found.items() if name and stem not in held}


def _splits(
    contents: Sequence[tuple[Member, Mapping[str, Any]]], endings: Mapping[str, str]
) -> dict[str, dict[str, int]]:
    """Read the split of each sample by protocol; a clip may be named without its ending."""
    lists: dict[str, Sequence[str]] = {}
    for member, content in contents:
        split = content.get("split", {})
        if not isinstance(split, dict) or not all(_is_names(names) for names in split.values()):
            raise FormatError("its 'split' is not a table of lists of names", member.where)
        lists.update({str(name): [endings.get(one, one) for one in names] for name, names in split.items()})
        if not split:
            found = [
                item["frame_dir"] for item in content["annotations"] if isinstance(item, dict) and "frame_dir" in item
            ]
            lists[member.file_name.rpartition(".")[0]] = [name for name in found if isinstance(name, str)]
    protocols: dict[str, dict[str, Sequence[str]]] = {}
    for name, names in lists.items():
        match = _SPLIT.fullmatch(name)
        if match is None:
            continue
        number = f"split{match['number']}" if match["number"] else ""
        protocol = "_".join(filter(None, (match["protocol"].lower(), number))) or "official"
        protocols.setdefault(re.sub(r"\W", "_", protocol), {})[match["split"].lower()] = names
    result = {}
    for protocol, parts in protocols.items():
        held_out = parts.get("test", parts.get("val"))
        if "train" not in parts or held_out is None:
            continue
        table = dict.fromkeys(parts.get("val", ()), _VALIDATION) | dict.fromkeys(held_out, _TEST)
        both = table.keys() & set(parts["train"])
        if both:
            raise FormatError(f"{min(both)!r} is in both splits of {protocol!r}", contents[0][0].where)
        result[protocol] = table | dict.fromkeys(parts["train"], _TRAIN)
    return result


def _absent(contents: Sequence[tuple[Member, Mapping[str, Any]]], found: Container[str]) -> Iterable[Rejected]:
    """List the clips of a split that have no annotation."""
    told: set[str] = set()
    for member, content in contents:
        for split, names in content.get("split", {}).items():
            for name in names:
                if name not in found and name not in told:
                    told.add(name)
                    reason = f"annotation {name[:60]!r} is named by split {split!r}, but missing or unusable"
                    yield Rejected(name, member.where, reason, kind="missing")


def _split_fields(splits: Mapping[str, Mapping[str, int]], name: str) -> dict[str, int]:
    return {f"{protocol}_side": table.get(name, _NEITHER) for protocol, table in splits.items()}


def pyskl() -> PysklSource:
    """Register pickles of PYSKL and MMAction2; by default, 2D ones are COCO 17 and 3D ones NTU 25."""
    return PysklSource(
        name="pyskl",
        skeleton=NTU25,
        classes=(),
        fields=(),
        protocols={},
        body_selection="order",
        keeps_empty=True,
        skeleton_is_free=True,
        unit_is_free=True,
    )


def _recognise(file: RawFile) -> Evidence | None:
    return Evidence("a pickle", LIKELY)


def _parse(file: RawFile, options: ReadingOptions) -> Iterator[RawClip | DualheadError]:
    """Parse every annotation of a pickle; of one that cannot be used, the reason comes in its place."""
    source: Source = replace(pyskl(), needs_labels=False)
    source = source if options.skeleton is None else source.with_skeleton(options.skeleton)
    listing = source.list_items([Path(plain_path(file.member))])
    learned = listing.source or source
    for rejected in listing.rejected:
        if rejected.kind != "missing":  # a split that names other clips is not a fault of these
            yield FormatError(rejected.reason, rejected.path)
    for item in listing.items:
        held = learned
        if options.skeleton is None and options.usual is not None and isinstance(item.member, Annotation):
            shape = item.member.joints.shape[2:]
            usual = (options.usual.num_joints, options.usual.dimensions)
            if shape == usual and shape[0] != learned.skeleton.num_joints:
                held = replace(learned, skeleton=options.usual)
        try:
            recording = held.read(item)
        except FormatError as error:
            yield error
            continue
        label = item.sample.label
        yield RawClip(
            recording=recording,
            skeleton=held.skeleton,
            name=item.sample.name,
            label=label,
            class_name=None if label is None else held.classes[label],
            fields=item.sample.fields,
            body_selection=held.body_selection,
            max_bodies=held.max_bodies,
            keeps_empty=held.keeps_empty,
            where=item.member.where,
        )


PYSKL_PICKLE = FileFormat(
    name="pyskl",
    title="a pickle of PYSKL or MMAction2",
    suffixes=PICKLE_SUFFIXES,
    recognise=_recognise,
    parse=_parse,
    holds_many=True,
    row="COCO 17 in 2D, NTU 25 in 3D, or `--skeleton` | pixels with `img_shape`, or fractions "
    "| not stated | places kept",
)
