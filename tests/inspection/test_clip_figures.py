from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dualhead.data.prepare.prepare import prepare
from dualhead.data.store.store import open_store
from dualhead.inspection import clip_figures
from dualhead.inspection.clip_figures import ClipFigures, _measure, measure_clips
from tests.formats.making import make_ntu_tree


def clip(bodies: int = 1, frames: int = 4) -> np.ndarray:
    """Bodies of three joints, 2 units high, that move by 0.1 along x each frame. `(M, T, 3, 3)`."""
    joints = np.zeros((bodies, frames, 3, 3), np.float32)
    joints[..., 1] = [1, 2, 3]
    joints[..., 0] = 1 + 0.1 * np.arange(frames)[:, None]
    return joints


def measure(*clips: np.ndarray) -> ClipFigures:
    values = np.concatenate([joints.reshape(-1, *joints.shape[2:]) for joints in clips])
    shapes = np.array([joints.shape[:2] for joints in clips])
    return _measure(values, shapes[:, 1], shapes[:, 0])


def test_a_quiet_clip() -> None:
    figures = measure(clip())
    assert figures.empty_frames.tolist() == [0]
    assert figures.absent.tolist() == [0]
    assert figures.jump.tolist() == pytest.approx([0.1], abs=1e-6)
    assert figures.jumps.tolist() == [0]
    assert figures.constant_joints.tolist() == [0]
    assert figures.missing_joints.tolist() == [0]
    assert figures.extent.tolist() == [2]
    assert figures.not_finite.tolist() == [0]


def test_clips_do_not_mix() -> None:
    far = clip(2, 3) + np.float32(100)
    figures = measure(clip(), far, clip(1, 1))
    assert figures.jump.tolist() == pytest.approx([0.1, 0.1, 0], abs=1e-4)
    assert figures.constant_joints.tolist() == [0, 0, 0]  # of a single frame nothing can be said


def test_empty_frames_and_absent_bodies() -> None:
    joints = clip(2, 10)
    joints[0, 2:5] = 0
    joints[1, 4:] = 0
    figures = measure(joints, clip())
    assert figures.empty_frames.tolist() == [1, 0]  # frame 4
    assert figures.absent.tolist() == [0.6, 0]
    assert figures.jump[0] == pytest.approx(0.1, abs=1e-6)  # not from the last frame before the gap to the next


def test_a_jump_is_further_than_half_the_body() -> None:
    joints = clip()
    joints[0, 2, 1, 0] += 1.5  # there and back
    figures = measure(joints)
    assert figures.jump.tolist() == pytest.approx([1.6], abs=1e-6)
    assert figures.jumps.tolist() == [2]
    whole = clip()
    whole[0, 2:] += 5
    assert measure(whole).jumps.tolist() == [3]


def test_joints_that_never_move_or_are_missing() -> None:
    joints = clip()
    joints[0, :, 2] = 7
    assert measure(joints).constant_joints.tolist() == [1]
    joints[0, :, 2] = 0
    figures = measure(joints)
    assert figures.constant_joints.tolist() == [0]
    assert figures.missing_joints.tolist() == pytest.approx([1 / 3])
    assert figures.extent.tolist() == [1]
    nobody = measure(np.zeros((1, 3, 3, 3), np.float32))
    assert (nobody.missing_joints.tolist(), nobody.extent.tolist(), nobody.absent.tolist()) == ([0], [0], [1])


def test_what_is_no_number_is_counted_and_left_out() -> None:
    joints = clip()
    joints[0, 1, 0, 0] = np.nan
    joints[0, 3, 2] = np.inf
    figures = measure(joints, clip())
    assert figures.not_finite.tolist() == [4, 0]
    assert np.isfinite(figures.jump).all()


def test_clips_without_bodies_or_frames() -> None:
    figures = measure(np.zeros((0, 5, 3, 3), np.float32), clip(), np.zeros((1, 0, 3, 3), np.float32))
    assert figures.empty_frames.tolist() == [5, 0, 0]
    assert figures.extent.tolist() == [0, 2, 0]
    assert len(measure(np.zeros((0, 0, 3, 3), np.float32))) == 1


def test_a_store_measured_in_parts_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare("ntu60", make_ntu_tree(tmp_path / "raw", 9), tmp_path / "out", workers=1, quiet=True)
    store = open_store(tmp_path / "out")
    whole = measure_clips(store)
    calls: list[tuple[int, int]] = []
    monkeypatch.setattr(clip_figures, "_PART", 300)
    parts = measure_clips(store, lambda done, total: calls.append((done, total)))
    assert len(calls) > 3
    assert calls[-1] == (9, 9)
    for name, column in vars(whole).items():
        np.testing.assert_array_equal(column, getattr(parts, name))
    joints = store[4].joints.astype(np.float64)
    jumps = np.sqrt((np.diff(joints, axis=1) ** 2).sum(axis=3))
    assert whole.jump[4] == pytest.approx(jumps.max(initial=0), rel=1e-5)
