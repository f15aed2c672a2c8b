"""Tables of joints as scripts log them: one line a frame with a column for each coordinate, or one line a joint."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from dualhead.formats.observations import Observations, steady_rate
from dualhead.formats.recording import Recording
from dualhead.runtime.errors import FormatError
from dualhead.skeleton import Skeleton

_AXES = {"x": "x", "y": "y", "z": "z"} | dict.fromkeys(
    ("v", "vis", "visibility", "c", "conf", "confidence", "score", "likelihood"), "confidence"
)
_AXIS = "visibility|confidence|likelihood|score|conf|vis|[xyzvc]"
_AXIS_FIRST = re.compile(rf"(?P<axis>{_AXIS})_?(?P<joint>\d{{1,3}})", re.ASCII)
_AXIS_LAST = re.compile(rf"(?P<joint>.+?)_?(?P<axis>{_AXIS})", re.ASCII)
_FILLERS = re.compile(
    r"\b(?:position|pos|camera|landmarks?|joints?|points?|keypoints?|kp|pose|world|coordinates?|lm)\b"
)

_TIMES = ("timestamp", "time", "timestampms", "timems", "timestampusec", "seconds", "relativetime")
_FRAMES = ("frame", "frameid", "frameindex", "frameidx", "framenumber", "frameno")
_BODIES = ("bodyid", "body", "trackingid", "personid", "person", "userid", "skeletonid", "bodyindex", "trackid")
_JOINTS = ("jointid", "joint", "jointname", "jointtype", "jointindex", "landmark", "landmarkid", "landmarkname", "name",
           "landmarkindex", "index", "id", "type")  # fmt: skip
_STATES = ("state", "trackingstate", "jointstate")
_CLASSES = ("class", "label", "action", "activity", "gesture")
_START, _FIRST = 100_000, 101
_NOT_TRACKED = ("0", "nottracked")
_ABSENT = ("", "nan", "na", "null", "none")


@dataclass(frozen=True)
class LandmarkColumns:
    """The meaning of the columns of a table of landmarks.

    Attributes:
        coordinates: The columns by (joint, axis); axes are "x", "y", "z" and "confidence". In a table with a line for
            each joint the joint is -1.
        joint: The column that says the joint of a line, or -1.
        frame: The column of the frame number, or -1.
        time: The column of the time, or -1.
        body: The column of the identity, or -1.
        state: The column of the tracking state, or -1.
        class_name: The column of the class, or -1.
    """

    coordinates: Mapping[tuple[int, str], int]
    joint: int
    frame: int
    time: int
    body: int
    state: int
    class_name: int

    @property
    def dimensions(self) -> int:
        """3 where there is a z, else 2."""
        return 3 if any(axis == "z" for _, axis in self.coordinates) else 2

    @property
    def has_confidence(self) -> bool:
        """True if the joints have a confidence."""
        return any(axis == "confidence" for _, axis in self.coordinates)


@dataclass(frozen=True, eq=False)
class LandmarkTable:
    """The content of a table of landmarks, before its coordinates are interpreted.

    Attributes:
        frames: int64 `(B,)`, the frame of each body.
        points: float64 `(B, V, 2 or 3)`, NaN where absent.
        confidence: float64 `(B, V)`, or None.
        bodies: The B identities, or "".
        fps: Frames a second, or None.
        class_name: The class that every line names, or None.
    """

    frames: NDArray[np.int64]
    points: NDArray[np.float64]
    confidence: NDArray[np.float64] | None
    bodies: tuple[str, ...]
    fps: float | None
    class_name: str | None

    def recording(self, skeleton: Skeleton, points: NDArray[np.float64], where: str) -> Recording:
        """Build a recording with converted points in place of those of the table.

        Args:
            skeleton: Their layout.
            points: `(B, V, C)`.
            where: The source, for the error message.

        Raises:
            FormatError: If the frame numbers leave gaps that no recording has.
        """
        people = Observations(skeleton)
        for row, frame in enumerate(self.frames):
            scores = None if self.confidence is None else self.confidence[row]
            people.add(int(frame), points[row], scores, self.bodies[row])
        return people.recording(fps=self.fps, where=where)


def squash(name: str) -> str:
    """Return a name in lower case without anything but letters and digits."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def first_lines(data: bytes) -> list[list[str]]:
    """Return the cells of the first hundred lines behind the header, as many as several bodies take.

    Args:
        data: The file's bytes.
    """
    lines = data[:_START].decode("utf-8-sig", "replace").splitlines()[1:_FIRST]
    return [line.split(",") for line in lines if line.strip()]


