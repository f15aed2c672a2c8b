"""What the poses are worth: drawn people with known joints, and a photograph against the reference implementation."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from dualhead.poses.recording import PoseRecording, join_poses
from dualhead.poses.tracker import PoseTracker
from dualhead.skeleton import NTU25
from dualhead.skeleton_maps import convert_skeleton
from dualhead.synthetic.mannequin import Appearance, PinholeCamera, draw_people
from dualhead.synthetic.videos import VideoTake

LEFT = [joint for joint, _ in NTU25.mirror]
RIGHT = [joint for _, joint in NTU25.mirror]


def watch(pictures: object, weights: Path, max_people: int = 2) -> PoseRecording:
    tracker = PoseTracker(weights, max_people)
    found = [tracker.push(np.asarray(picture)) for picture in pictures]  # type: ignore[attr-defined]
    return join_poses(found, fps=15, size=(640, 480), source="drawn")


def around_hips(joints: np.ndarray) -> np.ndarray:
    return joints - joints[..., :1, :]


@pytest.fixture(scope="module")
def seen(pose_weights: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """True and found joints `(T, 25, 3)` of drawn people in several actions, 10 frames a second."""
    pairs = []
    for number, action in enumerate(("wave a hand", "hands on hips", "put on a hat", "kick", "sit down"), start=1):
        take = VideoTake(action, number, fps=10)
        found = convert_skeleton(watch(take.pictures(), pose_weights, 1).to_sequence(), NTU25).joints
        pairs.append((take.truth()[0], found[0]))
    return pairs


def test_drawn_people_are_found(seen: list[tuple[np.ndarray, np.ndarray]]) -> None:
    frames = np.concatenate([found.any(axis=(1, 2)) for _, found in seen])
    assert len(frames) > 80 and frames.mean() >= 0.95


def test_joints_are_within_15_centimetres(seen: list[tuple[np.ndarray, np.ndarray]]) -> None:
    errors = []
    for truth, found in seen:
        there = found.any(axis=(1, 2))
        errors.append(np.linalg.norm(around_hips(found[there]) - around_hips(truth[there]), axis=-1).ravel())
    assert np.median(np.concatenate(errors)) < 0.15


def test_people_stand_where_they_are_drawn(seen: list[tuple[np.ndarray, np.ndarray]]) -> None:
    """Across the picture to 10 cm; the distance depends on the size of the person, who is not known."""
    for truth, found in seen:
        there = found.any(axis=(1, 2))
        off = np.abs(np.median(found[there, 0] - truth[there, 0], axis=0))
        assert off[0] < 0.1 and off[1] < 0.1 and off[2] < 0.2 * truth[0, 0, 2]


def test_left_stays_left(seen: list[tuple[np.ndarray, np.ndarray]]) -> None:
    """Each joint is nearer to the true one than to that of the other side, and mirrored axes would be worse."""
    right_way = mirrored = 0.0
    for truth, found in seen:
        there = found.any(axis=(1, 2))
        true, got = around_hips(truth[there]), around_hips(found[there])
        same = np.linalg.norm(got[:, LEFT] - true[:, LEFT], axis=-1)
        other = np.linalg.norm(got[:, LEFT] - true[:, RIGHT], axis=-1)
        assert (same < other).mean() > 0.75
        right_way += np.median(np.linalg.norm(got - true, axis=-1))
        mirrored += np.median(np.linalg.norm(got * (-1, 1, 1) - true, axis=-1))
    assert right_way < 0.8 * mirrored


def test_anatomy_is_not_mirrored(seen: list[tuple[np.ndarray, np.ndarray]]) -> None:
    """Up x right shoulder points where the toes point: a mirror image would turn it around."""
    name = NTU25.joints.index
    for truth, found in seen:
        for joints in (truth, found[found.any(axis=(1, 2))]):
            up = joints[:, name("spine_shoulder")] - joints[:, name("spine_base")]
            right = joints[:, name("right_shoulder")] - joints[:, name("left_shoulder")]
            toes = joints[:, name("left_foot")] - joints[:, name("left_ankle")]
            toes = toes + joints[:, name("right_foot")] - joints[:, name("right_ankle")]
            forward = np.cross(up, right)
            assert ((forward * toes)[:, [0, 2]].sum(axis=1) > 0).mean() > 0.9


def test_two_people_keep_their_identities_while_apart(pose_weights: Path) -> None:
    """Two people of different actions, one of whom walks towards the other and back, a metre apart at least."""
    one, two = (VideoTake(action, number, fps=10).truth()[0] for action, number in (("clap", 3), ("hands on hips", 4)))
    frames = min(len(one), len(two))
    sway = 0.25 * np.sin(np.linspace(0, 2 * np.pi, frames))[:, None, None] * (1, 0, 0)
    joints = np.stack([one[:frames] - sway - (-0.75, 0, -0.2), two[:frames] + sway - (0.75, 0, -0.2)])
    looks = [Appearance.draw(np.random.default_rng(seed)) for seed in (1, 2)]
    found = watch(draw_people(joints, looks, PinholeCamera()), pose_weights)
    hips = convert_skeleton(found.to_sequence(), NTU25).joints[:, :, 0]  # (2, T, 3)
    assert found.num_people == 2
    assert (found.joints.any(axis=(2, 3)).mean(axis=1) >= 0.9).all()
    there = found.joints.any(axis=(2, 3)).all(axis=0)
    distance = np.abs(hips[:, None, there, 0] - joints[None, :, there, 0, 0])  # (found, true, T)
    assert len(set(distance.argmin(axis=1).ravel().tolist())) == 2
    for place in range(2):
        assert len(set(distance[place].argmin(axis=0).tolist())) == 1  # the same person in every frame


def test_a_photograph_agrees_with_the_reference(shared: Path, pose_weights: Path) -> None:
    """Landmarks of MediaPipe Pose 0.10.21 that are visible: 5 pixels and 2 cm."""
    data = pytest.importorskip("skimage.data", reason="scikit-image is not installed")
    file = shared / "pose" / "astronaut.json"
    if not file.is_file():
        pytest.skip(f"no reference landmarks at {file}")
    reference = json.loads(file.read_text())
    image, world = np.array(reference["image"]), np.array(reference["world"])
    photograph = data.astronaut()
    pose = PoseTracker(pose_weights, 1).push(photograph)[0]
    assert pose is not None
    visible = image[:, 3] > 0.5
    assert visible.sum() >= 13
    pixels = np.linalg.norm(pose.image[:, :2] - image[:, :2] * photograph.shape[1], axis=1)
    metres = np.linalg.norm(pose.world - world[:, :3], axis=1)
    assert pixels[visible].max() < 5
    assert metres.max() < 0.02
    assert np.abs(pose.visibility - image[:, 3]).max() < 0.05
