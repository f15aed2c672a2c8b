from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dualhead.data.recipes import families as families_module
from dualhead.data.recipes.families import register_recipe
from dualhead.data.recipes.recipes import RECIPES, STREAMS, Recipe, get_recipe
from dualhead.data.recipes.step import make_step
from dualhead.data.recipes.streams import to_stream
from dualhead.data.recipes.test_clips import TestClips
from dualhead.runtime.errors import ConfigError
from dualhead.sequence import SkeletonSequence
from dualhead.skeleton import COCO17, KINECT20, NTU25, OPENPOSE18, Skeleton

SOLID = [name for name in RECIPES if name not in ("moving300", "stgcn_kinetics")]
SEQUENCE = SkeletonSequence(np.random.default_rng(0).normal(size=(1, 5, 25, 3)).astype(np.float32), NTU25)


def test_shapes() -> None:
    assert [get_recipe(name).clip(SEQUENCE, "joint").shape for name in SOLID] == [
        (3, 300, 25, 2),
        (3, 64, 25, 2),
        (3, 100, 25, 2),
        (3, 52, 25, 1),
        (3, 300, 25, 2),
    ]
    flat = SkeletonSequence(np.zeros((1, 5, 18, 2), np.float32), OPENPOSE18)
    for name in ("moving300", "stgcn_kinetics"):
        assert get_recipe(name).clip(flat, "joint").shape == (3, 300, 18, 2)
    assert get_recipe("uniform100").clips(SEQUENCE, "bone").shape == (10, 3, 100, 25, 2)


def test_skeletons_that_lack_something_are_refused() -> None:
    bare = Skeleton("bare", ("a", "b"), (0, 0), ((1, 0),), (), 0, 0, None, None, 3)
    for name in ("dualhead", "uniform100"):
        with pytest.raises(ConfigError, match=r"'bare'.*'resample64'"):
            get_recipe(name).channels(bare)
    for name in ("resample64", "ucla52"):
        assert get_recipe(name).channels(bare) == 3
        with pytest.raises(ConfigError, match=r"3D.*'openpose18'.*2 dimensions"):
            get_recipe(name).num_bodies(OPENPOSE18)
        with pytest.raises(ConfigError, match="needs 3D joints"):
            get_recipe(name).clip(SkeletonSequence(np.zeros((1, 3, 17, 2), np.float32), COCO17), "joint")


def _refusal(name: str, skeleton: Skeleton) -> str:
    try:
        get_recipe(name).check(skeleton)
    except ConfigError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    "skeleton",
    [OPENPOSE18, NTU25, Skeleton("bare", ("a", "b"), (0, 0), ((1, 0),), (), 0, 0, None, None, 3)],
    ids=lambda skeleton: skeleton.name,
)
def test_a_refusal_names_every_recipe_that_takes_the_skeleton(skeleton: Skeleton) -> None:
    messages = {name: _refusal(name, skeleton) for name in RECIPES}
    fitting = [name for name, message in messages.items() if not message]
    refusals = list(filter(None, messages.values()))
    assert refusals
    for message in refusals:
        assert re.findall(r"'(\w+)'", message.partition("use ")[2]) == fitting


def test_training_draws_need_a_generator() -> None:
    for name in ("resample64", "uniform100", "ucla52"):
        with pytest.raises(ConfigError, match="pass rng"):
            get_recipe(name).clip(SEQUENCE, "joint", train=True)
    recipe = get_recipe("dualhead")  # draws nothing
    np.testing.assert_array_equal(recipe.clip(SEQUENCE, "joint", train=True), recipe.clip(SEQUENCE, "joint"))


def test_an_unknown_stream_is_refused() -> None:
    with pytest.raises(ConfigError, match="unknown stream 'bon'"):
        get_recipe("dualhead").clip(SEQUENCE, "bon")


def test_a_clip_that_was_prepared_before_is_not_prepared_again() -> None:
    joints = np.random.default_rng(0).normal(size=(1, 4, 25, 3)).astype(np.float32)
    recipe = get_recipe("dualhead5")
    clip = recipe.clip(SkeletonSequence(joints, NTU25, prepared="dualhead5"), "joint")
    np.testing.assert_array_equal(clip[:, :4, :, 0], joints[0].transpose(2, 0, 1))
    assert not clip[:, 4].any() and not clip[..., 1].any()
    bones = recipe.clip(SkeletonSequence(joints, NTU25, prepared="dualhead5"), "bone")
    np.testing.assert_array_equal(bones, to_stream(clip, NTU25, "bone"))
    for name in ("dualhead", "resample64"):
        with pytest.raises(ConfigError, match=f"by recipe 'dualhead5' before .* to use '{name}'"):
            get_recipe(name).clip(SkeletonSequence(joints, NTU25, prepared="dualhead5"), "joint")


def test_a_flat_clip_that_was_prepared_before_keeps_its_scores() -> None:
    joints = np.full((1, 2, 18, 2), -0.25, np.float32)
    scores = np.full((1, 2, 18), 0.5, np.float32)
    sequence = SkeletonSequence(joints, OPENPOSE18, confidence=scores, prepared="dualhead")
    clip = get_recipe("dualhead").clip(sequence, "joint")
    np.testing.assert_array_equal(clip[:, 1, 7, 0], [-0.25, -0.25, 0.5])
    assert not clip[:, 2:].any()