def joint_aliases(skeleton: Skeleton) -> dict[str, int]:
    """Map the ways to write a joint's name to its number: left_hand_tip, LeftHandTip, HandTipLeft, hand_tip_l.

    Args:
        skeleton: Its joints.
    """
    found: dict[str, int] = {}
    for number, joint in enumerate(skeleton.joints):
        words = joint.split("_")
        side = next((word for word in words if word in ("left", "right")), "")
        rest = "".join(word for word in words if word != side)
        for name in {"".join(words), f"{side}{rest}", f"{rest}{side}", f"{rest}{side[:1]}", f"{side[:1]}{rest}"}:
            found.setdefault(name, number)
    return found


def find_columns(header: Sequence[str], skeleton: Skeleton, totals: Sequence[int] = ()) -> LandmarkColumns | None:
    """Find the columns of a table of joints.

    Args:
        header: The cells of its first line.
        skeleton: The layout that is looked for, by names or by numbers from 0 or 1 on.
        totals: Number of numbered joints that may occur where others stand behind those of the skeleton.

    Returns:
        The columns, or None where x and y of a joint are missing.
    """
    plain = [squash(name) for name in header]

    def one_of(names: Sequence[str]) -> int:
        return next((plain.index(name) for name in names if name in plain), -1)

    frame, time, body = one_of(_FRAMES), one_of(_TIMES), one_of(_BODIES)
    wide = _wide(header, skeleton, totals)
    if wide is not None:
        return LandmarkColumns(wide, -1, frame, time, body, -1, one_of(_CLASSES))
    joint = one_of(_JOINTS)
    axes: dict[tuple[int, str], int] = {}
    for column, name in enumerate(header):
        axis = _AXES.get(_without_fillers(name).replace("_", ""))
        if axis is not None:
            axes.setdefault((-1, axis), column)
    if joint < 0 or not {(-1, "x"), (-1, "y")} <= axes.keys():
        return None
    return LandmarkColumns(axes, joint, frame, time, body, one_of(_STATES), one_of(_CLASSES))


def _without_fillers(name: str) -> str:
    """Return a column's name as words joined by "_", without words such as "position"."""
    words = re.sub(r"[^A-Za-z0-9]+", " ", re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Za-z])(?=\d)", " ", name)).lower()
    return "_".join(_FILLERS.sub(" ", words).split())


def _wide(header: Sequence[str], skeleton: Skeleton, totals: Sequence[int]) -> dict[tuple[int, str], int] | None:
    """Find x and y of every joint among the columns."""
    aliases = joint_aliases(skeleton)
    named: dict[tuple[int, str], int] = {}
    numbered: dict[tuple[int, str], int] = {}
    for column, name in enumerate(header):
        plain = _without_fillers(name)
        found = _AXIS_FIRST.fullmatch(plain) or _AXIS_LAST.fullmatch(plain)
        if found is None:
            continue
        axis, joint = _AXES[found["axis"]], found["joint"].strip("_")
        if joint.isdigit():
            numbered.setdefault((int(joint[:4]), axis), column)
        elif joint.replace("_", "") in aliases:
            named.setdefault((aliases[joint.replace("_", "")], axis), column)
    numbers = {joint for joint, _ in numbered}
    if numbers and min(numbers) == 1:
        numbered = {(joint - 1, axis): column for (joint, axis), column in numbered.items()}
    whole = {(joint, axis) for joint in range(skeleton.num_joints) for axis in "xy"}
    if whole <= named.keys():
        return named
    if whole <= numbered.keys() and max(joint for joint, _ in numbered) + 1 in (skeleton.num_joints, *totals):
        return {(joint, axis): column for (joint, axis), column in numbered.items() if joint < skeleton.num_joints}
    return None


