from __future__ import annotations

import json
import math
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from dualhead.data.prepare.prepare import prepare
from dualhead.data.recipes.recipes import RECIPES, STREAMS, TestClips, get_recipe
from dualhead.data.store.store import open_store
from dualhead.runtime.errors import ConfigError
from dualhead.sequence import SkeletonSequence
from dualhead.skeleton import COCO17, KINECT20, NTU25, OPENPOSE18, Skeleton

LINE = Skeleton("line", ("hip", "chest", "left", "right"), (1, 1, 1, 1), ((0, 1),), (), 1, 1, (0, 1), (2, 3), 3)
UPRIGHT = np.array([(0, 0, 0), (0, 0, 1), (-1, 0, 1), (1, 0, 1)], np.float32)  # already along z and x
EMPTY = np.zeros_like(UPRIGHT)
SHIFTS, SCALES = np.array([-0.2, -0.1, 0, 0.1, 0.2], np.float32), (0.9, 1.0, 1.1)


def line(*bodies: list[np.ndarray]) -> SkeletonSequence:
    """Bodies of the four-joint skeleton, each a list of poses (4, 3)."""
    return SkeletonSequence(np.array(bodies, np.float32).reshape(len(bodies), -1, 4, 3), LINE)


def walk(*steps: float) -> list[np.ndarray]:
    """The upright pose, one metre off, at these places along x."""
    return [UPRIGHT + np.array([1 + step, 2, 3], np.float32) for step in steps]


def test_names() -> None:
    assert [get_recipe(name).name for name in RECIPES] == list(RECIPES)
    assert [get_recipe(name).frames for name in RECIPES] == [300, 64, 100, 52, 300, 300, 300]
    assert [get_recipe(name).train_frames for name in RECIPES] == [300, 64, 100, 52, 150, 300, 150]
    assert [get_recipe(name).num_test_clips for name in RECIPES] == [1, 1, 10, 1, 1, 1, 1]
    skeletons = (NTU25, NTU25, NTU25, NTU25, OPENPOSE18, NTU25, OPENPOSE18)
    bodies = [get_recipe(name).num_bodies(skeleton) for name, skeleton in zip(RECIPES, skeletons, strict=True)]
    assert bodies == [2, 2, 2, 1, 2, 2, 2]
    assert get_recipe("dualhead300") == get_recipe("dualhead")
    assert (get_recipe("resample32").name, get_recipe("resample32").frames) == ("resample32", 32)
    assert get_recipe(get_recipe("ucla26")) == get_recipe("ucla26")
    assert pickle.loads(pickle.dumps(get_recipe("uniform48"))) == get_recipe("uniform48")  # noqa: S301


@pytest.mark.parametrize(
    "name", ["resample", "resampel64", "resample:32", "dualhead0", "ucla052", "Dualhead", "", "64"]
)
def test_unknown_names_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=r"resample64.*moving300.*stgcn_ntu"):
        get_recipe(name)


# dualhead


def test_dualhead_repeats_each_body_from_its_start() -> None:
    centred = UPRIGHT - UPRIGHT[1]
    clip = get_recipe("dualhead5").clip(line(walk(0, 1), [EMPTY, walk(3)[0]]), "joint")
    assert clip.shape == (3, 5, 4, 2)
    np.testing.assert_allclose(clip[..., 0].transpose(1, 2, 0), [centred] * 5, atol=1e-6)
    # the second body's one frame, at x = 3, fills the clip; the first body stands at 0 1 0 1 0
    np.testing.assert_allclose(clip[0, :, 0, 1], [3, 2, 3, 2, 3], atol=1e-6)


def test_dualhead_motion_holds_the_seam() -> None:
    lifted = [UPRIGHT + 1, UPRIGHT + 1]
    lifted[1] = lifted[1] + np.array([(0, 0, 0)] * 3 + [(0, 0, 4)], np.float32)  # the right shoulder rises by 4
    clip = get_recipe("dualhead5").clip(line(lifted), "joint_motion")
    np.testing.assert_allclose(clip[2, :, 3, 0], [4, -4, 4, -4, 0], atol=1e-6)


def test_dualhead_keeps_the_first_frames_of_a_long_recording() -> None:
    long = line(walk(*range(7)), walk(*[0] * 7))
    clip = get_recipe("dualhead3").clip(long, "joint")
    np.testing.assert_allclose(clip[0, :, 1, 1], [0, -1, -2], atol=1e-6)
    assert get_recipe("dualhead").clip(line(walk(*range(400))), "joint").shape == (3, 300, 4, 2)


