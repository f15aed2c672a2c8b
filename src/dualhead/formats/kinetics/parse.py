"""Kinetics-Skeleton 400 (Yan et al., AAAI 2018): OpenPose key points in JSON, one file a clip, and label files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualhead.formats.file_format import LIKELY, Evidence, FileFormat, RawClip, RawFile, ReadingOptions
from dualhead.formats.files.json_file import JsonFile, holds_only_numbers, nested_numbers, parse_json
from dualhead.formats.files.member import Member, list_members
from dualhead.formats.kinetics.labels import (
    LABEL_FILE,
    MAX_CLASSES,
    SPLITS,
    ClipLabel,
    named_after,
    read_labels,
    split_of,
)
from dualhead.formats.recording import Recording
from dualhead.formats.source import (
    Duplicate,
    Item,
    Listing,
    Rejected,
    Sample,
    Source,
    SplitRule,
    load_class_names,
    names_to_leave_out,
)
from dualhead.runtime.errors import FormatError
from dualhead.skeleton import OPENPOSE18

NUM_FRAMES = 300
"""Clips are 10 s at 30 frames per second; `frame_index` is from 0 to 299."""

_V = OPENPOSE18.num_joints
_MAX_COORDINATE = 1e6
_MAX_PEOPLE = 10_000
_NO_LABEL = -1
_MOST_FRAMES = 100_000
_SUFFIX = ".json"
_NO_NUMBERS = (ValueError, TypeError, OverflowError)


def parse_kinetics(
    data: bytes,
    path: str | Path | None = None,
    classes: Sequence[str] = (),
    *,
    content: Any = None,
    most_frames: int = NUM_FRAMES,
    lenient: bool = False,
) -> tuple[Recording, int | None]:
    """Parse the content of one Kinetics-Skeleton JSON file.

    Every person of every frame is kept, in the file's order. Coordinates and scores may go past 1.

    Args:
        data: The file's bytes.
        path: The file, for the error message.
        classes: Class names by label, among which 'label' is looked up where there is no 'label_index'.
        content: The bytes parsed as JSON, where that is done already.
        most_frames: The most frames that it may have.
        lenient: Whether a clip may lack its label and people their scores, as for prediction: the score of a joint is
            then 1, or 0 for one at (0, 0).

    Returns:
        The recording, joints `(B, 18, 2)` as fractions of the image from its upper left corner, with the scores as
        confidence, and its 0-based label, None where the file has none (-1) or a name that is not one of `classes`. It
        lasts up to the last frame that is listed; frame 0 is often empty.

    Raises:
        FormatError: If the content is not a whole clip.
    """
    content, text = parse_json(data, path) if content is None else content, JsonFile(path)
    if not isinstance(content, dict) or not isinstance(content.get("data"), list):
        raise FormatError("no Kinetics-Skeleton clip: it needs a list 'data'", path)
    unlabelled = lenient and content.get("label_index") is None and content.get("label") is None
    label = None if unlabelled else _label(content, classes, text)
    people: dict[int, list[Any]] = {}
    for number, entry in enumerate(content["data"]):
        if not isinstance(entry, dict) or not isinstance(entry.get("skeleton"), list):
            raise text.fault("an entry of 'data' has no list 'skeleton'", "data", number)
        frame = text.whole_number(entry.get("frame_index"), most_frames - 1, "data", number, "frame_index")
        if frame in people:
            reason = f"'frame_index' {frame} comes twice: remove one of the two"
            raise text.fault(reason, "data", number, "frame_index")
        people[frame] = entry["skeleton"]
    frames: list[int] = []
    slots: list[int] = []
    values: list[Any] = []
    texts = len(content) + isinstance(content.get("label"), str) + sum(map(len, content["data"]))
    for frame in sorted(people):
        for slot, person in enumerate(people[frame]):
            if not isinstance(person, dict):
                reason = f"frame {frame} holds a person that is not a record of pose and score"
                raise text.fault(reason, *_odd_person(content["data"]))
            texts += len(person)
            frames.append(frame)
            slots.append(slot)
            pose, score = person.get("pose"), person.get("score")
            values.append((pose, _scores_of(pose) if lenient and score is None else score))
    if len(values) > _MAX_PEOPLE:
        raise FormatError(f"{len(values)} people are more than the {_MAX_PEOPLE} that one clip may hold", path)
    plain = holds_only_numbers(data, texts)
    try:
        poses = nested_numbers([pose for pose, _ in values], plain=plain).reshape(len(values), _V, 2)
        scores = nested_numbers([score for _, score in values], plain=plain).reshape(len(values), _V)
    except _NO_NUMBERS:
        reason = f"a person does not have {2 * _V} numbers in 'pose' and {_V} in 'score'"
        raise text.fault(reason, *_odd_person(content["data"])) from None
    if values and not (_are_coordinates(poses) and _are_scores(scores)):
        place = _odd_person(content["data"], _are_coordinates, _are_scores)
        raise text.fault("a person has a coordinate or score that is not a number or, as a score, below 0", *place)
    scores[~poses.any(axis=2)] = 0  # a joint that was not found lies at (0, 0), whatever its score
    return Recording(
        joints=poses,
        frames=np.array(frames, np.int64),
        slots=np.array(slots, np.int64),
        num_frames=max(people, default=-1) + 1,
        confidence=scores,
    ), label


def _scores_of(pose: Any) -> list[float] | None:
    """Return a score of 1 for each joint that is not at (0, 0); None where that cannot be told."""
    if not isinstance(pose, list) or len(pose) != 2 * _V:
        return None
    return [float(x != 0 or y != 0) for x, y in zip(pose[::2], pose[1::2], strict=True)]


def _are_coordinates(values: NDArray[np.float64]) -> bool:
    return bool(np.abs(values).max() <= _MAX_COORDINATE)  # false for NaN


def _are_scores(values: NDArray[np.float64]) -> bool:
    return _are_coordinates(values) and bool(values.min() >= 0)


def _odd_person(
    entries: Sequence[Any],
    pose_fits: Callable[[NDArray[np.float64]], bool] = lambda _: True,
    score_fits: Callable[[NDArray[np.float64]], bool] = lambda _: True,
) -> tuple[str | int, ...]:
    """Locate the first person that is not a record, or whose list is too short or of odd length."""
    for number, entry in enumerate(entries):
        for slot, person in enumerate(entry["skeleton"]):
            place = ("data", number, "skeleton", slot)
            if not isinstance(person, dict):
                return place
            for key, count, fits in (("pose", 2 * _V, pose_fits), ("score", _V, score_fits)):
                try:
                    if fits(nested_numbers(person.get(key)).reshape(count)):
                        continue
                except _NO_NUMBERS:
                    pass
                return *place, key
    return ("data",)


def _label(content: Mapping[str, Any], classes: Sequence[str], text: JsonFile) -> int | None:
    """Read a clip's label from its number, or where it has none from its name."""
    if "label_index" in content:
        index = content["label_index"]
        return None if index == _NO_LABEL else text.whole_number(index, MAX_CLASSES - 1, "label_index")
    name = content.get("label")
    if not isinstance(name, str):
        raise FormatError("no Kinetics-Skeleton clip: it needs 'label_index', or a class name as 'label'", text.path)
    return classes.index(name) if name in classes else None