def are_joints_of(lines: Sequence[Sequence[str]], columns: LandmarkColumns, skeleton: Skeleton) -> bool:
    """Return whether the lines of a table with a line for each joint are of a skeleton.

    Args:
        lines: The cells of lines, enough for all joints of a body.
        columns: The meaning of the columns.
        skeleton: The layout: its names, or its numbers up to the last one.
    """
    cells = {squash(cells[columns.joint]) for cells in lines if len(cells) > columns.joint}
    numbers = {int(cell) for cell in cells if cell.isdecimal() and len(cell) < 5}
    if len(numbers) == len(cells) > 0:
        return max(numbers) - min(numbers) == skeleton.num_joints - 1 and min(numbers) in (0, 1)
    return bool(cells) and cells <= joint_aliases(skeleton).keys()


def read_landmarks(
    rows: Sequence[tuple[int, Sequence[str]]], columns: LandmarkColumns, skeleton: Skeleton, where: str
) -> LandmarkTable:
    """Read the lines of a table of joints.

    Convention: an empty cell or NaN is missing. Frames have the numbers of their column, so that a missing number is a
    frame without a person; without such a column each line, or each new time, is the next frame.

    Args:
        rows: The 1-based number and the cells of each line, without the header.
        columns: The meaning of the columns.
        skeleton: The joints.
        where: The source, for the error message.

    Raises:
        FormatError: If a line has too few cells, a cell is not a number, or a joint is unknown.
    """
    read = _read_long if columns.joint >= 0 else _read_wide
    found = read(rows, columns, skeleton, where)
    if not found.frames:
        raise FormatError("its table contains no line of joints", where)
    known = [(time, frame) for time, frame in zip(found.times, found.frames, strict=True) if time is not None]
    unique = {frame: time for time, frame in reversed(known)}
    ordered = sorted(unique)
    names = {cells[columns.class_name] for _, cells in rows} if columns.class_name >= 0 else set()
    return LandmarkTable(
        np.array(found.frames, np.int64),
        found.points,
        found.scores if columns.has_confidence else None,
        tuple(found.bodies),
        steady_rate([unique[frame] for frame in ordered], ordered),
        names.pop() or None if len(names) == 1 else None,
    )


@dataclass(frozen=True, eq=False)
class _Bodies:
    """The bodies of a table: points `(B, V, 2 or 3)`, scores `(B, V)`."""

    frames: list[int]
    times: list[float | None]
    bodies: list[str]
    points: NDArray[np.float64]
    scores: NDArray[np.float64]


def _read_wide(
    rows: Sequence[tuple[int, Sequence[str]]], columns: LandmarkColumns, skeleton: Skeleton, where: str
) -> _Bodies:
    """Read one body from each line."""
    axes = ["x", "y", "z"][: columns.dimensions]
    places = [[columns.coordinates.get((joint, axis), -1) for axis in axes] for joint in range(skeleton.num_joints)]
    scored = [columns.coordinates.get((joint, "confidence"), -1) for joint in range(skeleton.num_joints)]
    found = _Bodies([], [], [], np.empty((len(rows), len(places), len(axes))), np.ones((len(rows), len(places))))
    for place, (line, cells) in enumerate(rows):
        _check_width(cells, columns, where, line)
        frame, time, body = _context(cells, columns, where, line)
        found.frames.append(place if frame is None else frame)
        found.times.append(time)
        found.bodies.append(body)
        found.points[place] = [[_cell(cells, column, where, line) for column in joint] for joint in places]
        if columns.has_confidence:
            found.scores[place] = [_cell(cells, column, where, line) if column >= 0 else 1.0 for column in scored]
    return found