def test_dualhead_flat_clip_by_hand() -> None:
    joints = np.zeros((1, 2, 18, 2), np.float32)
    joints[0, :, 0], joints[0, :, 1] = (0.75, 0.25), (0.5, 0.75)
    scores = np.zeros((1, 2, 18), np.float32)
    scores[0, 0, :2], scores[0, 1, 0] = (0.9, 0.8), 0.5
    sequence = SkeletonSequence(joints, OPENPOSE18, confidence=scores)
    clip = get_recipe("dualhead").clip(sequence, "joint")
    assert clip.shape == (3, 300, 18, 2)
    np.testing.assert_allclose(clip[:, 0, 0, 0], (0.25, 0.25, 0.9))
    np.testing.assert_allclose(clip[:, 0, 1, 0], (0, -0.25, 0.8))
    np.testing.assert_allclose(clip[:, 1, 1, 0], (0, 0, 0))  # its score is 0
    assert not clip[:, 2:].any() and not clip[..., 1].any()
    bones = get_recipe("dualhead").clip(sequence, "bone")
    np.testing.assert_allclose(bones[:, 0, 1, 0], (-0.25, -0.5, -0.1), atol=1e-6)  # the score too


def test_dualhead_equals_the_published_arrays_of_ntu(shared: Path, tmp_path: Path) -> None:
    prepare("ntu120", shared / "ntu-mini" / "raw", tmp_path / "store", workers=1, quiet=True)
    store = open_store(tmp_path / "store")
    reference = np.load(shared / "ntu-mini" / "reference.npz")
    assert store.names.tolist() == reference["names"].tolist()
    for stream in STREAMS:
        clips = np.stack([get_recipe("dualhead").clip(sequence, stream) for sequence in store])
        assert clips.dtype == np.float32 and clips.shape == (17, 3, 300, 25, 2)
        np.testing.assert_allclose(clips, reference[stream], rtol=0, atol=1e-5)


def test_dualhead_equals_the_published_arrays_of_kinetics(shared: Path, tmp_path: Path) -> None:
    prepare("kinetics", shared / "kinetics-mini", tmp_path / "store", workers=1, quiet=True)
    store = open_store(tmp_path / "store")
    for part, rows in zip(("train", "val"), store.split("official"), strict=True):
        reference = np.load(shared / "kinetics-mini" / f"reference_{part}.npz")
        assert sorted(reference["names"].tolist()) == store.names[rows].tolist()
        for name, label, *clips in zip(*(reference[key] for key in ("names", "labels", *STREAMS)), strict=True):
            sequence = store[store.index_of(name)]
            assert sequence.label == label
            for stream, expected in zip(STREAMS, clips, strict=True):
                clip = get_recipe("dualhead").clip(sequence, stream)
                np.testing.assert_allclose(clip, expected, rtol=0, atol=1e-5)


# moving300


def image(frames: int) -> SkeletonSequence:
    """One person of whom only the nose is seen: it moves right by 0.01 a frame, from 0.1 below the image's middle."""
    joints, scores = np.zeros((1, frames, 18, 2), np.float32), np.zeros((1, frames, 18), np.float32)
    joints[0, :, 0, 0], joints[0, :, 0, 1], scores[0, :, 0] = 0.5 + 0.01 * np.arange(frames), 0.6, 0.9
    return SkeletonSequence(joints, OPENPOSE18, confidence=scores)


def test_moving_tests_on_the_whole_padded_clip() -> None:
    recipe, sequence = get_recipe("moving20"), image(12)
    for stream in STREAMS:
        clip = get_recipe("dualhead20").clip(sequence, stream)
        np.testing.assert_array_equal(recipe.clip(sequence, stream), clip)
        np.testing.assert_array_equal(recipe.clips(sequence, stream), clip[None])
    ready = SkeletonSequence(sequence.joints, OPENPOSE18, confidence=sequence.confidence, prepared="dualhead20")
    assert recipe.clip(ready, "joint", train=True, rng=np.random.default_rng(0)).shape == (3, 10, 18, 2)
    with pytest.raises(ConfigError, match="by recipe 'dualhead20' before"):
        get_recipe("moving30").clip(ready, "joint")
    with pytest.raises(ConfigError, match=r"'moving20'.*'ntu25'.*3 dimensions"):
        recipe.num_bodies(NTU25)


