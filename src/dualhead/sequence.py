"""One recording in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dualhead.runtime.errors import ConfigError
from dualhead.skeleton import Skeleton, get_skeleton

_FLOAT32 = np.dtype(np.float32)


@dataclass(frozen=True, eq=False, init=False)
class SkeletonSequence:
    """The joints of every body over time, as recorded.

    Convention: coordinates are raw (metres in camera space, or image units); a body or joint that is absent in a frame
    is all zeros there.

    Attributes:
        joints: float32 `(M, T, V, C)` with C = `skeleton.dimensions`; M and T may be 0.
        skeleton: The layout of the V joints.
        name: The sample's name, unique in its store.
        label: 0-based class number, or None where unknown.
        confidence: float32 `(M, T, V)`, or None where the source has none.
        fields: Whole numbers that protocols are rules over, such as `setup`, `camera`, `subject`, `repeat`.
        prepared: The recipe whose normalisation and padding the coordinates already have, or "" where they are raw.
        fps: Frames a second, or None where that is not known.
    """

    joints: NDArray[np.float32]
    skeleton: Skeleton
    name: str = ""
    label: int | None = None
    confidence: NDArray[np.float32] | None = None
    fields: Mapping[str, int] = field(default_factory=dict)
    prepared: str = ""
    fps: float | None = None

    def __init__(
        self,
        joints: ArrayLike,
        skeleton: str | Skeleton,
        name: str = "",
        label: int | None = None,
        confidence: ArrayLike | None = None,
        fields: Mapping[str, int] | None = None,
        prepared: str = "",
        fps: float | None = None,
    ):
        """Check the shapes, and cast the numbers to float32; arrays that are float32 already are not copied.

        Args:
            joints: Real numbers `(M, T, V, C)`.
            skeleton: The layout of the V joints, or its name, such as "ntu25".
            name: As the attribute.
            label: As the attribute.
            confidence: Real numbers `(M, T, V)`, or None.
            fields: As the attribute; none by default.
            prepared: As the attribute.
            fps: As the attribute.

        Raises:
            ConfigError: If the skeleton is unknown, `joints` or `confidence` does not consist of real numbers or does
                not have the shape that the skeleton asks for, or `fps` is not above 0.
        """
        layout = get_skeleton(skeleton)
        numbers = _as_float32(joints, "joints", name)
        scores = None if confidence is None else _as_float32(confidence, "confidence", name)
        want = (layout.num_joints, layout.dimensions)
        if numbers.ndim != 4 or numbers.shape[2:] != want:
            raise ConfigError(
                f"sequence {name!r} has joints of shape {numbers.shape}: "
                f"skeleton {layout.name!r} needs (M, T, {want[0]}, {want[1]}){_advice(numbers.shape, want)}"
            )
        if scores is not None and scores.shape != numbers.shape[:3]:
            raise ConfigError(
                f"sequence {name!r} has confidence of shape {scores.shape}: its joints need {numbers.shape[:3]}"
            )
        if fps is not None and not fps > 0:
            raise ConfigError(f"sequence {name!r} has fps {fps:g}: expected frames per second, above 0, or None")
        vars(self).update(  # the dataclass is frozen
            joints=numbers, skeleton=layout, name=name, label=label, confidence=scores,
            fields={} if fields is None else fields, prepared=prepared, fps=fps,
        )  # fmt: skip

    @property
    def num_bodies(self) -> int:
        """Number of bodies, M."""
        return int(self.joints.shape[0])

    @property
    def num_frames(self) -> int:
        """Number of frames, T."""
        return int(self.joints.shape[1])

    def with_bodies(self, bodies: slice | Sequence[int], start: int = 0, stop: int | None = None) -> SkeletonSequence:
        """Select some of the bodies and a range of the frames; nothing is copied where the bodies are a slice.

        Args:
            bodies: Indices of the bodies.
            start: The first frame.
            stop: The frame after the last; None: to the end.

        Returns:
            A sequence of that part; all other attributes are unchanged.
        """
        taken = bodies if isinstance(bodies, slice) else list(bodies)
        confidence = None if self.confidence is None else self.confidence[taken, start:stop]
        return replace(self, joints=self.joints[taken, start:stop], confidence=confidence)


def _as_float32(values: ArrayLike, what: str, name: str) -> NDArray[np.float32]:
    """Convert real numbers to float32.

    Raises:
        ConfigError: If they are something else, or do not form an array.
    """
    if isinstance(values, np.ndarray) and values.dtype is _FLOAT32:  # as in a store: nothing to convert
        return values
    try:
        array = np.asanyarray(values)
    except ValueError as error:  # lists of different lengths
        raise ConfigError(f"sequence {name!r} has {what} that do not form an array: {error}") from None
    if array.dtype.kind not in "fiu":
        raise ConfigError(f"sequence {name!r} has {what} of type {array.dtype}: expected real numbers, such as float32")
    return array.astype(np.float32, copy=False)


def _advice(shape: tuple[int, ...], want: tuple[int, int]) -> str:
    """Return what to do about joints of another shape, where that is evident."""
    joints, dimensions = want
    if len(shape) == 3 and shape[1:] == want:
        return "; pass joints[None] for a single body"
    if len(shape) != 4:
        return ""
    if shape[2:] == (joints, dimensions + 1):
        return f"; pass joints[..., :{dimensions}], and the last channel as confidence"
    if (shape[1], shape[3]) == (dimensions, joints):
        return "; these axes are (M, C, T, V): pass joints.transpose(0, 2, 3, 1)"
    if (shape[0], shape[2]) == (dimensions, joints):
        return "; these axes are (C, T, V, M): pass joints.transpose(3, 1, 2, 0)"
    return ""