@dataclass(frozen=True, kw_only=True)
class KineticsSource(Source):
    """Clips `NAME.json` in folders with "train" or "val" in their names, and `*_label.json` files with the same words.

    The split of a clip is the field `side`: 0 train, 1 val.
    """

    def parse(self, data: bytes, where: str | Path, sample: Sample | None = None) -> Recording:
        """Parse a clip and check its label against the label file's.

        Raises:
            FormatError: If it is damaged or the labels differ.
        """
        recording, label = parse_kinetics(data, where, self.classes)
        if sample is not None and sample.label != label:
            said = _NO_LABEL if label is None else label
            reason = f"its label is {said}, but the label file says {sample.label}"
            raise JsonFile(where).fault(reason, "label_index")
        return recording

    def read(self, item: Item) -> Recording:
        """Read and parse one clip; see `Source.read`."""
        return self.parse(item.member.read(), item.member.where, item.sample)

    def list_items(self, raw: Sequence[Path], missing_list: Path | None = None) -> Listing:
        """List the clips that the label files name; see `Source.list_items`.

        Left out, with the reason: clips that a label file says have no skeleton, clips that no label file names, and
        names without a clip.
        """
        members = [member for member in list_members(raw) if member.file_name.lower().endswith(_SUFFIX)]
        label_files = [member for member in members if member.file_name.endswith(LABEL_FILE)]
        # people put the label files beside the folders or archives
        beside = {path for root in raw for path in root.resolve().parent.glob(f"*{LABEL_FILE}")}
        known = {member.where.rpartition("/")[2] for member in label_files}
        label_files += [member for member in list_members(sorted(beside)) if member.file_name not in known]
        clips = [member for member in members if not member.file_name.endswith(LABEL_FILE)]
        tables, classes = read_labels(named_after(label_files, clips), self.classes)
        items: dict[str, Item] = {}
        rejected: list[Rejected] = []
        duplicates: list[Duplicate] = []
        seen: set[tuple[str, int]] = set()
        for member in clips:
            name = member.file_name[: -len(_SUFFIX)]
            entry = _entry(name, member, tables)
            if entry is None:
                rejected.append(Rejected(name, member.where, "no label file of its split names it", kind="name"))
                continue
            seen.add((name, entry.split))
            if not entry.has_skeleton:
                reason = f"{entry.where} says that it has no skeleton"
                rejected.append(Rejected(name, member.where, reason, kind="missing"))
            elif name in items:
                duplicates.append(Duplicate(name, items[name].member.where, member.where))
            else:
                items[name] = Item(Sample(name, entry.label, {"side": entry.split}), member)
        if not items:
            raise FormatError(
                f"no clip among {len(members)} JSON files and {len(label_files)} label files: pass the folder or "
                f"archive that holds kinetics_train/, kinetics_val/ and their *{LABEL_FILE} files",
                ", ".join(map(str, raw)),
            )
        present = {split for _, split in seen}
        rejected += _absent(tables, present, seen)
        return Listing(
            items=tuple(items[name] for name in sorted(items)),
            rejected=tuple(rejected),
            duplicates=tuple(duplicates),
            missing=names_to_leave_out(missing_list, items),
            source=replace(self, classes=classes),
        )


