"""Shared parts of the parsers of pose programs: checked numbers, frame numbers in names, people frame by frame."""

from __future__ import annotations

import re
from array import array as Buffer
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualhead.formats.dense import MAX_COORDINATE, missing_marks
from dualhead.formats.files.json_file import nested_numbers
from dualhead.formats.recording import Recording
from dualhead.runtime.errors import FormatError
from dualhead.skeleton import COCO17, HALPE26, Skeleton

MAX_FRAMES = 1_000_000
"""The most frames of a recording."""

MAX_PEOPLE = 1_000
"""The most people of a frame."""

MAX_PIXELS = 100_000
"""The largest width or height of an image."""

BODY_LAYOUTS: Mapping[int, Skeleton] = {17: COCO17, 26: HALPE26, 133: COCO17, 136: HALPE26}
"""The skeleton of the body by the number of key points, those of COCO and Halpe; hands and face come behind it."""

_LONGEST_STEP = 1e9
_LATEST_TIME = 1e18
_SPARSE = 100
_NUMBERED = re.compile(r"(?P<before>.*?)(?P<number>\d{1,15})(?P<behind>\D*)", re.ASCII | re.DOTALL)


class Observations:
    """The people of a recording, added one by one in any order.

    Args:
        skeleton: The layout of their joints.
    """

    def __init__(self, skeleton: Skeleton):
        self.skeleton = skeleton
        self._shape = (skeleton.num_joints, skeleton.dimensions)
        self._frames: list[int] = []
        self._joints = Buffer("d")  # an array a body would take several times as much
        self._confidence = Buffer("d")
        self._ids: list[str] = []

    def __len__(self) -> int:
        return len(self._frames)

    @property
    def frames(self) -> list[int]:
        """The numbers of the frames that were added, as often as bodies."""
        return self._frames

    def add(
        self,
        frame: int,
        joints: NDArray[np.float64],
        confidence: NDArray[np.float64] | None = None,
        body_id: str = "",
    ) -> None:
        """Add one body in one frame.

        Args:
            frame: The frame, counted from anywhere.
            joints: `(V, C)`; a joint with a NaN among its coordinates is absent.
            confidence: `(V,)`; either every body has one or none.
            body_id: The identity that the file gives, or "".
        """
        assert joints.shape == self._shape
        self._frames.append(frame)
        self._joints.frombytes(joints.astype(np.float64).tobytes())
        if confidence is not None:
            assert confidence.shape == self._shape[:1]
            self._confidence.frombytes(confidence.astype(np.float64).tobytes())
        self._ids.append(body_id)

    def recording(
        self, first: int | None = None, num_frames: int | None = None, fps: float | None = None, where: str = ""
    ) -> Recording:
        """Sort the observations by frame.

        Convention: a joint is absent, all zeros with confidence 0, where a coordinate is NaN or 9999, the confidence is
        not above 0, or all coordinates are 0 or -1. Identities count where every body has one and no frame has one
        twice.

        Args:
            first: The number of frame 0; default: the lowest that was added.
            num_frames: Number of frames; default: up to the last that was added.
            fps: Frames a second, or None.
            where: The source, for the error message.

        Returns:
            The recording.

        Raises:
            FormatError: If the frame numbers leave gaps that no recording has, or a frame holds too many people.
        """
        start = min(self._frames, default=0) if first is None else first
        count = (max(self._frames, default=start - 1) - start + 1) if num_frames is None else num_frames
        check_frames(start, count, len({*self._frames}), where)
        order = np.argsort(np.array(self._frames, np.int64), kind="stable")
        frames = np.array(self._frames, np.int64)[order] - start
        joints = self._values(self._joints, self._shape)[order]
        confidence = None
        absent = np.isnan(joints).any(axis=2) | missing_marks(joints)
        present: NDArray[np.bool_] = ~absent & np.any(joints, axis=2)  # (B, V)
        if self._frames and len(self._confidence) == len(self._frames) * self._shape[0]:
            confidence = np.nan_to_num(self._values(self._confidence, self._shape[:1])[order])
            present &= confidence > 0
            confidence = np.where(present, confidence, 0.0)
        joints[~present] = 0
        slots = np.arange(len(frames)) - np.searchsorted(frames, frames)
        if slots.max(initial=0) >= MAX_PEOPLE:
            raise FormatError(f"more than the {MAX_PEOPLE} people that one frame may hold", where)
        ids = [self._ids[row] for row in order.tolist()]
        known = all(ids) and len({*zip(ids, frames.tolist(), strict=True)}) == len(ids)
        return Recording(
            joints=joints,
            frames=frames,
            slots=slots.astype(np.int64),
            num_frames=count,
            body_ids=tuple(ids) if known else (),
            confidence=confidence,
            fps=fps,
        )

    def _values(self, buffer: Buffer[float], shape: tuple[int, ...]) -> NDArray[np.float64]:
        """Return a view of what was added."""
        return (np.frombuffer(buffer, np.float64) if buffer else np.zeros(0)).reshape(-1, *shape)


def check_frames(first: int, num_frames: int, filled: int, where: str) -> None:
    """Check that frame numbers are those of one recording.

    Args:
        first: The lowest number.
        num_frames: Number of frames from it to the highest.
        filled: Number of frames that hold a person.
        where: The source, for the error message.

    Raises:
        FormatError: If there are more frames than a recording has, or hardly any of them holds a person.
    """
    if num_frames > MAX_FRAMES or (filled and num_frames > _SPARSE * (filled + 10)):
        raise FormatError(
            f"its frames are numbered {first} to {first + num_frames - 1}, but only {filled} hold a person: these are "
            "single pictures, not the frames of one recording",
            where,
        )


