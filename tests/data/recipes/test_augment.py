from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from dualhead.data.recipes.augment import (
    AxisDrop,
    JointDrop,
    Mirror,
    Noise,
    PartDrop,
    RandomRotation,
    RandomScale,
    RandomView,
    RandomWindow,
    RotateView,
    TimeCrop,
    TimeWarp,
    random_move,
    random_rotation,
    random_view,
)
from dualhead.data.recipes.draft import Draft
from dualhead.data.recipes.step import Step
from dualhead.runtime.errors import ConfigError
from dualhead.sequence import SkeletonSequence
from dualhead.skeleton import COCO17, KINECT20, Skeleton

RIGHT = math.pi / 2


def test_random_rotation_keeps_lengths_and_its_limit() -> None:
    rng = np.random.default_rng(0)
    matrices = [random_rotation(0.3, rng) for _ in range(500)]
    for matrix in matrices:
        np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(matrix) == pytest.approx(1)
    about_y = [math.asin(-matrix[2, 0]) for matrix in matrices]
    about_x = [math.atan2(matrix[2, 1], matrix[2, 2]) for matrix in matrices]
    about_z = [math.atan2(matrix[1, 0], matrix[0, 0]) for matrix in matrices]
    for angles in (about_x, about_y, about_z):
        assert -0.3 <= min(angles) < -0.28 and 0.28 < max(angles) <= 0.3


def test_random_view_is_a_scaled_rotation_about_y_then_x() -> None:
    rng = np.random.default_rng(0)
    matrices = [random_view(math.radians(60), 0.5, 1.5, rng) for _ in range(500)]
    scales = [float(np.cbrt(np.linalg.det(matrix))) for matrix in matrices]
    assert 0.5 <= min(scales) < 0.52 and 1.48 < max(scales) <= 1.5
    for matrix, scale in zip(matrices, scales, strict=True):
        np.testing.assert_allclose(matrix @ matrix.T, scale**2 * np.eye(3), atol=1e-9)
        assert matrix[0, 1] == pytest.approx(0)  # Rx Ry: the first row is that of Ry


def test_the_same_generator_state_gives_the_same_draw() -> None:
    np.testing.assert_array_equal(
        random_rotation(0.3, np.random.default_rng(5)), random_rotation(0.3, np.random.default_rng(5))
    )


def test_random_move_draws_from_the_published_values() -> None:
    rng = np.random.default_rng(0)
    clip = np.zeros((3, 5, 2, 1), np.float32)
    clip[0, :, 0] = 1
    found: dict[str, set[float]] = {"angle": set(), "scale": set(), "shift": set()}
    for _ in range(200):
        moved = random_move(clip, rng)[:2, [0, -1]].astype(float)  # (2, 2, V, 1): only the ends are whole values
        shifts = moved[:, :, 1, 0]
        x, y = moved[:, :, 0, 0] - shifts
        found["angle"].update(np.round(np.degrees(np.arctan2(y, x)), 3).tolist())
        found["scale"].update(np.round(np.hypot(x, y), 5).tolist())
        found["shift"].update(np.round(shifts, 5).ravel().tolist())
    assert sorted(found["angle"]) == [-10, -5, 0, 5, 10]
    assert sorted(found["scale"]) == [0.9, 1.0, 1.1]
    assert sorted(found["shift"]) == [-0.2, -0.1, 0, 0.1, 0.2]


# steps


def drafted(clip: np.ndarray, skeleton: Skeleton, seed: int = 0) -> Draft:
    """A draft of one body, for training, that is a clip `(C, T, V, 1)` already."""
    sequence = SkeletonSequence(np.ascontiguousarray(clip[: skeleton.dimensions].transpose(3, 1, 2, 0)), skeleton)
    draft = Draft(sequence, [0], rng=np.random.default_rng(seed), trace=True)
    draft.clip = clip
    return draft


def apply(step: Step, clip: np.ndarray, skeleton: Skeleton = KINECT20, seed: int = 0) -> np.ndarray:
    """What a step makes of a clip."""
    draft = drafted(clip, skeleton, seed)
    step(draft)
    assert draft.clip.dtype == np.float32
    return draft.clip