def test_frames_that_were_drawn_before_are_every_test_clip_and_have_no_motion() -> None:
    joints = np.random.default_rng(0).normal(size=(2, 5, 25, 3)).astype(np.float32)
    recipe = get_recipe("uniform5")
    clips = recipe.clips(SkeletonSequence(joints, NTU25, prepared="uniform5"), "joint")
    np.testing.assert_array_equal(clips, np.broadcast_to(joints.transpose(3, 1, 2, 0), (10, 3, 5, 25, 2)))
    with pytest.raises(ConfigError, match=r"takes motion on the whole recording, .* use the stream joint or bone"):
        recipe.clip(SkeletonSequence(joints, NTU25, prepared="uniform5"), "bone_motion")
    with pytest.raises(ConfigError, match="by recipe 'dualhead' before"):
        recipe.clip(SkeletonSequence(joints, NTU25, prepared="dualhead"), "bone_motion")


@st.composite
def sequences(draw: st.DrawFn, skeleton: Skeleton) -> SkeletonSequence:
    """Recordings with missing bodies, frames and joints, and values that repeat."""
    bodies, frames = draw(st.integers(0, 3)), draw(st.integers(0, 12))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = (bodies, frames, skeleton.num_joints, skeleton.dimensions)
    joints = rng.integers(-4, 5, shape) / draw(st.sampled_from([1, 4]))
    joints *= rng.random(shape[:1])[:, None, None, None] < draw(st.sampled_from([0.5, 1]))
    joints *= rng.random(shape[:2])[:, :, None, None] < draw(st.sampled_from([0.3, 1]))
    joints *= rng.random(shape[:3])[..., None] < draw(st.sampled_from([0, 0.5, 1]))
    if skeleton.dimensions == 2:
        joints /= 4
    return SkeletonSequence(joints.astype(np.float32), skeleton)


CASES = st.sampled_from(
    [(get_recipe(name), NTU25) for name in ("dualhead9", "resample8", "uniform6", "ucla7")]
    + [(get_recipe("dualhead9"), COCO17), (get_recipe("uniform6"), OPENPOSE18), (get_recipe("ucla52"), KINECT20)]
)


@settings(max_examples=150, deadline=None)
@given(CASES.flatmap(lambda case: st.tuples(st.just(case[0]), sequences(case[1]))), st.booleans(), st.integers(0, 99))
def test_every_recording_gives_a_finite_clip_of_the_promised_shape(
    case: tuple[Recipe, SkeletonSequence], train: bool, seed: int
) -> None:
    recipe, sequence = case
    skeleton = sequence.skeleton
    before = sequence.joints.copy()
    clips = {stream: recipe.clip(sequence, stream, train=train, rng=np.random.default_rng(seed)) for stream in STREAMS}
    shape = (recipe.channels(skeleton), recipe.frames, skeleton.num_joints, recipe.num_bodies(skeleton))
    for clip in clips.values():
        assert clip.shape == shape and clip.dtype == np.float32 and clip.flags.c_contiguous
        assert np.isfinite(clip).all()
    space = slice(skeleton.dimensions)  # scores follow a rule of their own in uniform clips
    bones = to_stream(clips["joint"], skeleton, "bone")
    np.testing.assert_allclose(clips["bone"][space], bones[space], atol=1e-5)
    assert recipe.clips(sequence, "joint").shape == (recipe.num_test_clips, *shape)
    np.testing.assert_array_equal(recipe.clips(sequence, "joint")[0], recipe.clip(sequence, "joint"))
    np.testing.assert_array_equal(sequence.joints, before)
    if not sequence.joints.any():
        assert not any(clip.any() for clip in clips.values())


@pytest.mark.parametrize("name", SOLID)
def test_places_that_are_empty_take_none_from_those_who_are_seen(name: str) -> None:
    recipe = get_recipe(name)
    bodies = np.random.default_rng(1).normal(size=(2, 9, 25, 3)).astype(np.float32)
    joints = np.zeros((5, 9, 25, 3), np.float32)
    joints[[1, 3]] = bodies
    sparse, dense = (SkeletonSequence(values, NTU25) for values in (joints, bodies))
    assert recipe.chosen_bodies(sparse) == [1, 3][: recipe.bodies]
    np.testing.assert_array_equal(recipe.clips(sparse, "joint"), recipe.clips(dense, "joint"))
    assert recipe.trace(sparse).bodies == [1, 3][: recipe.bodies]
    assert recipe.chosen_bodies(SkeletonSequence(joints[:1], NTU25)) == [0]
    assert not recipe.clips(SkeletonSequence(np.zeros_like(joints), NTU25), "joint").any()


