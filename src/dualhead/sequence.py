"""One recording in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from dualhead.runtime.errors import ConfigError
from dualhead.skeleton import Skeleton


@dataclass(frozen=True, eq=False)
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

    def __post_init__(self) -> None:
        """Check the shapes.

        Raises:
            ConfigError: If `joints` or `confidence` does not have the shape that the skeleton asks for.
        """
        want = (self.skeleton.num_joints, self.skeleton.dimensions)
        if self.joints.ndim != 4 or self.joints.shape[2:] != want:
            raise ConfigError(
                f"sequence {self.name!r} has joints of shape {self.joints.shape}: "
                f"skeleton {self.skeleton.name!r} needs (M, T, {want[0]}, {want[1]})"
            )
        if self.confidence is not None and self.confidence.shape != self.joints.shape[:3]:
            raise ConfigError(
                f"sequence {self.name!r} has confidence of shape {self.confidence.shape}: "
                f"its joints need {self.joints.shape[:3]}"
            )

    @property
    def num_bodies(self) -> int:
        """M, the number of bodies."""
        return int(self.joints.shape[0])

    @property
    def num_frames(self) -> int:
        """T, the number of frames."""
        return int(self.joints.shape[1])

    def with_bodies(self, bodies: slice | Sequence[int], start: int = 0, stop: int | None = None) -> SkeletonSequence:
        """Select some of the bodies and a range of the frames; nothing is copied where the bodies are a slice.

        Args:
            bodies: Which.
            start: The first frame.
            stop: The frame behind the last; None: to the end.

        Returns:
            The part; everything else is this recording's.
        """
        taken = bodies if isinstance(bodies, slice) else list(bodies)
        confidence = None if self.confidence is None else self.confidence[taken, start:stop]
        return replace(self, joints=self.joints[taken, start:stop], confidence=confidence)