def test_moving_trains_on_half_of_the_padded_clip_moved_as_a_whole() -> None:
    recipe, rng, starts = get_recipe("moving20"), np.random.default_rng(0), set()
    for _ in range(100):
        clip = recipe.clip(image(20), "joint", train=True, rng=rng)
        assert clip.shape == (3, 10, 18, 2)
        x, y = clip[:2, :, 1, 0]  # a missing joint: at the shift
        np.testing.assert_array_equal(clip[:2, :, 5, 1], (x, y))  # an absent body too
        distance = np.hypot(clip[0, :, 0, 0] - x, clip[1, :, 0, 0] - y)  # of the nose, by the scale
        assert np.isclose(abs(np.diff(x, 2)).max(), 0, atol=1e-6) and np.isin(np.round(x[[0, -1]], 5), SHIFTS).all()
        start = [s for s in range(11) for a in SCALES for b in SCALES if np.allclose(
            distance, np.linspace(a, b, 10) * np.hypot(0.01 * np.arange(s, s + 10), 0.1), atol=1e-5)]  # fmt: skip
        assert start
        starts.update(start)
        np.testing.assert_allclose(clip[2, :, 0, 0], 0.9)
    assert starts == set(range(11))


def test_moving_takes_the_stream_before_it_moves() -> None:
    """As published: the bone of the root, which is 0, lies at the shift."""
    clip = get_recipe("moving20").clip(image(20), "bone", train=True, rng=np.random.default_rng(1))
    assert np.isin(np.round(clip[:2, [0, -1], 0, 0], 5), SHIFTS).all()
    assert clip[:2, :, 0, 0].any()


# resample64


def test_resample_centres_once_and_interpolates() -> None:
    # 4 frames resized to 2: places 0.5 and 2.5; walking from x = 0 stays visible
    clip = get_recipe("resample2").clip(line(walk(0, 2, 4, 6), [EMPTY, EMPTY, *walk(8, 8)]), "joint")
    np.testing.assert_allclose(clip[:, :, 1, 0], [(1, 5), (0, 0), (0, 0)], atol=1e-6)
    np.testing.assert_allclose(clip[0, :, 3, 0], (2, 6), atol=1e-6)
    np.testing.assert_allclose(clip[0, :, 1, 1], (0, 8), atol=1e-6)


def test_resample_drops_empty_frames_and_takes_the_middle() -> None:
    places = [float(place) for place in range(40)]
    gaps = [pose for pose in walk(*places) for pose in (pose, EMPTY)]
    clip = get_recipe("resample38").clip(line(gaps), "joint")  # 40 frames hold something, one goes at each end
    np.testing.assert_allclose(clip[0, :, 1, 0], places[1:-1], atol=1e-5)


def test_resample_origin_is_that_of_the_first_frame_that_has_the_body() -> None:
    clip = get_recipe("resample3").clip(line([EMPTY, *walk(5, 6)], walk(0, 1, 2)), "joint")
    np.testing.assert_allclose(clip[0, :, 1, 1], (-5, -4, -3), atol=1e-6)
    np.testing.assert_allclose(clip[0, :, 1, 0], (0, 0, 1), atol=1e-6)


def test_resample_does_not_turn_axes_for_test() -> None:
    lying = [np.roll(pose, 1, axis=1) for pose in walk(0, 0)]
    clip = get_recipe("resample2").clip(line(lying), "joint")
    np.testing.assert_allclose(clip[:, 0, 0, 0], (-1, 0, 0), atol=1e-6)


def test_resample_training_clips_are_rotated_stretches() -> None:
    poses = walk(*range(100))
    recipe, rng = get_recipe("resample64"), np.random.default_rng(0)
    speeds = []
    for _ in range(50):
        clip = recipe.clip(line(poses), "joint", train=True, rng=rng)
        step = np.linalg.norm(clip[:, 33, 1, 0] - clip[:, 32, 1, 0])
        shoulders = clip[:, 20, 3, 0] - clip[:, 20, 2, 0]
        assert np.linalg.norm(shoulders) == pytest.approx(2, abs=1e-4)  # a rotation keeps lengths
        assert shoulders[0] > 2 * math.cos(0.3) ** 2 - 1e-4
        speeds.append(step * 64)  # frames of the stretch
    assert min(speeds) >= 63.9 and max(speeds) <= 100.1 and max(speeds) - min(speeds) > 25


# uniform100


def test_uniform_puts_the_longer_present_body_first_and_keeps_its_frames() -> None:
    sequence = line([*walk(7, 7), EMPTY, EMPTY], [EMPTY, *walk(1, 2, 3)])
    clip = get_recipe("uniform3").clip(sequence, "joint")
    np.testing.assert_allclose(clip[0, :, 1, 0], (0, 1, 2), atol=1e-6)
    np.testing.assert_allclose(clip[0, :, 1, 1], (6, 0, 0), atol=1e-6)


