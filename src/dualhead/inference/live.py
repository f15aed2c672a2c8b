"""One frame at a time: the current estimate while a recording is still going on."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dualhead.inference.prediction import Prediction
from dualhead.inference.segments import Segment
from dualhead.inference.windows import border
from dualhead.runtime.errors import ConfigError
from dualhead.sequence import SkeletonSequence
from dualhead.skeleton import Skeleton


class LiveStream:
    """Takes frames one by one and predicts over the last of them; made by `Predictor.stream`.

    The first estimate comes with frame `window`, a new one every `stride` frames: so an estimate is never older than
    `stride` frames, a frame costs at most one window's computation, and no more than `window` frames are kept. Windows
    begin at 0, stride, 2 * stride and so on, and the estimate of each is the one that `Predictor.segments` gives.

    Attributes:
        window: Frames that an estimate is made of.
        stride: Frames from one estimate to the next.
        skeleton: The layout of the joints that frames have.
        fps: Frames a second, or None where that is not known.
        num_frames: Frames taken so far.
        estimate: The current one; None before the first, and where no person was seen in the window.
    """

    def __init__(
        self,
        predict: Callable[[SkeletonSequence], Prediction],
        skeleton: Skeleton,
        window: int,
        stride: int,
        fps: float | None,
        fields: Mapping[str, int],
    ):
        self.window, self.stride = window, stride
        self.skeleton = skeleton
        self.fps = fps
        self.num_frames = 0
        self.estimate: Segment | None = None
        self._predict = predict
        self._fields = fields
        self._frames: deque[NDArray[np.float32]] = deque(maxlen=window)
        self._confidence: deque[NDArray[np.float32] | None] = deque(maxlen=window)
        self._scored: bool | None = None

    def push(
        self, joints: ArrayLike | None, confidence: ArrayLike | None = None, *, predict: bool = True
    ) -> Segment | None:
        """Add one frame.

        Args:
            joints: `(M, V, C)`, the bodies of this frame, each in the place that it had before; M may differ from frame
                to frame, and an absent body or joint is all zeros. None, `[]` or M = 0: no person.
            confidence: `(M, V)`, for every frame with a person or for none. A joint at zero has none.
            predict: False keeps the frame and leaves out an estimate that is due: the caller is behind the camera.

        Returns:
            The current estimate, or None before the first one.

        Raises:
            ConfigError: If it is not an array of numbers, the shapes are wrong, a number or a logit is not finite, or
                only some frames have a confidence.
        """
        frame, scores = self._checked(joints, confidence)
        self._frames.append(frame)
        self._confidence.append(scores)
        self.num_frames += 1
        late = self.num_frames - self.window
        if predict and late >= 0 and late % self.stride == 0:
            self.estimate = self._segment(late)
        return self.estimate

    def _checked(
        self, joints: ArrayLike | None, confidence: ArrayLike | None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        want = (self.skeleton.num_joints, self.skeleton.dimensions)
        frame = np.zeros((0, *want), np.float32) if joints is None else _array(joints, "a frame")
        if not frame.size:  # pose estimators give None or an empty list where they find no person
            return np.zeros((0, *want), np.float32), None
        if frame.ndim != 3 or frame.shape[1:] != want:
            raise ConfigError(
                f"a frame of shape {frame.shape}: skeleton {self.skeleton.name!r} needs (M, {want[0]}, {want[1]})"
            )
        scores = None if confidence is None else _array(confidence, "confidence")
        if scores is not None and scores.shape != frame.shape[:2]:
            raise ConfigError(f"confidence of shape {scores.shape}: these joints need {frame.shape[:2]}")
        if self._scored not in (None, scores is not None):
            raise ConfigError("some frames have a confidence and some have none: pass it with every frame or with none")
        if not np.isfinite(frame).all() or (scores is not None and not np.isfinite(scores).all()):
            raise ConfigError("a frame has a coordinate that is not finite: write absent joints as zeros")
        self._scored = scores is not None
        return frame, None if scores is None else np.where(frame.any(axis=2), scores, np.float32(0))

    def _segment(self, start: int) -> Segment | None:
        bodies = max(len(frame) for frame in self._frames)
        joints = np.zeros((bodies, self.window, self.skeleton.num_joints, self.skeleton.dimensions), np.float32)
        confidence = np.zeros(joints.shape[:3], np.float32) if self._scored else None
        for number, frame in enumerate(self._frames):
            joints[: len(frame), number] = frame
        if confidence is not None:
            for number, scores in enumerate(self._confidence):
                if scores is not None:
                    confidence[: len(scores), number] = scores
        if not joints.any():
            return None
        sequence = SkeletonSequence(joints, self.skeleton, "live", None, confidence, self._fields)
        stop = start + self.window
        before = (start - self.stride, stop - self.stride)
        first = border(before, (start, stop)) if start else 0
        return Segment(start, stop, (first, stop), None, self.fps, self._predict(sequence))


def _array(values: ArrayLike, what: str) -> NDArray[np.float32]:
    try:
        return np.array(values, np.float32)
    except (ValueError, TypeError, OverflowError) as error:
        raise ConfigError(
            f"{what} is not an array of numbers ({error}): expected lists of equal length, or an array"
        ) from None
