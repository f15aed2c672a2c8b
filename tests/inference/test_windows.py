from __future__ import annotations

import numpy as np
import pytest

from dualhead.inference.windows import cut_windows, place_windows, share_frames, to_frames, window_frames
from dualhead.runtime.errors import ConfigError
from dualhead.sequence import SkeletonSequence
from dualhead.skeleton import COCO17


@pytest.mark.parametrize(
    ("span", "fps", "frames"),
    [
        (90, None, 90),
        ("90", None, 90),
        ("3s", 30, 90),
        ("0.5s", 30, 15),
        (".5 s", 25, 12),
        ("1s", 29.97, 30),
        ("2.0", None, 2),
    ],
)
def test_lengths_of_time(span: int | str, fps: float | None, frames: int) -> None:
    assert to_frames(span, fps, "window") == frames


@pytest.mark.parametrize(
    ("span", "fps", "words"),
    [
        ("3s", None, "the frame rate is not known: pass fps, or frames such as 90"),
        ("3 min", 30, "window is '3 min': pass frames, such as 90, or seconds, such as 3s"),
        ("-3", 30, "window is '-3'"),
        (True, 30, "window is True"),
        (0, 30, "which is 0 frames: expected an integer from 1"),
        ("0.01s", 30, "which is 0 frames"),
        ("1.5", 30, r"which is 1\.5 frames"),
        ("1e3", 30, "window is '1e3'"),
        ("9" * 400, 30, "which is inf frames"),
        ("9" * 400 + "s", 30, "which is inf frames"),
    ],
)
def test_what_is_no_length_is_refused(span: int | str, fps: float | None, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        to_frames(span, fps, "window")


def test_the_stride_is_half_a_window_unless_told() -> None:
    assert window_frames("3s", None, 30) == (90, 45)
    assert window_frames(1, None, None) == (1, 1)
    assert window_frames("3s", "0.5s", 25) == (75, 12)
    with pytest.raises(ConfigError, match="fps is 0: expected frames per second"):
        window_frames(90, None, 0)


def test_windows_by_hand() -> None:
    assert place_windows(40, 30, 10) == [(0, 30), (10, 40)]
    assert place_windows(45, 30, 10) == [(0, 30), (10, 40), (15, 45)]  # one more, so that nothing is lost
    assert place_windows(30, 30, 10) == [(0, 30)]
    assert place_windows(12, 30, 10) == [(0, 12)]
    assert place_windows(25, 10, 20) == [(0, 10), (15, 25)]
    assert place_windows(0, 30, 10) == []


def test_shares_by_hand() -> None:
    """Middles at 15, 25 and 30: borders at 20 and 27.5, rounded down."""
    assert share_frames([(0, 30), (10, 40), (15, 45)]) == [(0, 20), (20, 27), (27, 45)]
    assert share_frames([(0, 12)]) == [(0, 12)]
    assert share_frames([]) == []


def recording(present: list[tuple[int, int]], frames: int) -> SkeletonSequence:
    """A body for each pair, seen from the first to before the second; body m has m + 1 everywhere."""
    joints = np.zeros((len(present), frames, 17, 2), np.float32)
    for body, (start, stop) in enumerate(present):
        joints[body, start:stop] = body + 1
    return SkeletonSequence(joints, COCO17, "a", confidence=np.ones(joints.shape[:3], np.float32))


def test_windows_without_anybody_are_left_out() -> None:
    parts = list(cut_windows(recording([(0, 3), (12, 20)], 20), 5, 5))
    assert [(part.start, part.stop, part.share, part.body) for part in parts] == [
        (0, 5, (0, 5), None),
        (10, 15, (10, 15), None),
        (15, 20, (15, 20), None),
    ]
    assert parts[1].sequence.joints.shape == (2, 5, 17, 2)
    assert parts[1].sequence.joints[1, :, 0, 0].tolist() == [0, 0, 2, 2, 2]
    assert parts[1].sequence.confidence is not None
    assert parts[1].sequence.confidence.shape == (2, 5, 17)


def test_each_body_that_is_seen_half_of_the_time_comes_alone_too() -> None:
    parts = list(cut_windows(recording([(0, 7), (2, 10)], 10), 5, 5, each_body=True))
    assert [(part.start, part.body, part.sequence.num_bodies) for part in parts] == [
        (0, None, 2),
        (0, 0, 1),
        (0, 1, 1),
        (5, None, 2),
        (5, 1, 1),
    ]
    assert float(parts[4].sequence.joints.max()) == 2
    assert [part.body for part in cut_windows(recording([(0, 5)], 5), 5, 5, each_body=True)] == [None]


def test_nothing_is_copied() -> None:
    sequence = recording([(0, 9)], 9)
    (first, _) = cut_windows(sequence, 5, 4)
    assert np.shares_memory(first.sequence.joints, sequence.joints)


def test_padded_recordings_are_refused() -> None:
    sequence = SkeletonSequence(np.zeros((1, 3, 17, 2), np.float32), COCO17, "a", prepared="dualhead")
    with pytest.raises(ConfigError, match="'a' was normalised and padded"):
        list(cut_windows(sequence, 2, 1))
