"""Live sessions: poses of each webcam frame at once, classes as soon as a window is full."""

from __future__ import annotations

import io
import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dualhead.inference.live import LiveStream
from dualhead.inference.predictor import Predictor
from dualhead.poses.network import Pose
from dualhead.poses.recording import pose_arrays, skeleton_for
from dualhead.poses.tracker import PoseTracker
from dualhead.runtime.errors import ConfigError, DualheadError, FormatError
from dualhead.visualize.annotation import LEAST_VISIBILITY, prediction_to_dict

LONGEST_GAP = 2.0
"""Seconds between two pictures after which a window begins again: what was between is not known."""

MOST_PIXELS = 1280
"""The longer side of a picture that is taken."""

_LONGEST_WINDOW = 30.0  # seconds that a window may take to compute

_Frame = tuple[NDArray[np.float32], NDArray[np.float32]]


class FrameResampler:
    """Resamples poses with arbitrary time stamps to a constant frame rate by linear interpolation.

    Convention: a person who is found in only one of two neighbouring frames is taken from the nearer one.

    Args:
        rate: Frames a second.
    """

    def __init__(self, rate: float):
        self.rate = rate
        self._last: tuple[float, _Frame] | None = None
        self._start = 0.0
        self._number = 0

    def push(self, seconds: float, joints: NDArray[np.float32], confidence: NDArray[np.float32]) -> Iterator[_Frame]:
        """Add the poses of a picture.

        Args:
            seconds: When it was taken; later than the one before.
            joints: `(M, V, C)`, zeros for absent people.
            confidence: `(M, V)`.

        Yields:
            The frames up to this moment.
        """
        if self._last is None:
            self._start, self._number = seconds, 0
        else:
            before, (old_joints, old_confidence) = self._last
            while (moment := self._start + self._number / self.rate) < seconds:
                share = np.float32((moment - before) / max(seconds - before, 1e-9))
                both: NDArray[np.bool_] = np.any(old_joints, axis=(1, 2)) & np.any(joints, axis=(1, 2))
                nearer = joints if share > 0.5 else old_joints
                surer = confidence if share > 0.5 else old_confidence
                yield (
                    np.where(both[:, None, None], old_joints + share * (joints - old_joints), nearer),
                    np.where(both[:, None], old_confidence + share * (confidence - old_confidence), surer),
                )
                self._number += 1
        self._last = (seconds, (joints, confidence))


@dataclass(frozen=True)
class _Estimate:
    """The prediction of the newest window."""

    number: int
    values: dict[str, Any] | None
    predict_ms: float
    delay_ms: float


