from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dualhead.data.recipes.streams import STREAMS
from dualhead.inference.live import LiveStream
from dualhead.inference.prediction import Prediction
from dualhead.inference.predictor import Predictor
from dualhead.runtime.errors import ConfigError, MismatchError
from dualhead.sequence import SkeletonSequence
from dualhead.skeleton import COCO17, NTU25, OPENPOSE18
from tests.inference.builders import walk, write_checkpoint

CLASSES = ("wave", "nod")


def echo(window: int, stride: int) -> tuple[LiveStream, list[SkeletonSequence]]:
    """A stream over COCO joints, and the windows that it asked about."""
    asked: list[SkeletonSequence] = []

    def predict(sequence: SkeletonSequence) -> Prediction:
        asked.append(sequence)
        return Prediction(sequence.name, CLASSES, np.array([0.5, 0.5]))

    return LiveStream(predict, COCO17, window, stride, 10.0, {}), asked


def test_estimates_come_with_the_first_window_and_every_stride() -> None:
    stream, asked = echo(4, 3)
    seen = [stream.push(np.full((1, 17, 2), frame + 1)) for frame in range(11)]
    assert seen[:3] == [None] * 3
    spans = [None if item is None else (item.start, item.stop, item.share) for item in seen]
    # windows 0-4, 3-7, 6-10: between their middles 2, 5 and 8 the borders are 3.5 and 6.5, rounded down
    assert spans[3:] == [(0, 4, (0, 4))] * 3 + [(3, 7, (3, 7))] * 3 + [(6, 10, (6, 10))] * 2
    assert [item.joints[0, :, 0, 0].tolist() for item in asked] == [[1, 2, 3, 4], [4, 5, 6, 7], [7, 8, 9, 10]]
    assert stream.num_frames == 11


def test_no_more_than_a_window_is_kept() -> None:
    stream, _ = echo(4, 3)
    for _ in range(50):
        stream.push(np.ones((2, 17, 2)), np.ones((2, 17)))
    assert (len(stream._frames), len(stream._confidence)) == (4, 4)


def test_bodies_come_and_go() -> None:
    stream, asked = echo(3, 1)
    for bodies in (1, 2, 0):
        stream.push(np.ones((bodies, 17, 2)), np.full((bodies, 17), 0.5))
    assert asked[0].joints[:, :, 0, 0].tolist() == [[1, 1, 0], [0, 1, 0]]
    assert asked[0].confidence is not None
    assert asked[0].confidence[:, :, 3].tolist() == [[0.5, 0.5, 0], [0, 0.5, 0]]
    assert stream.estimate is not None
    for _ in range(3):
        stream.push(np.zeros((0, 17, 2)), np.zeros((0, 17)))
    assert stream.estimate is None


def test_a_frame_that_is_changed_later_does_not_change_the_past() -> None:
    stream, asked = echo(2, 1)
    frame = np.ones((1, 17, 2), np.float32)
    stream.push(frame)
    frame[:] = 7
    stream.push(frame)
    assert asked[0].joints[0, :, 0, 0].tolist() == [1, 7]


@pytest.mark.parametrize("recipe", ["resample16", "dualhead24", "uniform16"])
def test_the_estimate_is_the_batch_answer_on_the_same_window(tmp_path: Path, recipe: str) -> None:
    files = [
        write_checkpoint(tmp_path / f"{stream}.safetensors", stream, seed, recipe=recipe)
        for seed, stream in enumerate(STREAMS[:2])
    ]
    predictor = Predictor.from_checkpoint(files, device="cpu")
    joints = walk(3, 50, 2)
    joints[1, :20] = 0
    batch = {item.start: item for item in predictor.segments(SkeletonSequence(joints, NTU25), window=24, stride=6)}
    stream = predictor.stream(window=24, stride=6)
    count = 0
    for frame in range(50):
        estimate = stream.push(joints[:, frame])
        if estimate is None or estimate.stop != frame + 1:
            continue
        count += 1
        same = batch[estimate.start]
        assert (estimate.stop, estimate.fps) == (same.stop, 30)
        np.testing.assert_allclose(estimate.prediction.probabilities, same.prediction.probabilities, rtol=0, atol=1e-6)
        for head, values in same.prediction.heads.items():
            np.testing.assert_allclose(estimate.prediction.heads[head], values, rtol=0, atol=1e-6)
    assert count == 5


