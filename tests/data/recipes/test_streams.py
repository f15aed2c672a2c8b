from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dualhead.data.recipes import streams as streams_module
from dualhead.data.recipes.streams import (
    STREAMS,
    bone,
    check_stream,
    get_streams,
    is_temporal,
    motion,
    register_stream,
    stream_channels,
    stream_names,
    to_stream,
)
from dualhead.runtime.errors import ConfigError
from dualhead.skeleton import KINECT20, NTU25, OPENPOSE18, SKELETONS, Skeleton


def one_channel(values: list[list[float]]) -> np.ndarray:
    """Frames of joint values as a clip (1, T, V, 1)."""
    return np.array(values, dtype=np.float32)[None, :, :, None]


def test_bone_is_joint_minus_parent_and_zero_at_the_root() -> None:
    clip = one_channel([[1, 4, 9]])
    assert bone(clip, [1, 1, 0])[0, 0, :, 0].tolist() == [1 - 4, 0, 9 - 1]


def test_motion_is_next_minus_this_and_zero_in_the_last_frame() -> None:
    clip = one_channel([[1, 10], [3, 10], [0, 5]])
    assert motion(clip)[0, :, :, 0].tolist() == [[2, 0], [-3, -5], [0, 0]]


def test_motion_of_a_single_frame_is_zero() -> None:
    assert not motion(np.ones((3, 1, 25, 2), np.float32)).any()


def test_ntu_bones_are_the_published_pairs() -> None:
    published = (
        "(1,2) (2,21) (3,21) (4,3) (5,21) (6,5) (7,6) (8,7) (9,21) (10,9) (11,10) (12,11) (13,1) (14,13) (15,14) "
        "(16,15) (17,1) (18,17) (19,18) (20,19) (21,21) (22,23) (23,8) (24,25) (25,12)"
    )
    pairs = [tuple(map(int, pair[1:-1].split(","))) for pair in published.split()]
    clip = one_channel([[2.0**joint for joint in range(25)]])
    bones = bone(clip, NTU25.parents)[0, 0, :, 0]
    assert bones.tolist() == [2.0 ** (joint - 1) - 2.0 ** (parent - 1) for joint, parent in sorted(pairs)]


def test_openpose_bones_follow_the_tree_from_the_nose_not_the_graph_from_the_neck() -> None:
    clip = one_channel([[float(joint + 1) for joint in range(18)]])
    bones = to_stream(clip, OPENPOSE18, "bone")[0, 0, :, 0]
    assert bones[0] == 0  # the nose is the root
    assert bones[1] == 2 - 1  # neck minus nose


def test_kinect20_bones_are_rooted_at_the_shoulder_centre() -> None:
    clip = one_channel([[float(joint + 1) for joint in range(20)]])
    bones = to_stream(clip, KINECT20, "bone")[0, 0, :, 0]
    assert bones[:5].tolist() == [1 - 2, 2 - 3, 0, 4 - 3, 5 - 3]


def test_bone_motion_is_the_motion_of_bones() -> None:
    clip = np.random.default_rng(0).normal(size=(3, 7, 25, 2)).astype(np.float32)
    np.testing.assert_array_equal(to_stream(clip, NTU25, "bone_motion"), motion(bone(clip, NTU25.parents)))


def test_the_joint_stream_is_the_clip_and_inputs_stay_unchanged() -> None:
    clip = np.random.default_rng(0).normal(size=(3, 5, 25, 2)).astype(np.float32)
    before = clip.copy()
    assert to_stream(clip, NTU25, "joint") is clip
    for stream in STREAMS:
        to_stream(clip, NTU25, stream)
    np.testing.assert_array_equal(clip, before)


def test_an_unknown_stream_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"'bones'.*'bone'"):
        check_stream("bones")


def test_a_clip_of_another_layout_is_refused() -> None:
    with pytest.raises(ConfigError, match="ntu25"):
        to_stream(np.zeros((3, 5, 20, 2), np.float32), NTU25, "joint")
    with pytest.raises(ConfigError, match="25 parents"):
        bone(np.zeros((2, 5, 25, 3), np.float32).transpose(0, 2, 1, 3), NTU25.parents)


CLIPS = st.tuples(st.sampled_from(list(SKELETONS.values())), st.integers(1, 6), st.integers(1, 2)).flatmap(
    lambda case: st.tuples(
        st.just(case[0]),
        arrays(
            np.float32,
            (3, case[1], case[0].num_joints, case[2]),
            elements=st.integers(-64, 64).map(lambda eighths: eighths / 8),
        ),
    )
)


@settings(max_examples=40, deadline=None)
@given(CLIPS)
def test_streams_lose_nothing(case: tuple[Skeleton, np.ndarray]) -> None:
    skeleton, clip = case
    bones = to_stream(clip, skeleton, "bone")
    moves = to_stream(clip, skeleton, "joint_motion")
    # multiples of an eighth: sums and differences in float32 are exact
    np.testing.assert_array_equal(bones + clip[:, :, list(skeleton.parents)], clip)
    np.testing.assert_array_equal(clip[:, :1] + np.cumsum(moves, axis=1)[:, :-1], clip[:, 1:])
    np.testing.assert_array_equal(
        to_stream(clip, skeleton, "bone_motion"), bone(np.ascontiguousarray(moves), skeleton.parents)
    )