def test_uniform_takes_motion_before_it_draws_frames() -> None:
    sequence = line(walk(*range(200)))
    clip = get_recipe("uniform100").clip(sequence, "joint_motion", train=True, rng=np.random.default_rng(0))
    moved = clip[0, :, 1, 0]
    np.testing.assert_allclose(moved[:-1], 1, atol=1e-4)  # not about 2, the distance of drawn frames
    assert moved[-1] in (0, pytest.approx(1, abs=1e-4))


def test_uniform_aligns_the_axes() -> None:
    lying = [np.roll(pose, 1, axis=1) for pose in walk(0, 0)]
    clip = get_recipe("uniform2").clip(line(lying), "joint")
    np.testing.assert_allclose(clip[:, 0, :, 0].T, UPRIGHT - UPRIGHT[1], atol=1e-6)


def test_uniform_has_ten_test_clips() -> None:
    recipe = get_recipe("uniform100")
    short = recipe.clips(line(walk(*range(50))), "joint")
    assert short.shape == (10, 3, 100, 4, 2)
    np.testing.assert_allclose(short[:, 0, 0, 1, 0], [0, 5, 10, 15, 20, 25, 30, 35, 40, 45], atol=1e-5)
    np.testing.assert_allclose(short[3, 0, 34:37, 1, 0], [49, 0, 1], atol=1e-5)
    long = recipe.clips(line(walk(*range(250))), "joint")
    assert len({view.tobytes() for view in long}) == 10
    np.testing.assert_array_equal(long, recipe.clips(line(walk(*range(250))), "joint"))
    np.testing.assert_array_equal(long[0], recipe.clip(line(walk(*range(250))), "joint"))


def test_uniform_scales_key_points_by_half_the_image() -> None:
    joints = np.zeros((1, 1, 17, 2), np.float32)
    joints[0, 0, 0], joints[0, 0, 1] = (1440, 270), (960, 540)
    scores = np.ones((1, 1, 17), np.float32)
    sequence = SkeletonSequence(joints, COCO17, confidence=scores, fields={"width": 1920, "height": 1080})
    clip = get_recipe("uniform100").clip(sequence, "joint")
    np.testing.assert_allclose(clip[:, 99, :2, 0].T, [(0.5, -0.5, 1), (0, 0, 1)])


