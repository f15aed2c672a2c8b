"""Decode a video to frames at a constant rate."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dualhead.runtime.errors import ConfigError, FormatError

if TYPE_CHECKING:
    from types import ModuleType

VIDEO_SUFFIXES = (
    ".mp4", ".mov", ".m4v", ".webm", ".mkv", ".avi", ".mpg", ".mpeg", ".3gp", ".ts", ".ogv", ".wmv", ".y4m",
)  # fmt: skip
"""File suffixes of videos."""

HIGHEST_RATE = 30.0
"""Frames a second above which a video is thinned out: the data sets that models are trained on have 30."""

MOST_PIXELS = 1280
"""The longer side of a frame above which it is scaled down; landmarks are found in crops of 256 pixels."""

MOST_FRAMES = 1_000_000
"""Most frames of a recording."""

_LONGEST_GAP = 60.0
_MOST_DAMAGE = 1000


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame of a constant-rate sequence.

    Attributes:
        time: Seconds from the start, `number / fps`.
        pixels: RGB, `(H, W, 3)`.
        repeated: Whether it shows the same decoded frame as the one before.
    """

    time: float
    pixels: NDArray[np.uint8]
    repeated: bool


@dataclass(frozen=True, eq=False)
class _TimedFrame:
    """A decoded frame, its time since the first one, and the time from the frame before."""

    frame: Any
    time: float
    step: float


@dataclass
class Damage:
    """Counts of what could not be decoded.

    Attributes:
        frames: Damaged frames or packets that were left out.
        cut: Whether the file ends in the middle.
    """

    frames: int = 0
    cut: bool = False

    def __str__(self) -> str:
        """Return a description; "" where there is nothing to report."""
        parts = [f"{self.frames} damaged frame{'s' if self.frames > 1 else ''} left out"] if self.frames else []
        return ", ".join([*parts, *(["the file ends in the middle"] if self.cut else [])])