def _read_long(
    rows: Sequence[tuple[int, Sequence[str]]], columns: LandmarkColumns, skeleton: Skeleton, where: str
) -> _Bodies:
    """Read one body from the lines of its joints: a joint that comes again begins the next one."""
    axes = ["x", "y", "z"][: columns.dimensions]
    places = [columns.coordinates[-1, axis] for axis in axes]
    scored = columns.coordinates.get((-1, "confidence"), -1)
    aliases = joint_aliases(skeleton)
    keeps_states = columns.state >= 0 and any(not _is_untracked(cells, columns) for _, cells in rows)
    from_one = _counts_from_one(rows, columns, skeleton)
    frames, times, bodies = list[int](), list[float | None](), list[str]()
    joints, scores = list[NDArray[np.float64]](), list[NDArray[np.float64]]()
    frame, last = -1, None
    seen: set[int] = set()
    for line, cells in rows:
        _check_width(cells, columns, where, line)
        joint = _joint(cells[columns.joint], aliases, skeleton, from_one, where, line)
        number, time, body = _context(cells, columns, where, line)
        moment = (number, time)
        if last is None or moment != last[0] or body != last[1] or joint in seen:
            timeless = number is None and time is None
            if number is not None:
                frame = number
            elif last is None or timeless or moment != last[0]:
                frame += 1
            frames.append(frame)
            times.append(time)
            bodies.append(body)
            joints.append(np.full((skeleton.num_joints, columns.dimensions), np.nan))
            scores.append(np.zeros(skeleton.num_joints))
            seen, last = set(), (moment, body)
        seen.add(joint)
        if keeps_states and _is_untracked(cells, columns):
            continue
        joints[-1][joint] = [_cell(cells, column, where, line) for column in places]
        scores[-1][joint] = _cell(cells, scored, where, line) if scored >= 0 else 1.0
    return _Bodies(frames, times, bodies, np.array(joints), np.array(scores))


def _context(
    cells: Sequence[str], columns: LandmarkColumns, where: str, line: int
) -> tuple[int | None, float | None, str]:
    """Return the frame, the time and the body that a line is of."""
    frame = None
    if columns.frame >= 0:
        number = _cell(cells, columns.frame, where, line)
        if not 0 <= number < 10**15:
            raise FormatError(f"frame {cells[columns.frame][:40]!r} is not an integer", where, line)
        frame = int(number)
    time = _time(cells[columns.time]) if columns.time >= 0 else None
    return frame, time, cells[columns.body][:40] if columns.body >= 0 else ""


def _time(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        pass
    try:
        return datetime.fromisoformat(cell).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def _check_width(cells: Sequence[str], columns: LandmarkColumns, where: str, line: int) -> None:
    most = max(*columns.coordinates.values(), columns.joint, columns.frame, columns.time, columns.body, columns.state,
               columns.class_name)  # fmt: skip
    if len(cells) <= most:
        raise FormatError(f"{len(cells)} cells, but the first line names {most + 1} or more", where, line)


def _cell(cells: Sequence[str], column: int, where: str, line: int) -> float:
    """Return the number of a cell; NaN if it is empty or the column does not exist."""
    cell = cells[column] if column >= 0 else ""
    if cell.lower() in _ABSENT:
        return float("nan")
    try:
        number = float(cell)
    except ValueError:
        raise FormatError(f"{cell[:40]!r} is not a number", where, line) from None
    if abs(number) > 1e15:
        raise FormatError(f"{cell[:40]!r} is far too large for a coordinate", where, line)
    return number


def _is_untracked(cells: Sequence[str], columns: LandmarkColumns) -> bool:
    return len(cells) > columns.state and squash(cells[columns.state]) in _NOT_TRACKED


def _counts_from_one(rows: Sequence[tuple[int, Sequence[str]]], columns: LandmarkColumns, skeleton: Skeleton) -> bool:
    """Return whether joints are numbered 1 to V instead of 0 to V - 1."""
    named = {cells[columns.joint] for _, cells in rows if len(cells) > columns.joint}
    return str(skeleton.num_joints) in named and "0" not in named


def _joint(cell: str, aliases: Mapping[str, int], skeleton: Skeleton, from_one: bool, where: str, line: int) -> int:
    plain = squash(cell)
    number = int(plain) - from_one if plain.isascii() and plain.isdigit() and len(plain) < 5 else aliases.get(plain, -1)
    if not 0 <= number < skeleton.num_joints:
        raise FormatError(f"{cell[:40]!r} is not a joint of {skeleton.name!r}", where, line)
    return number