def test_people_in_later_places_are_seen_by_all_ways_alike(tmp_path: Path) -> None:
    predictor = Predictor.from_checkpoint(write_checkpoint(tmp_path / "a.safetensors", dataset="mine"), device="cpu")
    joints = np.zeros((4, 30, 25, 3), np.float32)
    joints[2:] = walk(3, 30, 2)
    stream = predictor.stream(window=30)
    estimate = [stream.push(joints[:, frame]) for frame in range(30)][-1]
    assert estimate is not None
    np.save(tmp_path / "clip.npy", joints)
    (segment,) = predictor.segments(SkeletonSequence(joints, NTU25), window=30)
    expected = predictor.predict(SkeletonSequence(joints[2:], NTU25)).probabilities
    by_file = predictor.predict(tmp_path / "clip.npy")
    assert isinstance(by_file, Prediction)
    in_memory = predictor.predict(SkeletonSequence(joints, NTU25))
    for found in (estimate.prediction, segment.prediction, in_memory, by_file):
        np.testing.assert_array_equal(found.probabilities, expected)


def test_frames_of_ones_own_pose_estimator(tmp_path: Path) -> None:
    """COCO key points in pixels for a model of OpenPose's joints in fractions."""
    path = write_checkpoint(
        tmp_path / "a.safetensors", dataset="kinetics", recipe="dualhead16", skeleton="openpose18", classes=["a", "b"]
    )
    predictor = Predictor.from_checkpoint(path, device="cpu")
    stream = predictor.stream(window="0.5s", fps=20, skeleton="coco17", image_size=(640, 480))
    assert (stream.window, stream.stride) == (10, 5)
    rng = np.random.default_rng(0)
    joints = rng.uniform(100, 400, (2, 10, 17, 2)).astype(np.float32)
    scores = rng.uniform(0.1, 1, (2, 10, 17)).astype(np.float32)
    for frame in range(10):
        estimate = stream.push(joints[:, frame], scores[:, frame])
    assert estimate is not None
    whole = SkeletonSequence(joints, COCO17, "a", None, scores, {"width": 640, "height": 480})
    expected = predictor.predict(whole)
    np.testing.assert_allclose(estimate.prediction.probabilities, expected.probabilities, rtol=0, atol=1e-6)
    assert predictor.skeleton == OPENPOSE18


def test_what_is_no_frame_is_refused(tmp_path: Path) -> None:
    stream, _ = echo(3, 1)
    with pytest.raises(ConfigError, match=r"a frame of shape \(17, 2\): skeleton 'coco17' needs \(M, 17, 2\)"):
        stream.push(np.ones((17, 2)))
    with pytest.raises(ConfigError, match=r"confidence of shape \(1, 16\): these joints need \(1, 17\)"):
        stream.push(np.ones((1, 17, 2)), np.ones((1, 16)))
    for wrong in ([[1, 2], [3]], "a", [[{}]]):
        with pytest.raises(ConfigError, match="a frame is not an array of numbers"):
            stream.push(wrong)
    with pytest.raises(ConfigError, match="confidence is not an array of numbers"):
        stream.push(np.ones((1, 17, 2)), "a")
    with pytest.raises(ConfigError, match="not finite"):
        stream.push(np.full((1, 17, 2), np.nan))
    stream.push(np.ones((1, 17, 2)))
    with pytest.raises(ConfigError, match="some frames have a confidence"):
        stream.push(np.ones((1, 17, 2)), np.ones((1, 17)))
    assert stream.num_frames == 1
    predictor = Predictor.from_checkpoint(write_checkpoint(tmp_path / "a.safetensors", dataset="mine"))
    with pytest.raises(MismatchError, match=r"'coco17'.*'ntu25'"):
        predictor.stream(window=3, skeleton="coco17")
    with pytest.raises(ConfigError, match="the frame rate is not known"):
        predictor.stream(window="3s")