def number_array(value: Any, where: str | Path | None, what: str) -> NDArray[np.float64]:
    """Convert nested lists to an array; null becomes NaN.

    Args:
        value: The content of a file.
        where: The source, for the error message.
        what: The name of the value.

    Returns:
        The array, of any shape.

    Raises:
        FormatError: If it is not an array of numbers, or one is infinite or beyond `MAX_COORDINATE`.
    """
    try:
        with np.errstate(invalid="ignore"):  # damaged bytes can be any number
            array = nested_numbers(value, nulls=True) if isinstance(value, list) else np.array(value, np.float64)
    except (ValueError, TypeError, OverflowError):
        raise FormatError(f"expected an array of numbers in {what}, but found something else", where) from None
    if (np.abs(array) > MAX_COORDINATE).any():  # false for NaN
        raise FormatError(f"{what} holds a number beyond {MAX_COORDINATE:.0f}, which no coordinate is", where)
    return array


def key_points(
    value: Any, where: str | Path | None, what: str = "'keypoints'"
) -> tuple[NDArray[np.float64], NDArray[np.float64], Skeleton]:
    """Convert the key points of one body, x, y and score side by side, to joints.

    Args:
        value: 3 numbers a key point, in one list or a list for each.
        where: The source, for the error message.
        what: Their name.

    Returns:
        Joints `(V, 2)`, scores `(V,)` and the skeleton, COCO 17 or Halpe 26; hands and face are left out. Where the
        scores are the codes of COCO's visibility (some are 2, and all 0, 1 or 2) they are halved.

    Raises:
        FormatError: If they are not numbers, or of another layout.
    """
    array = number_array(value, where, what)
    count, rest = divmod(array.size, 3)
    if rest or count not in BODY_LAYOUTS or array.shape not in ((array.size,), (count, 3)):
        raise FormatError(
            f"{what} holds numbers of shape {array.shape}, but 3 numbers are expected for each of "
            f"{', '.join(map(str, BODY_LAYOUTS))} key points",
            where,
        )
    skeleton = BODY_LAYOUTS[count]
    points = array.reshape(count, 3)[: skeleton.num_joints]
    scores = points[:, 2]
    if np.isin(scores, (0, 1, 2)).all() and (scores == 2).any():
        scores = scores / 2
    return points[:, :2], scores, skeleton


def identity(value: Any) -> str:
    """Return a non-negative number as text, also the first one in nested lists; "" if nothing is found."""
    for _ in range(4):
        if not isinstance(value, list):
            break
        value = value[0] if value else None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return value[:40] if isinstance(value, str) else ""
    return str(int(value)) if 0 <= value < 2**63 and value == int(value) else ""


def frame_of_image(image: Any) -> tuple[str, int]:
    """Split the name or number of an image into the recording and the frame.

    Args:
        image: An integer, or a name such as "walk/000012.jpg".

    Returns:
        What is written before the last number, such as "walk", and the number; a name without one is frame 0 of a
        recording of its own.

    Raises:
        FormatError: If it is neither.
    """
    if isinstance(image, int) and not isinstance(image, bool) and 0 <= image < 10**15:
        return "", image
    if not isinstance(image, str):
        raise FormatError(f"an image is called {str(image)[:40]!r}: expected a name or an integer")
    stem = re.sub(r"\.[A-Za-z]{1,5}$", "", image.replace("\\", "/")[-200:])
    found = _NUMBERED.fullmatch(stem)
    if found is None:
        return stem, 0
    return (found["before"] + found["behind"]).strip("/_-. "), int(found["number"])


def image_size(width: Any, height: Any) -> dict[str, int]:
    """Return the size of an image as the fields of a recording; nothing where it is not known.

    Args:
        width: In pixels, of whatever type a file has it.
        height: The same.
    """
    sizes = [side for side in (width, height) if isinstance(side, int) and not isinstance(side, bool)]
    if len(sizes) < 2 or not all(0 < side <= MAX_PIXELS for side in sizes):
        return {}
    return {"width": sizes[0], "height": sizes[1]}


def time_of(value: Any) -> float:
    """Return a time as a number; NaN where a file has something else.

    Args:
        value: In any unit.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < _LATEST_TIME:
        return float("nan")
    return float(value)


def steady_rate(times: Sequence[float], frames: Sequence[int] | None = None) -> float | None:
    """Compute the frame rate from the times of frames, whatever unit they are in.

    Convention: of seconds, milliseconds, microseconds and ticks of 100 nanoseconds the first counts that makes 4 to 250
    frames per second. Steps that differ from the median by more than a half are pauses and do not count.

    Args:
        times: In order.
        frames: The numbers of the frames; default: consecutive.

    Returns:
        Frames a second, or None where no unit fits.
    """
    numbers = np.arange(len(times)) if frames is None else np.array(frames, np.float64)
    between = np.diff(numbers)
    with np.errstate(all="ignore"):
        steps = np.diff(np.array(times, np.float64)) / between
    steps = steps[(steps > 0) & (steps < _LONGEST_STEP) & (between > 0)]  # NaN is neither
    if not len(steps):
        return None
    middle = float(np.median(steps))
    steady = steps[np.abs(steps - middle) <= middle / 2]
    step = float(steady.mean()) if len(steady) else middle
    rates = [unit / step for unit in (1, 1e3, 1e6, 1e7)]
    return next((round(rate, 2) for rate in rates if 4 <= rate <= 250), None)
