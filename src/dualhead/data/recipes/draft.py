"""A clip in the making, which the steps of a recipe change one after another."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dualhead.data.recipes.normalize import centre_once, image_clip, to_clip
from dualhead.sequence import SkeletonSequence
from dualhead.skeleton import Skeleton

Clip = NDArray[np.float32]
"""Coordinates `(C, T, V, M)`."""


class Draft:
    """A clip in the making: the recording, what is taken from it, and what has become of it.

    The recording is laid out as a clip when `clip` is first requested; until then `take` only notes frames.

    Attributes:
        sequence: The recording, reduced to the bodies of the recipe.
        skeleton: The layout of its joints.
        joints: Its coordinates `(M, T, V, C)`, in the order of `bodies`.
        bodies: The indices of these bodies in the recording.
        length: T, the number of frames so far.
        index: `(T,)` the recorded frame that each frame of the clip shows; fractions where two are mixed, NaN where it
            shows nothing. Of the first body that is there, where a recipe lays out each body by itself. None if no
            person wants to know.
        up: The axis that points up (1: y, 2: z), or down; rotations about the vertical use it.
        stream: Name of the stream that is wanted.
        rng: Source of training draws; None for test.
        cut: Shares (start, stop) of the recording that this test clip shows.
        yaw: Degrees about the vertical axis that this test clip is turned by.
        empty: Whether no person is in the recording: the clip is zeros.

    Args:
        sequence: The recording, reduced to the bodies of the recipe.
        bodies: The indices of these bodies in the recording.
        stream: Name of the stream that is wanted.
        rng: Source of training draws; None for test.
        trace: Keep `index`.
    """

    __slots__ = (
        "_clip", "_filled", "_origin", "_rows", "bodies", "cut", "empty", "index", "joints", "length", "rng",
        "sequence", "skeleton", "stream", "up", "yaw",
    )  # fmt: skip

    def __init__(
        self,
        sequence: SkeletonSequence,
        bodies: list[int],
        stream: str = "joint",
        rng: np.random.Generator | None = None,
        trace: bool = False,
    ):
        self.sequence = sequence
        self.skeleton: Skeleton = sequence.skeleton
        self.joints: NDArray[np.float32] = sequence.joints
        self.bodies = bodies
        self.length: int = self.joints.shape[1]
        self.index: NDArray[np.float64] | None = np.arange(self.length, dtype=np.float64) if trace else None
        self.up = 1
        self.stream = stream
        self.rng = rng
        self.cut = (0.0, 1.0)
        self.yaw = 0.0
        self.empty = False
        self._clip: Clip | None = None
        self._filled: NDArray[np.bool_] | None = None
        self._origin: NDArray[np.float32] | None = None
        self._rows: NDArray[np.intp] | slice = slice(None)

    @property
    def clip(self) -> Clip:
        """The clip so far, `(C, T, V, M)`."""
        if self._clip is None:
            self._clip = self._lay_out(self._rows)
        return self._clip

    @clip.setter
    def clip(self, value: Clip) -> None:
        self._clip = value
        self.length = value.shape[1]

    def recorded(self) -> NDArray[np.float32]:
        """Return the coordinates so far, `(M, T, V, C)`."""
        return self.joints[:, self._rows] if self._clip is None else self._clip.transpose(3, 1, 2, 0)

    def frame(self, number: int) -> NDArray[np.float32]:
        """Return the coordinates `(M, V, C)` of one of the frames so far."""
        if self._clip is not None:
            return self._clip[:, number].transpose(2, 1, 0)
        rows = self._rows
        return self.joints[
            :, range(*rows.indices(self.joints.shape[1]))[number] if isinstance(rows, slice) else rows[number]
        ]

    def filled(self) -> NDArray[np.bool_]:
        """Return the frames `(M, T)` that hold something of each body."""
        if self._clip is not None:
            return np.asarray(self._clip.any(axis=(0, 2)).T)
        if self._filled is None:
            self._filled = np.any(self.recorded(), axis=(2, 3))
        return self._filled

    def reorder(self, order: NDArray[np.intp]) -> None:
        """Reorder the bodies, or repeat some of them.

        Args:
            order: `(M',)` numbers of bodies, of those so far.
        """
        self.bodies = [self.bodies[row] for row in order]
        self._filled = None if self._filled is None else self._filled[order]
        if self._clip is not None:
            self._clip = self._clip[..., order]
        else:
            self.joints = self.joints[order]

    def centre(self, point: NDArray[np.float32]) -> None:
        """Subtract a point from what is present, now or when the recording is laid out (`centre_once`).

        Args:
            point: `(C,)`.
        """
        if self._clip is not None:
            self._clip = centre_once(self._clip, point)
        else:
            self._origin = point

    def take(self, rows: NDArray[np.intp] | slice) -> None:
        """Select some of the frames.

        Args:
            rows: Numbers or a slice of frames, of those kept so far.
        """
        if self.index is not None:
            self.index = self.index[rows]
        if self._clip is not None:
            self._clip = _frames(self._clip, rows)
        else:
            self._rows = self._below(rows)
            self._filled = None if self._filled is None else self._filled[:, rows]
        self.length = len(range(*rows.indices(self.length))) if isinstance(rows, slice) else len(rows)

    def mix(self, low: NDArray[np.intp], high: NDArray[np.intp], weight: NDArray[np.float32]) -> None:
        """Replace the frames by mixtures of two: low + weight * (high - low).

        Convention: a joint that is missing counts as it stands, (0, 0, 0) in raw coordinates.

        Args:
            low: `(T',)` frames of those kept so far.
            high: `(T',)` likewise.
            weight: `(T',)`, the share of `high`.
        """
        if self._clip is None and self.length > 2 * len(low):  # to lay out two frames of each is less
            kept = self._below(slice(None))
            first, second = (low, high) if isinstance(kept, slice) else (kept[low], kept[high])
            before, after = self._lay_out(first), self._lay_out(second)
        else:
            before, after = self.clip.take(low, axis=1), self.clip.take(high, axis=1)
        after -= before
        after *= weight[:, None, None]
        after += before
        self._clip = after
        if self.index is not None:
            start = self.index[low]
            self.index = start + weight * (self.index[high] - start)
        self.length = len(low)

    def copy(self) -> Draft:
        """Return a draft that goes its own way from here."""
        made = object.__new__(Draft)
        for name in Draft.__slots__:
            setattr(made, name, getattr(self, name))
        return made

    def _below(self, rows: NDArray[np.intp] | slice) -> NDArray[np.intp] | slice:
        """Return the recorded frames of some of those kept so far."""
        if isinstance(self._rows, slice) and self._rows == slice(None):
            return rows
        kept = np.arange(self.joints.shape[1])[self._rows] if isinstance(self._rows, slice) else self._rows
        return kept[rows]

    def _lay_out(self, rows: NDArray[np.intp] | slice) -> Clip:
        if self.skeleton.dimensions == 2:
            return image_clip(self.sequence, self.sequence.num_bodies)[:, rows]
        clip = to_clip(_frames(self.joints, rows))
        return clip if self._origin is None else centre_once(clip, self._origin)


def _frames(values: NDArray[np.float32], rows: NDArray[np.intp] | slice) -> NDArray[np.float32]:
    """Return some of the frames of `(., T, ...)`; `take` is twice as fast as an index."""
    return values[:, rows] if isinstance(rows, slice) else values.take(rows, axis=1)
