"""Frames at an even rate: rates, time stamps, rotation, damage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dualhead.poses import video as module
from dualhead.poses.video import Video
from dualhead.runtime.errors import ConfigError, FormatError
from tests.poses.videos import turn, write_video

pytest.importorskip("av")


def shown(video: Video) -> list[int]:
    """Which frame each yielded frame shows."""
    return [round(float(frame.pixels[-8:, -8:].mean()) / 8) for frame in video.frames()]


def test_an_even_rate_is_taken_as_it_is(tmp_path: Path) -> None:
    with Video(write_video(tmp_path / "a.mp4")) as video:
        assert (video.fps, video.width, video.height) == (25, 64, 48)
        assert video.expected_frames == 20
        assert shown(video) == list(range(20))
        assert str(video.damage) == ""


def test_a_high_rate_is_thinned_out(tmp_path: Path) -> None:
    with Video(write_video(tmp_path / "a.mp4", fps=60)) as video:
        assert video.fps == pytest.approx(30, abs=0.05)  # the file counts in milliseconds
        assert shown(video) == list(range(0, 20, 2))


def test_a_rate_can_be_asked_for(tmp_path: Path) -> None:
    with Video(write_video(tmp_path / "a.mp4", 10, fps=10), fps=20) as video:
        frames = list(video.frames())
    assert [frame.time for frame in frames[:3]] == [0, 0.05, 0.1]
    values = [round(float(frame.pixels[-8:, -8:].mean()) / 8) for frame in frames]
    assert values[:5] == [0, 1, 1, 2, 2] and len(values) == 20  # the middle between two frames is the second's
    assert [frame.repeated for frame in frames[1:5]] == [False, True, False, True]


def test_a_variable_rate_is_resampled_by_its_time_stamps(tmp_path: Path) -> None:
    times = [0.0, 0.1, 0.2, 0.6, 0.7, 0.71, 0.72, 0.8]
    with Video(write_video(tmp_path / "a.mp4", len(times), fps=10, times=times), fps=10) as video:
        found = shown(video)
    nearest = [min(range(8), key=lambda k: (abs(times[k] - number / 10), -k)) for number in range(9)]
    assert found == nearest


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_the_rotation_of_a_phone_is_applied(tmp_path: Path, degrees: int) -> None:
    path = turn(write_video(tmp_path / "a.mp4", 3), degrees)
    with Video(path) as video:
        assert (video.width, video.height) == ((48, 64) if degrees in (90, 270) else (64, 48))
        pixels = next(iter(video.frames())).pixels
    corners = [pixels[:8, :8], pixels[:8, -8:], pixels[-8:, -8:], pixels[-8:, :8]]  # clockwise from the upper left
    assert [int(corner.mean() > 128) for corner in corners].index(1) == degrees // 90


def test_damaged_frames_are_counted_and_the_rest_goes_on(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 25, size=(320, 240))
    data = bytearray(path.read_bytes())
    start = data.index(b"mdat") + 8
    rng = np.random.default_rng(0)
    middle = start + (len(data) - start) // 3
    data[middle : middle + 400] = rng.integers(0, 255, 400, dtype=np.uint8).tobytes()
    path.write_bytes(bytes(data))
    with Video(path) as video:
        found = shown(video)
        assert video.damage.frames > 0
        assert "damaged frame" in str(video.damage)
    assert len(found) >= 20 and found[-1] == 24


def test_what_is_no_video_is_one_sentence(tmp_path: Path) -> None:
    for name, content in (("empty.mp4", b""), ("text.mp4", b"hello, this is text\n" * 50)):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(FormatError, match=name):
            Video(tmp_path / name)
    with pytest.raises(FormatError, match=r"none\.mp4"):
        Video(tmp_path / "none.mp4")
    with pytest.raises(ConfigError, match="fps is 0"):
        Video(tmp_path / "text.mp4", fps=0)


def test_large_frames_are_scaled_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_PIXELS", 32)
    with Video(write_video(tmp_path / "a.mp4", 2)) as video:
        assert (video.width, video.height) == (32, 24)
        assert next(iter(video.frames())).pixels.shape == (24, 32, 3)


def test_a_recording_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_FRAMES", 15)
    with Video(write_video(tmp_path / "a.mp4")) as video, pytest.raises(FormatError, match="more than 15 frames"):
        list(video.frames())


def test_memory_does_not_grow_with_the_video(tmp_path: Path) -> None:
    import tracemalloc

    path = write_video(tmp_path / "a.mp4", 30, size=(640, 480))
    tracemalloc.start()
    with Video(path) as video:
        count = sum(1 for _ in video.frames())
        peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 30 and peak < 8 * 640 * 480 * 3