def published_test_frames(length: int, frames: int) -> np.ndarray:
    """PYSKL's test clips: NumPy's legacy generator, two idle draws a clip, frame i as the start of very short clips."""
    rng = np.random.RandomState(255)
    clips = []
    for clip in range(10):
        rng.rand()
        rng.randint(1)
        if length < frames:
            start = clip if length < 10 else clip * length // 10
            rows = [(start + frame) % length for frame in range(frames)]
        elif length < 2 * frames:
            skipped = set(rng.choice(frames + 1, length - frames, replace=False).tolist())
            rows, shift = [], 0
            for frame in range(frames):
                shift += frame in skipped
                rows.append(frame + shift)
        else:
            edges = [segment * length // frames for segment in range(frames + 1)]
            rows = list(np.array(edges[:-1]) + rng.randint(np.diff(edges)))
        clips.append(rows)
    return np.array(clips)


@pytest.mark.parametrize("length", [1, 4, 9, 10, 57, 99, 100, 101, 150, 199, 200, 251])
def test_uniform_test_frames_are_the_published_ones(length: int) -> None:
    clips = get_recipe("uniform100").clips(line(walk(*range(length))), "joint")
    np.testing.assert_allclose(clips[:, 0, :, 1, 0], published_test_frames(length, 100), atol=1e-4)
    first = get_recipe("uniform100").trace(line(walk(*range(length)))).index
    np.testing.assert_array_equal(first, published_test_frames(length, 100)[0])


def test_uniform_flat_bones_of_the_hips_begin_at_the_nose_and_scores_are_means() -> None:
    joints = np.zeros((1, 2, 17, 2), np.float32)
    joints[0, :, 0], joints[0, :, 5], joints[0, :, 11] = (0.5, 0.5), (0.6, 0.6), (0.75, 0.25)  # nose, shoulder, hip
    joints[0, 1, 11] = (0.8, 0.25)
    scores = np.zeros((1, 2, 17), np.float32)
    scores[0, 0, [0, 5, 11]], scores[0, 1, [0, 5, 11]] = (0.9, 0.6, 0.5), (0.7, 0.6, 0.3)
    sequence = SkeletonSequence(joints, COCO17, confidence=scores)
    streams = {stream: get_recipe("uniform2").clip(sequence, stream)[..., 0] for stream in STREAMS}
    np.testing.assert_allclose(streams["joint"][:, 0, 11], (0.5, -0.5, 0.5), atol=1e-6)
    np.testing.assert_allclose(streams["bone"][:, 0, 11], (0.5, -0.5, (0.5 + 0.9) / 2), atol=1e-6)  # not the shoulder
    np.testing.assert_allclose(streams["bone"][:, 0, 0], (0, 0, 0.9), atol=1e-6)  # the root keeps its score
    np.testing.assert_allclose(streams["joint_motion"][:, 0, 11], (0.1, 0, (0.5 + 0.3) / 2), atol=1e-6)
    assert not streams["joint_motion"][:, 1].any()
    np.testing.assert_allclose(streams["bone_motion"][:, 0, 11], (0.1, 0, (0.7 + 0.5) / 2), atol=1e-6)
    assert not streams["bone_motion"][:, 1].any()
    assert COCO17.parents[11] == 5  # the graph stays


def test_uniform_flat_key_points_of_almost_no_score_are_zero() -> None:
    scores = np.full((1, 1, 17), 0.5, np.float32)
    scores[0, 0, 3:5] = 0.01, 0.011
    sequence = SkeletonSequence(np.full((1, 1, 17, 2), 0.75, np.float32), COCO17, confidence=scores)
    clip = get_recipe("uniform1").clip(sequence, "joint")[:, 0, :, 0]
    np.testing.assert_allclose(clip[:, 3:5].T, [(0, 0, 0.01), (0.5, 0.5, 0.011)], atol=1e-6)


def test_strong_augmentation_of_pyskl() -> None:
    """RandomScale 0.1, then RandomRot 0.3, after the normalisation and before the streams; DG-STGCN does not align."""
    strong = {"base": "uniform100", "augment": [{"random_scale": {"limit": 0.1}}, {"random_rotation": {"limit": 0.3}}]}
    assert names(strong) == [
        "longest_body_first", "centre_on_frame0", "align_axes", "scale_image", "random_scale", "random_rotation",
        "stream", "spread_frames",
    ]  # fmt: skip
    unaligned = {"base": "uniform100", "without": ["align_axes"], "augment": [{"random_rotation": {"limit": 0.2}}]}
    assert names(unaligned) == [
        "longest_body_first", "centre_on_frame0", "scale_image", "random_rotation", "stream", "spread_frames",
    ]  # fmt: skip
    with pytest.raises(ConfigError, match="did you mean 'align_axes'"):
        get_recipe({"base": "uniform100", "without": ["align_axis"]})


# stgcn_ntu, stgcn_kinetics


def test_stgcn_takes_ntu_as_recorded_in_the_order_of_the_bodies() -> None:
    first, second = walk(0, 1), [EMPTY, walk(3)[0]]
    clip = get_recipe("stgcn_ntu").clip(line(first, second), "joint", train=True)
    assert clip.shape == (3, 300, 4, 2)
    np.testing.assert_array_equal(clip[:, :2, :, 0].transpose(1, 2, 0), first)
    np.testing.assert_array_equal(clip[:, :2, :, 1].transpose(1, 2, 0), second)
    assert not clip[:, 2:].any()
    np.testing.assert_array_equal(get_recipe("stgcn_ntu4").trace(line(first)).index, [0, 1, np.nan, np.nan])
    long = get_recipe("stgcn_ntu2").clip(line(walk(0, 1, 2)), "joint")
    np.testing.assert_array_equal(long[..., 0].transpose(1, 2, 0), walk(0, 1))


def test_stgcn_lets_y_point_down_on_kinetics() -> None:
    sequence = image(9)
    ours, later = (get_recipe(name).clip(sequence, "joint") for name in ("stgcn_kinetics", "moving300"))
    np.testing.assert_array_equal(ours[1], -later[1])
    np.testing.assert_array_equal(ours[[0, 2]], later[[0, 2]])
    assert ours[1].any() and get_recipe("stgcn_kinetics").train_frames == 150
    drawn = get_recipe("stgcn_kinetics").clip(sequence, "joint", train=True, rng=np.random.default_rng(0))
    assert drawn.shape == (3, 150, 18, 2)


# ucla52


def ucla_by_the_formula(joints: np.ndarray, frames: int) -> np.ndarray:
    """The test clip of (T, V, 3), step by step."""
    moved = (joints - joints[0, KINECT20.origin]).reshape(-1, 3)
    scaled = (moved - moved.min(axis=0)) / (moved.max(axis=0) - moved.min(axis=0)) * 2 - 1
    rows = np.floor(np.linspace(0, len(joints) - 1, frames)).astype(int)
    return scaled.reshape(joints.shape)[rows].transpose(2, 0, 1)[..., None]


def test_ucla_by_hand() -> None:
    poses = [UPRIGHT, UPRIGHT + np.array([2, 0, 0], np.float32), UPRIGHT + np.array([6, 0, 0], np.float32)]
    clip = get_recipe("ucla2").clip(line(poses), "joint")
    assert clip.shape == (3, 2, 4, 1)
    # x runs from -1 to 7 in the recording: 0 becomes -0.75 and 6 becomes 0.75; y is constant; z runs from 0 to 1
    np.testing.assert_allclose(clip[0, :, 1, 0], (-0.75, 0.75), atol=1e-6)
    assert not clip[1].any()
    np.testing.assert_allclose(clip[2, :, :, 0], [(-1, 1, 1, 1)] * 2)
    motion = get_recipe("ucla2").clip(line(poses), "joint_motion")
    np.testing.assert_allclose(motion[0, :, 1, 0], (1.5, 0), atol=1e-6)  # of the resampled clip


def test_ucla_training_clips_are_scaled_turned_and_in_order() -> None:
    recipe, rng = get_recipe("ucla52"), np.random.default_rng(0)
    joints = np.random.default_rng(1).normal(size=(1, 30, 20, 3)).astype(np.float32)
    sequence = SkeletonSequence(joints, KINECT20)
    clips = np.stack([recipe.clip(sequence, "joint", train=True, rng=rng) for _ in range(20)])
    assert np.abs(clips).max() <= 1 + 1e-6 and len({clip.tobytes() for clip in clips}) == 20
    assert recipe.clip(sequence, "joint").std() > 0
    same = SkeletonSequence(np.repeat(joints[:, :1], 30, axis=1), KINECT20)
    held = recipe.clip(same, "joint_motion", train=True, rng=rng)
    assert not held.any()  # every frame is the same pose, whatever is drawn


def test_ucla_real_clips_equal_the_formula(shared: Path) -> None:
    lengths = []
    with zipfile.ZipFile(shared / "nw-ucla" / "all_sqe.zip") as archive:
        members = sorted(name for name in archive.namelist() if name.endswith(".json"))
        for member in members[::60]:
            joints = np.array(json.loads(archive.read(member))["skeletons"])
            sequence = SkeletonSequence(joints[None].astype(np.float32), KINECT20)
            clip = get_recipe("ucla52").clip(sequence, "joint")
            np.testing.assert_allclose(clip, ucla_by_the_formula(joints, 52), rtol=0, atol=1e-5)
            lengths.append(len(joints))
    assert len(set(lengths)) > 10


# inline recipes


STRONG = {
    "base": "ucla52",
    "frames": 64,
    "sample": "linear",
    "augment": [{"time_crop": {"share": [0.4, 1.0]}}, "rotate_view", {"joint_drop": {"probability": 0.5}}],
    "test_clips": {"cuts": [[0, 1], [0, 0.8]], "yaws": [0, -30, 30], "average": "logits"},
    "name": "strong",
}


def names(spec: object) -> list[str]:
    return [step.name for step in get_recipe(spec).steps]  # type: ignore[arg-type]


def test_an_inline_recipe_changes_its_base() -> None:
    recipe = get_recipe(STRONG)
    assert [step.name for step in recipe.steps] == [
        "time_crop", "centre_on_frame0", "rotate_view", "scale_per_axis", "linear", "joint_drop", "stream",
    ]  # fmt: skip
    assert (recipe.name, recipe.frames, recipe.bodies, recipe.num_test_clips) == ("strong", 64, 1, 6)
    assert recipe.test_clips == TestClips(((0, 1), (0, 0.8)), (0, -30, 30), "logits")
    assert recipe.spec == STRONG and get_recipe(json.loads(json.dumps(recipe.spec))) == recipe
    assert pickle.loads(pickle.dumps(recipe)) == recipe  # noqa: S301
    assert recipe.draws and get_recipe("ucla52").spec == "ucla52"


def test_json_text_is_an_inline_recipe() -> None:
    assert get_recipe(json.dumps(STRONG)) == get_recipe(STRONG)
    with pytest.raises(ConfigError, match="JSON"):
        get_recipe("{base: ucla52}")


def test_an_inline_recipe_without_changes_is_its_base() -> None:
    for name, skeleton in (
        ("ucla52", KINECT20),
        ("resample64", NTU25),
        ("uniform100", NTU25),
        ("moving300", OPENPOSE18),
        ("stgcn_ntu", NTU25),
        ("stgcn_kinetics", OPENPOSE18),
    ):
        joints = np.random.default_rng(0).uniform(0.1, 0.9, (2, 40, skeleton.num_joints, skeleton.dimensions))
        sequence = SkeletonSequence(joints.astype(np.float32), skeleton)
        inline, named = get_recipe({"base": name}), get_recipe(name)
        assert inline.steps == named.steps and inline.bodies == named.bodies
        for train in (False, True):
            ours, theirs = (
                recipe.clip(sequence, "bone", train=train, rng=np.random.default_rng(3)) for recipe in (inline, named)
            )
            np.testing.assert_array_equal(ours, theirs)


def test_keys_of_an_inline_recipe() -> None:
    assert names({"base": "ucla52", "augment": []}) == ["centre_on_frame0", "scale_per_axis", "sorted_frames", "stream"]
    assert names({"base": "ucla52", "scale": None})[2] == "sorted_frames"
    assert names({"base": "ucla52", "scale": "scale_uniformly"})[2] == "scale_uniformly"
    assert names({"base": "resample64", "add": ["repeat_single_body"]})[1] == "repeat_single_body"
    assert names({"base": "dualhead64", "augment": ["time_crop", "rotate_view"]}) == [
        "time_crop", "centre_image", "repeat_or_pad", "centre_every_frame", "align_axes", "rotate_view", "stream",
    ]  # fmt: skip
    assert get_recipe({"base": "ucla52", "bodies": 2}).bodies == 2
    assert get_recipe({"base": "dualhead", "frames": 40}).frames == 40
    own = get_recipe({"steps": ["centre_on_first", {"linear": {"frames": 8}}], "bodies": 1})
    assert [step.name for step in own.steps] == ["centre_on_first", "linear", "stream"]
    assert get_recipe({"base": "ucla52", "steps": ["centre_on_first", "linear"]}).frames == 52


@pytest.mark.parametrize(
    ("spec", "named"),
    [
        ({}, "'base'"),
        ({"base": "ucla52", "agument": []}, "did you mean 'augment'"),
        ({"base": "ucla"}, "'ucla'"),
        ({"base": ["ucla52"]}, "base"),
        ({"base": "ucla52", "frames": 0}, "frames 0"),
        ({"base": "ucla52", "frames": "many"}, "many"),
        ({"base": "ucla52", "bodies": 0}, "bodies 0"),
        ({"base": "ucla52", "augment": "time_crop"}, "augment"),
        ({"base": "ucla52", "augment": ["scale_uniformly"]}, "scale_uniformly"),
        ({"base": "ucla52", "augment": ["time_crap"]}, "did you mean 'time_crop'"),
        ({"base": "ucla52", "sample": "noise"}, "noise"),
        ({"base": "ucla52", "steps": ["linear"], "augment": []}, "augment"),
        ({"steps": ["centre_on_first"]}, "samples frames"),
        ({"base": "ucla52", "test_clips": {"yaw": [0]}}, "did you mean 'yaws'"),
        ({"base": "ucla52", "test_clips": {"cuts": [0.5]}}, "cuts"),
        ({"base": "ucla52", "test_clips": {"cuts": [[0.5, 0.2]]}}, "cuts"),
        ({"base": "ucla52", "test_clips": {"yaws": []}}, "yaws"),
        ({"base": "ucla52", "test_clips": {"average": "mean"}}, "average"),
        ({"base": "ucla52", "test_clips": 3}, "test_clips"),
        ({"base": "ucla52", "name": 3}, "name"),
        ({"base": "ucla52", "augment": [{"noise": {"sigma": float}}]}, "JSON"),
    ],
)
def test_an_inline_recipe_that_is_wrong_is_refused(spec: dict[str, object], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        get_recipe(spec)


def test_linear_sampling_by_hand() -> None:
    poses = [UPRIGHT + np.array([step, 0, 0], np.float32) for step in (0, 4, 6)]
    recipe = get_recipe({"base": "ucla5", "sample": "linear", "scale": None, "augment": []})
    clip = recipe.clip(line(poses), "joint")
    np.testing.assert_allclose(clip[0, :, 1, 0], (0, 2, 4, 5, 6), atol=1e-6)
    np.testing.assert_allclose(recipe.trace(line(poses)).index, (0, 0.5, 1, 1.5, 2))
    drawn = [recipe.clip(line(poses), "joint", train=True, rng=np.random.default_rng(s))[0, :, 1, 0] for s in range(20)]
    assert all((np.diff(one) >= 0).all() and one[0] >= 0 and one[-1] <= 6 for one in drawn)
    assert len({one.tobytes() for one in drawn}) == 20


def test_one_scale_for_all_axes_keeps_proportions() -> None:
    recipe = get_recipe({"base": "ucla1", "scale": "scale_uniformly", "augment": []})
    clip = recipe.clip(line([UPRIGHT * np.array([1, 1, 3], np.float32)]), "joint")
    # x from -1 to 1, z from 0 to 3: the largest span, 3, becomes 2, and the middles become 0
    np.testing.assert_allclose(clip[2, 0, :, 0], (-1, 1, 1, 1), atol=1e-6)
    np.testing.assert_allclose(clip[0, 0, :, 0], (0, 0, -2 / 3, 2 / 3), atol=1e-6)
    assert not clip[1].any()


def test_test_clips_are_every_cut_at_every_angle() -> None:
    poses = [UPRIGHT + np.array([step, 0, 0], np.float32) for step in range(10)]
    recipe = get_recipe({
        "base": "ucla4", "scale": None, "augment": [],
        "test_clips": {"cuts": [[0, 1], [0, 0.4], [0.55, 1]], "yaws": [0, 90]},
    })  # fmt: skip
    clips = recipe.clips(line(poses), "joint")
    assert clips.shape == (6, 3, 4, 4, 1) and recipe.num_test_clips == 6
    np.testing.assert_array_equal(clips[0], recipe.clip(line(poses), "joint"))
    np.testing.assert_allclose(clips[::2, 0, :, 1, 0], [(0, 3, 6, 9), (0, 1, 2, 3), (0, 1, 2, 4)], atol=1e-5)
    # 90 degrees about y, which points up: x becomes -z
    np.testing.assert_allclose(clips[1::2, 2], -clips[::2, 0], atol=1e-5)
    np.testing.assert_allclose(clips[1::2, 1], clips[::2, 1], atol=1e-5)
    nobody = recipe.clips(line([EMPTY]), "joint+bone")
    assert nobody.shape == (6, 6, 4, 4, 1) and not nobody.any()


def test_cuts_and_angles_multiply_with_the_clips_of_the_sampler() -> None:
    recipe = get_recipe({"base": "uniform6", "test_clips": {"yaws": [0, 20]}})
    clips = recipe.clips(line(walk(*range(20))), "joint")
    assert recipe.num_test_clips == 20 and clips.shape == (20, 3, 6, 4, 2)
    np.testing.assert_array_equal(clips[:10], get_recipe("uniform6").clips(line(walk(*range(20))), "joint"))
    np.testing.assert_allclose(clips[10:, 2], clips[:10, 2], atol=1e-5)  # about z, where the spine points


def test_a_single_body_can_take_both_places() -> None:
    """As CTR-GCN prepares NTU RGB+D 120; for NTU RGB+D 60 the second place is empty."""
    twice = get_recipe({"base": "resample8", "add": ["repeat_single_body"]})
    one, two = line(walk(0, 1, 2)), line(walk(0, 1, 2), walk(5, 6, 7))
    clip = twice.clip(one, "joint")
    np.testing.assert_array_equal(clip[..., 1], clip[..., 0])
    np.testing.assert_array_equal(clip[..., 0], get_recipe("resample8").clip(one, "joint")[..., 0])
    assert not get_recipe("resample8").clip(one, "joint")[..., 1].any()
    np.testing.assert_array_equal(twice.clip(two, "joint"), get_recipe("resample8").clip(two, "joint"))
    assert twice.trace(one).bodies == [0, 0]


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ({"sample": {"linear": {"frames": 10**9}}}, "1000000000 frames"),
        ({"frames": 10**9}, "1000000000"),
        ({"bodies": 10**9}, "1000000000"),
        ({"test_clips": {"yaws": [float(yaw % 180) for yaw in range(1001)]}}, "1001 test clips"),
    ],
)
def test_sizes_beyond_any_use_are_refused(given: dict[str, object], value: str) -> None:
    with pytest.raises(ConfigError, match=value):
        get_recipe({"base": "resample64", **given})