def _entry(name: str, member: Member, tables: Mapping[int, Mapping[str, ClipLabel]]) -> ClipLabel | None:
    """Find a clip's entry in the label file of its folder; in that of any split if the folder determines none."""
    folder = member.where.replace("\\", "/").rpartition("/")[0]
    for part in reversed(folder.split("/")):
        if (split := split_of(part)) is not None:
            return tables.get(split, {}).get(name)
    found = [table[name] for table in tables.values() if name in table]
    return found[0] if len(found) == 1 else None


def _absent(
    tables: Mapping[int, Mapping[str, ClipLabel]], present: set[int], seen: set[tuple[str, int]]
) -> Iterable[Rejected]:
    """List the clips that are missing, except those of a split without a single clip."""
    for split in sorted(present):
        for name in sorted(tables[split]):
            entry = tables[split][name]
            if entry.has_skeleton and (name, split) not in seen:
                yield Rejected(name, entry.where, f"{name}.json is named here, but was not found", kind="missing")


def kinetics() -> KineticsSource:
    """Register Kinetics-Skeleton 400: `train` trains, `val` tests; clips without a person stay, as zeros."""
    return KineticsSource(
        name="kinetics",
        fps=30.0,
        skeleton=OPENPOSE18,
        classes=load_class_names("kinetics"),
        fields=("side",),
        protocols={"official": SplitRule("side", (SPLITS["train"],), (SPLITS["val"],))},
        body_selection="score",
        has_confidence=True,
        keeps_empty=True,
    )


def _recognise(file: RawFile) -> Evidence | None:
    if "data" not in file.keys:
        return None
    entries = file.json["data"]
    first = entries[0] if isinstance(entries, list) and entries else None
    if isinstance(first, dict) and {"frame_index", "skeleton"} & first.keys():
        return Evidence("a JSON record with 'data', a list of 'frame_index' and 'skeleton'")
    return Evidence("a JSON record with 'data'", LIKELY)


def _parse(file: RawFile, options: ReadingOptions) -> Iterator[RawClip]:
    """Parse one clip; a class that it names without its number is looked up among those of the checkpoint."""
    source = kinetics()
    classes = source.classes if options.classes is None else options.classes
    recording, label = parse_kinetics(
        file.data, file.where, classes, content=file.json, most_frames=_MOST_FRAMES, lenient=True
    )
    name = file.json.get("label")
    yield RawClip(
        recording=recording,
        skeleton=OPENPOSE18,
        label=label,
        class_name=name if isinstance(name, str) else None,
        body_selection=source.body_selection,
        max_bodies=source.max_bodies,
        keeps_empty=source.keeps_empty,
        unit="fraction",
    )


KINETICS_JSON = FileFormat(
    name="kinetics",
    title="the JSON of Kinetics-Skeleton",
    suffixes=(".json",),
    recognise=_recognise,
    parse=_parse,
    fixed_skeleton=True,
    row="`openpose18` | fractions of the image, or pixels with `--image-size` "
    "| not stated | none: followed where asked",
)