class LiveSession:
    """One webcam: estimates poses in its frames and predicts over the last of them in a separate thread.

    No frame is queued: the page sends the newest one after each answer. A window that falls due while an earlier one is
    still being computed is skipped.

    Args:
        predictor: The checkpoints.
        weights: Folder of the pose networks.
        window: Length of a window, such as "3s".
        stride: From the start of a window to the start of the next.
        max_people: Most people to follow.

    Raises:
        ConfigError: If window or stride cannot be used.
        MismatchError: If poses cannot be converted to the checkpoints' skeleton.
    """

    def __init__(self, predictor: Predictor, weights: Path, window: str, stride: str, max_people: int = 2):
        self._predictor, self._window, self._stride = predictor, window, stride
        self._flat = predictor.skeleton.dimensions == 2
        self.rate = predictor.fps or 30.0
        self._size: tuple[int, int] | None = None
        self._stream = self._new_stream((640, 480))  # refuses what cannot be used now, not with the first picture
        self.max_people = max_people
        self._tracker = PoseTracker(weights, max_people)
        self._even = FrameResampler(self.rate)
        self._seconds: float | None = None
        self._estimate = _Estimate(0, None, 0.0, 0.0)
        self._filled = 0
        self._error = ""
        self._closed = False
        self._queue: queue.SimpleQueue[tuple[LiveStream, _Frame, float] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self.last_used = time.monotonic()
        self._worker = threading.Thread(target=self._work, name="dualhead-live", daemon=True)
        self._worker.start()

    def close(self) -> None:
        """Stop after the frame and the window in progress: a process must not exit in the middle of them."""
        with self._lock:
            self._closed = True
        self._queue.put(None)
        self._worker.join(timeout=_LONGEST_WINDOW)

    def push(self, jpeg: bytes, seconds: float) -> dict[str, Any]:
        """Process the next picture.

        Args:
            jpeg: The picture as a file.
            seconds: When it was taken, by the camera's clock.

        Returns:
            `people` (a list of `[x, y]` or None for each landmark, as fractions of the picture, or None where no person
            is), `estimate` (its `number`, `top` and `best`), `filled` (the share of the first window that is there),
            and the times `decode_ms`, `pose_ms`, `predict_ms` and `delay_ms`.

        Raises:
            ConfigError: If the time is not a finite number.
            FormatError: If it is not a picture.
        """
        if not np.isfinite(seconds):
            raise ConfigError(f"time is {seconds}: expected seconds")
        with self._lock:
            if self._closed:
                raise ConfigError("this webcam session has ended: start it again")
            self.last_used = arrived = time.monotonic()
            pixels = _decode(jpeg)
            decoded = time.monotonic()
            size = (pixels.shape[1], pixels.shape[0])
            self._begin_anew_after_a_gap(seconds, size)
            poses = self._tracker.push(pixels)
            self._feed(poses, size, seconds, arrived)
            posed = time.monotonic()
        estimate = self._estimate
        return {
            "people": [_landmarks(pose, size) for pose in poses],
            "estimate": {"number": estimate.number, "said": estimate.values},
            "filled": round(min(1.0, self._filled / self._stream.window), 3),
            "decode_ms": round(1000 * (decoded - arrived), 1),
            "pose_ms": round(1000 * (posed - decoded), 1),
            "predict_ms": round(estimate.predict_ms, 1),
            "delay_ms": round(estimate.delay_ms, 1),
            "error": self._error,
        }

    def _new_stream(self, size: tuple[int, int]) -> LiveStream:
        return self._predictor.stream(
            window=self._window,
            stride=self._stride,
            fps=self.rate,
            skeleton=skeleton_for(self._predictor.skeleton),
            image_size=size if self._flat else None,
        )

    def _begin_anew_after_a_gap(self, seconds: float, size: tuple[int, int]) -> None:
        gap = self._seconds is None or not 0 < seconds - self._seconds <= LONGEST_GAP
        if gap or size != self._size:
            self._stream, self._even = self._new_stream(size), FrameResampler(self.rate)
            self._tracker.reset()
            self._filled = 0
        self._seconds, self._size = seconds, size

    def _feed(self, poses: list[Pose | None], size: tuple[int, int], seconds: float, arrived: float) -> None:
        layout = self._stream.skeleton
        joints = np.zeros((self.max_people, layout.num_joints, layout.dimensions), np.float32)
        confidence = np.zeros(joints.shape[:2], np.float32)
        for place, pose in enumerate(poses):
            if pose is not None:
                solid, _, _, visibility = pose_arrays(pose, size)
                joints[place] = pose.image[:, :2] if self._flat else solid
                confidence[place] = visibility
        for frame in self._even.push(seconds, joints, confidence):
            self._filled += 1
            self._queue.put((self._stream, frame, arrived))

    def _work(self) -> None:
        while (item := self._queue.get()) is not None:
            stream, (joints, confidence), arrived = item
            before, began = stream.estimate, time.monotonic()
            behind = self._queue.qsize() >= stream.stride
            try:
                after = stream.push(joints, confidence, predict=not behind)
            except DualheadError as error:
                self._error = str(error)
                continue
            late = stream.num_frames - stream.window
            if behind or late < 0 or late % stream.stride:
                continue
            now = time.monotonic()
            said = None if after is None or after is before else prediction_to_dict(after.prediction)
            self._estimate = _Estimate(self._estimate.number + 1, said, 1000 * (now - began), 1000 * (now - arrived))


def _decode(jpeg: bytes) -> NDArray[np.uint8]:
    try:
        with Image.open(io.BytesIO(jpeg), formats=("JPEG", "PNG", "WEBP")) as picture:
            if max(picture.size) > MOST_PIXELS:
                width, height = picture.size
                raise FormatError(f"a picture of {width} x {height}: expected at most {MOST_PIXELS} pixels per side")
            return np.asarray(picture.convert("RGB"))
    except FormatError:
        raise
    except Exception as error:  # noqa: BLE001  (what Pillow's decoders raise on damaged bytes is of any type)
        raise FormatError(f"the picture cannot be decoded ({error})") from None


def _landmarks(pose: Pose | None, size: tuple[int, int]) -> list[list[float] | None] | None:
    if pose is None:
        return None
    places = pose.image[:, :2] / np.array(size)
    return [
        [round(float(x), 4), round(float(y), 4)] if visible >= LEAST_VISIBILITY else None
        for (x, y), visible in zip(places, pose.visibility, strict=True)
    ]
