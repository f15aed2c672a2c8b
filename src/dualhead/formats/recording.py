"""The result of a parser: every body seen in every frame, before bodies are selected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dualhead.runtime.errors import ConfigError


@dataclass(frozen=True, eq=False)
class Recording:
    """The bodies of a recording as its file lists them: B observations, frame by frame.

    An observation is one body in one frame. Absent bodies take no room, so a recording of any length with any number of
    bodies is held as it is. Which observations belong to one person is not decided here.

    Attributes:
        joints: float64 `(B, V, C)`, raw coordinates.
        frames: int64 `(B,)`, the 0-based frame of each observation, ascending.
        slots: int64 `(B,)`, the 0-based place of each observation among the bodies of its frame.
        num_frames: T, frames without a body included.
        body_ids: B identifiers as the file writes them (exact text: some exceed 2^53), or () where it has none.
        tracking: int64 `(B,)`, tracking state of each observation, or None where the file has none.
        confidence: float64 `(B, V)`, or None where the file has none.
        drops_confidence: Whether the file has one that the data set leaves out.
        fps: Frames a second, or None where the file does not say it.
        body_selection: The selection that its format asks for where the data set leaves it open, or "".
        notes: Decisions by evidence while it was read, a sentence each.
        first_frame: The number that the file gives its first frame, 0 where it numbers none; intervals count from it.
    """

    joints: NDArray[np.float64]
    frames: NDArray[np.int64]
    slots: NDArray[np.int64]
    num_frames: int
    body_ids: tuple[str, ...] = ()
    tracking: NDArray[np.int64] | None = None
    confidence: NDArray[np.float64] | None = None
    drops_confidence: bool = False
    fps: float | None = None
    body_selection: str = ""
    notes: tuple[str, ...] = ()
    first_frame: int = 0

    @property
    def num_observations(self) -> int:
        """B, the number of observations."""
        return int(self.joints.shape[0])

    def dense(self, slots: Sequence[int]) -> NDArray[np.float32]:
        """Arrange the observations of some slots over all frames.

        Args:
            slots: The slots to take, in the order of the result.

        Returns:
            float32 `(M, T, V, C)` with M = `len(slots)`, zeros where a body is absent.
        """
        return self._spread(self.joints, slots)

    def dense_confidence(self, slots: Sequence[int]) -> NDArray[np.float32] | None:
        """Arrange the confidence as `dense` does the joints.

        Args:
            slots: The slots to take, in the order of the result.

        Returns:
            float32 `(M, T, V)`, or None where the recording has no confidence.
        """
        return None if self.confidence is None else self._spread(self.confidence, slots)

    def _spread(self, values: NDArray[np.float64], slots: Sequence[int]) -> NDArray[np.float32]:
        result = np.zeros((len(slots), self.num_frames, *values.shape[1:]), np.float32)
        for body, slot in enumerate(slots):
            rows = (self.slots == slot).nonzero()[0]
            if len(rows) == len(values) == self.num_frames:  # the only body, in every frame
                result[body] = values
            else:
                result[body, self.frames.take(rows)] = values.take(rows, axis=0)
        return result


def from_dense(
    joints: NDArray[np.floating],
    present: NDArray[np.bool_] | None = None,
    body_ids: Sequence[str | int] | NDArray[np.integer] | None = None,
    confidence: NDArray[np.floating] | None = None,
    keep_places: bool = False,
) -> Recording:
    """Build a recording from bodies that are already arranged over time.

    A body that is absent in a frame takes no slot there, so those behind it move up, as in a sensor's file, unless
    `keep_places`.

    Args:
        joints: `(M, T, V, C)`.
        present: `(M, T)`, where each body is seen; default: wherever any of its coordinates is not 0.
        body_ids: One identifier per body `(M,)`, or per body and frame `(M, T)` for identifiers that change.
        confidence: `(M, T, V)`.
        keep_places: Let the slot of an observation be its body's index in M, also when others are absent.

    Returns:
        The recording, with bodies of a frame in the order of M.

    Raises:
        ConfigError: If the shapes do not match together.
    """
    if joints.ndim != 4:
        raise ConfigError(
            f"joints of shape {joints.shape} are not recording: expected (bodies, frames, joints, coordinates)"
        )
    bodies, count = joints.shape[:2]
    seen = (joints != 0).any(axis=(2, 3)) if present is None else np.asarray(present, bool)  # (M, T)
    if seen.shape != (bodies, count):
        raise ConfigError(f"present has shape {seen.shape}: joints of shape {joints.shape} need {(bodies, count)}")
    frame, body = np.nonzero(seen.T)  # frame by frame, bodies in order
    names: tuple[str, ...] = ()
    if body_ids is not None:
        table = np.asarray([str(name) for name in np.asarray(body_ids, object).ravel()], object)
        if table.size not in (bodies, bodies * count):
            raise ConfigError(
                f"{table.size} body IDs for {bodies} bodies: pass one per body, or one per body and frame"
            )
        table = np.broadcast_to(table.reshape(bodies, count if table.size == bodies * count else 1), (bodies, count))
        names = tuple(table[body, frame])
    return Recording(
        joints=np.asarray(joints, np.float64)[body, frame],
        frames=frame.astype(np.int64),
        slots=(body if keep_places else (np.cumsum(seen, axis=0) - 1)[body, frame]).astype(np.int64),
        num_frames=count,
        body_ids=names,
        confidence=None if confidence is None else np.asarray(confidence, np.float64)[body, frame],
    )