def test_scores_go_with_the_bodies_that_are_seen() -> None:
    joints = np.zeros((3, 4, 18, 2), np.float32)
    scores = np.zeros((3, 4, 18), np.float32)
    joints[2], scores[2] = 0.25, 0.5
    clip = get_recipe("dualhead8").clip(SkeletonSequence(joints, OPENPOSE18, confidence=scores), "joint")
    assert clip[:, :, 0, 0].tolist() == [[-0.25] * 4 + [0] * 4, [0.25] * 4 + [0] * 4, [0.5] * 4 + [0] * 4]


def growing(skeleton: Skeleton, frames: int) -> SkeletonSequence:
    """Somebody whose head is 1 + t above the origin joint in frame t: a clip tells by itself which frame it shows."""
    joints = np.zeros((1, frames, skeleton.num_joints, skeleton.dimensions), np.float32)
    joints += np.random.default_rng(0).uniform(0.1, 0.2, (skeleton.num_joints, skeleton.dimensions)).astype(np.float32)
    joints[0, :, 3, 1] = joints[0, :, skeleton.origin, 1] + 1 + np.arange(frames)
    return SkeletonSequence(joints, skeleton)


@pytest.mark.parametrize(
    ("recipe", "frames", "off"),
    [("dualhead40", 16, 0), ("dualhead40", 60, 0), ("resample16", 40, 1e-3), ("resample16", 9, 1e-3),
     ("uniform16", 9, 0), ("uniform16", 64, 0)],
)  # fmt: skip
def test_places_are_the_frames_that_the_clip_shows(recipe: str, frames: int, off: float) -> None:
    sequence = growing(NTU25, frames)
    clip = get_recipe(recipe).clip(sequence, "joint")[..., 0]  # (C, T, V)
    origin = sequence.joints[0, 0, NTU25.origin, :, None]
    head = clip[:, :, 3] - clip[:, :, NTU25.origin]
    rest = (sequence.joints[0, 0, 3, [0, 2], None] - origin[[0, 2]]) ** 2
    shown = np.sqrt((head**2).sum(axis=0) - rest.sum()) - 1  # turning changes no length
    np.testing.assert_allclose(get_recipe(recipe).trace(sequence).index, shown, atol=max(off, 1e-3))


def test_frames_at_equal_distances() -> None:
    assert get_recipe("ucla4").trace(growing(KINECT20, 10)).index.tolist() == [0, 3, 6, 9]


def test_empty_frames_are_skipped_and_padding_shows_nothing() -> None:
    sequence = growing(NTU25, 6)
    sequence.joints[:, :2] = 0
    assert get_recipe("dualhead6").trace(sequence).index.tolist() == [2, 3, 4, 5, 2, 3]
    flat = growing(OPENPOSE18, 3)
    np.testing.assert_array_equal(get_recipe("dualhead5").trace(flat).index, [0, 1, 2, np.nan, np.nan])
    nobody = SkeletonSequence(np.zeros((0, 3, 25, 3), np.float32), NTU25)
    assert np.isnan(get_recipe("resample4").trace(nobody).index).all()


def test_the_body_that_is_there_longest_comes_first_in_uniform_clips() -> None:
    joints = np.concatenate([growing(NTU25, 6).joints] * 3)
    joints[0, 3:] = 0
    sequence = SkeletonSequence(joints, NTU25)
    assert get_recipe("uniform4").trace(sequence).bodies == [1, 0]
    assert get_recipe("resample4").trace(sequence).bodies == [0, 1]
    assert get_recipe("ucla4").trace(sequence).bodies == [0]


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Forget what a test registers."""
    monkeypatch.setattr(families_module._FAMILIES, "_values", dict(families_module._FAMILIES._values))
    yield


@pytest.mark.usefixtures("registry")
def test_a_function_becomes_a_recipe() -> None:
    @register_recipe("mine", frames=40, bodies=1, test_clips=TestClips(yaws=(0, 90)))
    def mine(frames: int) -> list[object]:
        return ["centre_on_first", {"linear": {"frames": frames}}, {"time_crop": {"probability": 1}}, "stream"]

    recipe = get_recipe("mine24")
    assert (recipe.name, recipe.spec, recipe.frames, recipe.bodies, recipe.num_test_clips) == ("mine24",) * 2 + (
        24,
        1,
        2,
    )
    assert get_recipe({"base": "mine40", "frames": 24}).steps == recipe.steps
    assert recipe.clips(SEQUENCE, "joint").shape == (2, 3, 24, 25, 1)
    with pytest.raises(ConfigError, match="'mine'"):  # the number is part of the name
        get_recipe("mine")
    with pytest.raises(ConfigError, match="mine40"):
        get_recipe("mime40")
    for name in ("ucla", "ucla2", "two words", ""):
        with pytest.raises(ConfigError, match="registered"):
            register_recipe(name, frames=8)(lambda frames: [])


@pytest.mark.parametrize("steps", [["linear"], ["stream", "stream"]])
def test_a_recipe_has_one_stream_step(steps: list[str]) -> None:
    built = tuple(make_step({"linear": {"frames": 8}} if name == "linear" else name) for name in steps)
    with pytest.raises(ConfigError, match="'stream'"):
        Recipe("odd", built)