class Video:
    """A video file that is open.

    Convention: the rotation that a phone writes into the file and pixels that are not square are applied, so width and
    height are those that a player shows, scaled down to `MOST_PIXELS`.

    Args:
        path: The file.
        fps: Frames a second to yield; default: those of the video, every n-th where that is above 30.

    Attributes:
        path: The file.
        fps: Frames a second that `frames` yields.
        width: Of a frame in pixels.
        height: Of a frame in pixels.
        duration: Seconds, or None where the file does not say it.
        damage: Counts of what could not be decoded so far.

    Raises:
        ConfigError: If PyAV is not installed, or `fps` is not above 0 and at most 1000.
        FormatError: If the file cannot be read or contains no video.
    """

    def __init__(self, path: str | Path, fps: float | None = None):
        if fps is not None and not 0 < fps <= 1000:
            raise ConfigError(f"fps is {fps:g}: expected frames per second, above 0 and at most 1000")
        self._av = require_av()
        self.path = Path(path)
        self.damage = Damage()
        try:
            empty = self.path.stat().st_size == 0
        except OSError as error:
            raise FormatError(f"cannot be read: {error.strerror or error}", path) from None
        if empty:
            raise FormatError("it is empty (0 bytes), expected a video", path)
        try:
            self._container = self._av.open(str(self.path), mode="r", metadata_errors="replace")
        except (self._av.error.FFmpegError, ValueError) as error:
            raise FormatError(f"it is not a video that can be read ({_reason(error)})", path) from None
        if not self._container.streams.video:
            self._container.close()
            raise FormatError("it contains no video stream, expected one", path)
        self._stream = self._container.streams.video[0]
        self._stream.thread_type = "AUTO"
        self._first: Any = None
        try:
            self._open(fps)
        except BaseException:
            self.close()
            raise

    def _open(self, fps: float | None) -> None:
        """Decode the first frame, which alone says how it is turned."""
        self._decoded = self._decode()
        self._first = next(self._decoded, None)
        if self._first is None:
            raise FormatError("none of its frames can be decoded, expected a video", self.path)
        rate = self._stream.average_rate or self._stream.guessed_rate or 0
        own = float(rate) if rate and math.isfinite(float(rate)) and 0 < float(rate) <= 1000 else HIGHEST_RATE
        self._own_rate = own
        self.fps = float(fps) if fps is not None else own / math.ceil(own / HIGHEST_RATE - 1e-3)
        frame = self._first
        aspect = float(self._stream.sample_aspect_ratio or 1) or 1.0
        wide, high = frame.width * (aspect if aspect > 1 else 1), frame.height / (aspect if aspect < 1 else 1)
        scale = min(1.0, MOST_PIXELS / max(wide, high))
        self._size = max(2, round(wide * scale)), max(2, round(high * scale))
        self._turns = round(frame.rotation / 90) % 4  # quarter turns against the clock
        self.width, self.height = self._size[:: -1 if self._turns % 2 else 1]
        duration = self._stream.duration and self._stream.time_base and self._stream.duration * self._stream.time_base
        if not duration and self._container.duration:
            duration = self._container.duration / 1e6
        self.duration = float(duration) if duration else None

    def __enter__(self) -> Video:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    @property
    def expected_frames(self) -> int | None:
        """Frames that `frames` is going to yield, about; None where the file does not record its length."""
        return None if self.duration is None else max(1, round(self.duration * self.fps))

    def frames(self) -> Iterator[Frame]:
        """Yield the frames at a constant rate; can be iterated once.

        Convention: frame k shows what is nearest in time to k / fps, counted from the first frame of the file; frames
        of a variable rate are therefore repeated or left out as their time stamps say. A gap of more than a minute
        between two time stamps is interpreted as damage and closed. No more frames are held than the decoder needs.
        """
        number = 0
        last: _TimedFrame | None = None
        for timed in self._timed():
            if last is not None:
                for frame in self._resampled(last, number, (last.time + timed.time) / 2):
                    yield frame
                    number += 1
            last = timed
        if last is not None:
            end = last.time + max(last.step / 2, last.step - 0.5 / self.fps)
            yield from self._resampled(last, number, end)

    def _resampled(self, timed: _TimedFrame, number: int, border: float) -> Iterator[Frame]:
        """Yield a decoded frame once for each moment of the even rate before a border, which may be never."""
        pixels: NDArray[np.uint8] | None = None
        while number / self.fps < border - 1e-6:
            if number >= MOST_FRAMES:
                raise FormatError(f"more than {MOST_FRAMES} frames at {self.fps:g} a second: cut the video", self.path)
            repeated = pixels is not None
            pixels = self._pixels(timed.frame) if pixels is None else pixels
            yield Frame(number / self.fps, pixels, repeated)
            number += 1

    def _timed(self) -> Iterator[_TimedFrame]:
        """Yield decoded frames with their time since the first one, never backwards and without gaps of minutes."""
        step, origin = 1 / self._own_rate, 0.0
        last: float | None = None
        for frame in self._chain():
            if last is None:
                origin, time = frame.time or 0.0, 0.0
            else:
                time = last + step if frame.time is None else frame.time - origin
                if 0 < time - last <= _LONGEST_GAP:
                    step = time - last
                else:
                    self.damage.frames += 1
                    origin += time - last - step
                    time = last + step
            yield _TimedFrame(frame, time, step)
            last = time

    def _chain(self) -> Iterator[Any]:
        first, self._first = self._first, None
        if first is not None:
            yield first
        yield from self._decoded

    def _decode(self) -> Iterator[Any]:
        """Yield what can be decoded; count what cannot."""
        errors = self._av.error
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except (errors.FFmpegError, ValueError):
                self.damage.cut = True
                return
            self.damage.frames += bool(packet.is_corrupt)
            try:
                found: Sequence[Any] = packet.decode()
            except errors.EOFError:
                return
            except (errors.FFmpegError, ValueError):
                self.damage.frames += 1
                if self.damage.frames > _MOST_DAMAGE:
                    return
                continue
            for frame in found:
                if getattr(frame, "is_corrupt", False) and not packet.is_corrupt:
                    self.damage.frames += 1
                    continue
                yield frame

    def _pixels(self, frame: Any) -> NDArray[np.uint8]:
        """Convert a decoded frame to RGB, upright and of the size of the video."""
        wide, high = self._size
        pixels: NDArray[np.uint8] = frame.to_ndarray(format="rgb24", width=wide, height=high)
        return np.ascontiguousarray(np.rot90(pixels, self._turns)) if self._turns else pixels


def is_video(path: str | Path) -> bool:
    """Return whether a file's name ends like that of a video."""
    return str(path).lower().endswith(VIDEO_SUFFIXES)


def has_av() -> bool:
    """Return whether PyAV is installed."""
    return importlib.util.find_spec("av") is not None


def require_av() -> ModuleType:
    """Import PyAV.

    Raises:
        ConfigError: If it is not installed.
    """
    try:
        import av
        import av.error
    except ImportError as error:
        raise ConfigError("videos need the package av (PyAV): pip install 'dualhead[video]'") from error
    av.logging.set_level(av.logging.FATAL)
    return av


def _reason(error: Exception) -> str:
    said = getattr(error, "strerror", None) or str(error)
    return " ".join(str(said).split())[:120]