LEG = Skeleton("leg", ("hip", "knee", "ankle", "toe"), (0, 0, 1, 2), ((1, 0), (2, 1), (3, 2)), (), 1, 0, None, None, 3)


def test_k_bone_ends_at_the_parent_of_the_parent() -> None:
    clip = one_channel([[1, 3, 9, 27]])
    assert to_stream(clip, LEG, "k_bone")[0, 0, :, 0].tolist() == [0, 3 - 1, 9 - 1, 27 - 3]
    moving = one_channel([[1, 3, 9, 27], [2, 3, 9, 30]])
    assert to_stream(moving, LEG, "k_bone_motion")[0, :, :, 0].tolist() == [[0, -1, -1, 3], [0, 0, 0, 0]]


def test_relative_keeps_the_trajectory_at_the_centre() -> None:
    clip = one_channel([[1, 3, 9, 27], [2, 4, 9, 28]])
    assert to_stream(clip, LEG, "relative")[0, :, :, 0].tolist() == [[-2, 3, 6, 24], [-2, 4, 5, 24]]
    assert to_stream(clip, LEG, "relative_motion")[0, 0, :, 0].tolist() == [0, 1, -1, 0]


def test_rooted_bones_keep_the_trajectory_at_the_root() -> None:
    clip = one_channel([[1, 3, 9, 27], [2, 4, 9, 28]])
    assert to_stream(clip, LEG, "rooted_bone")[0, :, :, 0].tolist() == [[1, 2, 6, 18], [2, 2, 5, 19]]


def test_angles_are_cosines_of_the_bend_at_the_parent() -> None:
    clip = np.zeros((3, 1, 4, 1), np.float32)
    clip[:, 0, :, 0] = np.array([(0, 0, 0), (0, -2, 0), (0, -4, 0), (3, -4, 0)]).T  # hip, knee, ankle, toe
    angles = to_stream(clip, LEG, "angle")
    assert angles.shape == (1, 1, 4, 1) and angles.dtype == np.float32
    np.testing.assert_allclose(angles[0, 0, :, 0], [0, 0, 1, 0], atol=1e-6)  # straight at the knee, square at the ankle


def test_streams_joined_by_plus_are_channels_of_one_clip() -> None:
    clip = np.random.default_rng(0).normal(size=(3, 5, 25, 2)).astype(np.float32)
    both = to_stream(clip, NTU25, "bone+angle+joint_motion")
    assert both.shape == (7, 5, 25, 2) and stream_channels("bone+angle+joint_motion", 3) == 7
    np.testing.assert_array_equal(both[:3], to_stream(clip, NTU25, "bone"))
    np.testing.assert_array_equal(both[4:], to_stream(clip, NTU25, "joint_motion"))
    assert is_temporal("bone+joint_motion") and not is_temporal("bone+angle")
    assert [part.name for part in get_streams("bone+angle")] == ["bone", "angle"]
    for wrong in ("joint+", "joint+bones", "joint+joint", "+"):
        with pytest.raises(ConfigError):
            check_stream(wrong)


def test_every_stream_has_the_channels_that_it_promises() -> None:
    for skeleton in (KINECT20, OPENPOSE18):
        clip = np.random.default_rng(0).normal(size=(3, 5, skeleton.num_joints, 1)).astype(np.float32)
        before = clip.copy()
        for name in stream_names():
            made = to_stream(clip, skeleton, name)
            assert made.shape == (stream_channels(name, 3), *clip.shape[1:]) and made.dtype == np.float32
            assert np.isfinite(made).all()
            assert not (is_temporal(name) and made[:, -1].any())
        np.testing.assert_array_equal(clip, before)
    assert tuple(stream_names()[:4]) == STREAMS


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Forget what a test registers."""
    monkeypatch.setattr(streams_module._STREAMS, "_values", dict(streams_module._STREAMS._values))
    yield


@pytest.mark.usefixtures("registry")
def test_a_function_becomes_a_stream() -> None:
    @register_stream("height", channels=1)
    def height(clip: np.ndarray, skeleton: Skeleton) -> np.ndarray:
        return clip[1:2]

    clip = np.random.default_rng(0).normal(size=(3, 5, 20, 1)).astype(np.float32)
    np.testing.assert_array_equal(to_stream(clip, KINECT20, "joint+height")[3], clip[1])
    with pytest.raises(ConfigError, match="'height'"):
        register_stream("height")(lambda clip, skeleton: clip)
    for name in ("joint", "two words", "a+b", ""):
        with pytest.raises(ConfigError, match="registered"):
            register_stream(name)(lambda clip, skeleton: clip)
    with pytest.raises(ConfigError, match="0 channels"):
        register_stream("none", channels=0)