RAMP = np.broadcast_to(np.arange(40, dtype=np.float32)[None, :, None, None], (3, 40, 20, 1)).copy()
CLIP = np.random.default_rng(0).normal(size=(3, 52, 20, 1)).astype(np.float32)
STEPS = (
    TimeCrop(probability=1), TimeWarp(probability=1), RotateView(), RandomView(), RandomRotation(), RandomScale(),
    Mirror(probability=1), JointDrop(probability=1), AxisDrop(probability=1), PartDrop(probability=1),
    Noise(probability=1),
)  # fmt: skip


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_a_step_is_a_function_of_the_generator_and_leaves_its_input(step: Step) -> None:
    before = CLIP.copy()
    first, again, other = (apply(step, CLIP, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert first.shape != other.shape or (first != other).any() or isinstance(step, Mirror)
    np.testing.assert_array_equal(CLIP, before)
    assert step.train_only and step.random


def test_a_probability_is_the_share_of_clips_that_change() -> None:
    changed = [bool((apply(AxisDrop(probability=0.25), CLIP, seed=seed) != CLIP).any()) for seed in range(400)]
    assert 0.18 < np.mean(changed) < 0.32
    assert not any((apply(AxisDrop(probability=0), CLIP, seed=seed) != CLIP).any() for seed in range(20))


def test_time_crop_keeps_a_stretch_of_the_asked_share() -> None:
    lengths, starts = set(), set()
    for seed in range(300):
        draft = drafted(RAMP, KINECT20, seed)
        TimeCrop((0.4, 1.0), min_frames=8, probability=1)(draft)
        frames = draft.clip[0, :, 0, 0]
        assert np.diff(frames).tolist() == [1] * (len(frames) - 1)
        np.testing.assert_array_equal(draft.index, frames)
        lengths.add(len(frames))
        starts.add(int(frames[0]))
    assert lengths == set(range(16, 41)) and min(starts) == 0 and max(starts) > 20
    assert apply(TimeCrop((0.1, 0.1), min_frames=30, probability=1), RAMP).shape[1] == 30
    assert apply(TimeCrop((0.1, 0.1), min_frames=90, probability=1), RAMP).shape[1] == 40


def test_time_warp_keeps_order_length_and_ends() -> None:
    for seed in range(50):
        draft = drafted(RAMP, KINECT20, seed)
        TimeWarp(strength=0.5, segments=4, probability=1)(draft)
        times = draft.clip[0, :, 0, 0]
        assert len(times) == 40 and times[0] == 0 and times[-1] == pytest.approx(39, abs=1e-4)
        assert (np.diff(times) > 0).all()
        np.testing.assert_allclose(draft.index, times, atol=1e-4)
        speeds = np.diff(times)
        assert speeds.max() / speeds.min() <= np.exp(1.0) + 1e-3  # exp(0.5) over exp(-0.5)
    assert apply(TimeWarp(probability=1), RAMP[:, :1]).shape[1] == 1


def test_view_is_yaw_about_y_and_then_tilt_about_x() -> None:
    clip = np.zeros((3, 1, 20, 1), np.float32)
    clip[1] = 1  # a vector that points up
    up = np.array([apply(RotateView(90, 0), clip, seed=seed)[:, 0, 0, 0] for seed in range(20)])
    np.testing.assert_allclose(up, [(0, 1, 0)] * 20, atol=1e-6)  # yaw alone leaves it
    tilted = np.array([apply(RotateView(90, 10), clip, seed=seed)[:, 0, 0, 0] for seed in range(300)])
    np.testing.assert_allclose(tilted[:, 0], 0, atol=1e-6)
    angles = np.degrees(np.arctan2(tilted[:, 2], tilted[:, 1]))
    assert -10 <= angles.min() < -9.5 and 9.5 < angles.max() <= 10
    clip[1], clip[2] = 0, 1  # a vector along z
    yaws = [np.degrees(math.atan2(v[0], v[2])) for v in (apply(RotateView(75, 0), clip, seed=s)[:, 0, 0, 0] for s in
            range(300))]  # fmt: skip
    assert -75 <= min(yaws) < -72 and 72 < max(yaws) <= 75


def test_the_vertical_axis_is_z_once_axes_are_aligned() -> None:
    clip = np.zeros((3, 1, 20, 1), np.float32)
    clip[2] = 1
    draft = drafted(clip, KINECT20)
    draft.up = 2
    RotateView(90, 0)(draft)
    np.testing.assert_allclose(draft.clip[:, 0, 0, 0], (0, 0, 1), atol=1e-6)
    assert apply(RotateView(90, 0, vertical="z"), clip)[2, 0, 0, 0] == pytest.approx(1)


def test_mirror_swaps_sides_and_negates_x() -> None:
    clip = np.zeros((3, 1, 20, 1), np.float32)
    clip[:, 0, 4, 0], clip[:, 0, 8, 0], clip[:, 0, 3, 0] = (1, 2, 3), (-4, 5, 6), (7, 8, 9)
    mirrored = apply(Mirror(probability=1), clip)[:, 0, :, 0]
    assert mirrored[:, 8].tolist() == [-1, 2, 3]
    assert mirrored[:, 4].tolist() == [4, 5, 6]
    assert mirrored[:, 3].tolist() == [-7, 8, 9]
    np.testing.assert_array_equal(apply(Mirror(probability=1), apply(Mirror(probability=1), CLIP)), CLIP)


def test_joint_drop_zeroes_the_same_joints_in_a_share_of_the_frames() -> None:
    counts, shares = set(), []
    for seed in range(300):
        dropped = apply(JointDrop((4, 12), (0.3, 0.6), probability=1), np.ones_like(CLIP), seed=seed)[..., 0] == 0
        assert (dropped == dropped[:1]).all()  # every axis
        frames, joints = dropped[0].any(axis=1), dropped[0].any(axis=0)
        np.testing.assert_array_equal(dropped[0], frames[:, None] & joints)
        counts.add(int(joints.sum()))
        shares.append(frames.mean())
    assert counts == set(range(4, 13))
    assert min(shares) >= 0.29 and max(shares) <= 0.61 and max(shares) - min(shares) > 0.25


def test_axis_drop_zeroes_one_axis() -> None:
    axes = set()
    for seed in range(40):
        kept = apply(AxisDrop(probability=1), np.ones_like(CLIP), seed=seed).any(axis=(1, 2, 3))
        assert kept.sum() == 2
        axes.add(int(np.argmin(kept)))
    assert axes == {0, 1, 2}


def test_part_drop_zeroes_one_part_of_the_body() -> None:
    dropped = {
        tuple(np.flatnonzero(~apply(PartDrop(probability=1), np.ones_like(CLIP), seed=seed).any(axis=(0, 1, 3))))
        for seed in range(100)
    }
    assert dropped == set(KINECT20.parts) and (8, 9, 10, 11) in dropped


def test_noise_has_its_deviation_and_spares_scores() -> None:
    noisy = apply(Noise(sigma=0.05, probability=1), np.zeros_like(CLIP))
    assert noisy.std() == pytest.approx(0.05, rel=0.05) and abs(noisy.mean()) < 0.005
    flat = apply(Noise(sigma=0.05, probability=1), np.ones((3, 9, 17, 1), np.float32), COCO17)
    assert (flat[2] == 1).all() and (flat[:2] != 1).all()


def test_random_scale_stretches_each_axis_by_its_own_factor() -> None:
    factors = np.array([apply(RandomScale(0.1), np.ones_like(CLIP), seed=seed)[:, 0, 0, 0] for seed in range(200)])
    assert 0.9 <= factors.min() < 0.905 and 1.095 < factors.max() <= 1.1
    assert abs(np.corrcoef(factors.T)[0, 1]) < 0.2
    flat = apply(RandomScale(0.1), np.ones((3, 9, 17, 1), np.float32), COCO17)
    assert (flat[2] == 1).all()


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: TimeCrop(share=(0.9, 0.4)), "share"),
        (lambda: TimeCrop(min_frames=0), "min_frames"),
        (lambda: TimeWarp(strength=0), "strength"),
        (lambda: JointDrop(joints=(0, 3)), "joints"),
        (lambda: AxisDrop(probability=1.5), "probability"),
        (lambda: RotateView(yaw=-1), "yaw"),
        (lambda: RotateView(vertical="x"), "vertical"),
        (lambda: RandomScale(limit=1), "limit"),
        (lambda: Noise(sigma=-1), "sigma"),
        (lambda: RandomWindow(0), "frames"),
    ],
)
def test_values_outside_their_range_are_refused(make: Callable[[], Step], field: str) -> None:
    with pytest.raises(ConfigError, match=field):
        make()
