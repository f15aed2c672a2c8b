from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from dualhead.data.prepare.prepare import prepare
from dualhead.data.recipes.recipes import get_recipe
from dualhead.data.store.store import open_store
from dualhead.evaluation.fusion import fuse
from dualhead.evaluation.scores import Scores, softmax
from dualhead.formats.ucla import ucla
from dualhead.inference.evaluate import evaluate
from dualhead.inference.predictor import Predictor
from dualhead.inference.segments import merge_segments
from dualhead.models.checkpoint import load_checkpoint
from dualhead.runtime.errors import CheckpointError, ConfigError, FormatError, MismatchError
from dualhead.sequence import SkeletonSequence
from dualhead.skeleton import KINECT20, NTU25, OPENPOSE18
from tests.inference.builders import CLASSES, sequence, walk, write_checkpoint, write_recordings


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checkpoints of two streams, raw recordings and their store."""
    path = tmp_path_factory.mktemp("inference")
    write_checkpoint(path / "joint.safetensors", "joint", 1)
    write_checkpoint(path / "bone.safetensors", "bone", 2)
    write_recordings(path / "raw")
    prepare("ntu60", path / "raw", path / "store", workers=1, quiet=True)
    return path


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def by_hand(checkpoint: Path, recording: SkeletonSequence) -> np.ndarray:
    """Logits `(H, K)` of one recording, without the predictor."""
    model, provenance = load_checkpoint(checkpoint)
    clip = get_recipe(provenance["recipe"]).clip(recording, provenance["stream"])
    with torch.no_grad():
        return model(torch.from_numpy(clip)[None])[0].numpy()


def test_probabilities_are_those_of_the_model_on_the_recipes_clip(folder: Path) -> None:
    logits = by_hand(folder / "joint.safetensors", sequence(5))
    result = Predictor.from_checkpoint(folder / "joint.safetensors").predict(sequence(5))
    np.testing.assert_allclose(result.probabilities, softmax(logits.mean(axis=0)), rtol=1e-5)
    np.testing.assert_allclose(result.heads["fine"], softmax(logits[0]), rtol=1e-5)
    np.testing.assert_allclose(result.heads["coarse"], softmax(logits[1]), rtol=1e-5)
    assert list(result.streams) == ["joint"]
    assert (result.name, result.classes, result.label) == ("walk5", CLASSES, None)
    assert result.probabilities.sum() == pytest.approx(1)
    assert result.top(1)[0].name == CLASSES[logits.mean(axis=0).argmax()]


def test_an_array_is_predicted_as_the_recording_of_its_skeleton(folder: Path) -> None:
    predictor = Predictor.from_checkpoint(folder / "joint.safetensors")
    expected = predictor.predict(sequence(5)).probabilities
    joints = walk(5).astype(np.float64)
    for found in (predictor.predict(joints, skeleton="ntu25"), predictor.predict(joints[0]), predictor.predict(joints)):
        np.testing.assert_allclose(found.probabilities, expected, rtol=1e-5)
    with pytest.raises(ConfigError, match=r"\(1, 20, 25, 3\).*17"):
        predictor.predict(joints, skeleton="coco17")
    with pytest.raises(MismatchError, match="coco17"):
        predictor.predict(np.ones((1, 9, 17, 2)), skeleton="coco17")


def test_the_skeleton_of_an_array_file_may_be_named(folder: Path, tmp_path: Path) -> None:
    predictor = Predictor.from_checkpoint(folder / "joint.safetensors")
    np.save(tmp_path / "clip.npy", walk(5))
    found = predictor.predict(tmp_path / "clip.npy", skeleton="ntu25")
    np.testing.assert_allclose(found.probabilities, predictor.predict(sequence(5)).probabilities, rtol=1e-6)  # type: ignore[union-attr]
    with pytest.raises(ConfigError, match="reader"):
        predictor.predict(tmp_path / "clip.npy", skeleton="ntu25", reader=predictor.make_reader())
    with pytest.raises(ConfigError, match="coco17"):
        predictor.predict(sequence(5), skeleton="coco17")


def test_streams_are_fused_as_score_files_are(folder: Path) -> None:
    recordings = [sequence(number, label=number % 3) for number in range(4)]
    files = [folder / "joint.safetensors", folder / "bone.safetensors"]
    scores = []
    for file in files:
        logits = np.stack([by_hand(file, item) for item in recordings])
        provenance = {**load_checkpoint(file)[1], "split": "test"}
        names, labels = np.array([item.name for item in recordings]), np.array([0, 1, 2, 0])
        scores.append(Scores(names, labels, logits, ("fine", "coarse"), provenance))
    for method in ("logits", "softmax"):
        fused = fuse(scores, [3, 1], method=method, out=folder / f"{method}.npz").scores
        given = Predictor.from_checkpoint(files, weights=[3, 1], method=method)  # type: ignore[arg-type]
        found = Predictor.from_checkpoint(files[::-1], weights=folder / f"{method}.npz")
        assert found.method == method
        assert found.weights.tolist() == [0.25, 0.75]
        for predictor in (given, found):
            results = predictor.predict(recordings)
            got = np.stack([item.probabilities for item in results])
            np.testing.assert_allclose(got, fused.probabilities, rtol=1e-4, atol=1e-7)
            assert set(results[0].streams) == {"joint", "bone"}


def test_the_batch_does_not_matter(folder: Path) -> None:
    predictor = Predictor.from_checkpoint(folder / "joint.safetensors")
    recordings = [sequence(number) for number in range(5)]
    together = predictor.predict(recordings)
    assert [item.name for item in together] == [item.name for item in recordings]
    for one, other in zip(together, predictor.predict(recordings, batch_size=2), strict=True):
        np.testing.assert_allclose(one.probabilities, other.probabilities, rtol=1e-4)


def test_files_folders_and_stores_give_the_same(folder: Path) -> None:
    predictor = Predictor.from_checkpoint(folder / "joint.safetensors")
    from_store = predictor.predict(folder / "store")
    from_folder = predictor.predict(str(folder / "raw"))
    assert isinstance(from_store, list)
    assert isinstance(from_folder, list)
    assert [item.name for item in from_store] == open_store(folder / "store").names.tolist()
    assert [item.label for item in from_store] == [0, 1, 2, 0, 1, 2]
    for one, other in zip(from_store, from_folder, strict=True):
        np.testing.assert_allclose(one.probabilities, other.probabilities, rtol=1e-6)
    one_file = predictor.predict(sorted((folder / "raw").iterdir())[4])
    assert not isinstance(one_file, list)
    np.testing.assert_allclose(one_file.probabilities, from_store[4].probabilities, rtol=1e-4)


def test_a_store_is_scored_as_evaluate_does(folder: Path) -> None:
    scores = evaluate(folder / "joint.safetensors", folder / "store", workers=0, device="cpu", quiet=True)
    results = Predictor.from_checkpoint(folder / "joint.safetensors", device="cpu").predict(folder / "store")
    assert isinstance(results, list)
    ours = {item.name: item.probabilities for item in results}
    assert scores.names.tolist() == [f"S001C001P003R001A00{action}" for action in (1, 2, 3)]
    for name, probabilities in zip(scores.names.tolist(), scores.probabilities, strict=True):
        np.testing.assert_allclose(ours[name], probabilities, rtol=1e-4)


def test_the_recipe_and_skeleton_of_another_data_set(tmp_path: Path) -> None:
    path = write_checkpoint(
        tmp_path / "ucla.safetensors", dataset="ucla", protocol="xview", recipe="ucla16", skeleton="kinect20",
        classes=list(ucla().classes), num_bodies=1,
    )  # fmt: skip
    joints = walk(4, 12)[0, :, :20]  # (T, 20, 3)
    file = tmp_path / "a05_s01_e02_v03.json"
    file.write_text(json.dumps({"file_name": file.stem, "skeletons": joints.astype(float).tolist(), "label": 5}))
    result = Predictor.from_checkpoint(path).predict(file)
    assert not isinstance(result, list)
    recording = SkeletonSequence(joints[None], KINECT20)
    logits = by_hand(path, recording)
    np.testing.assert_allclose(result.probabilities, softmax(logits.mean(axis=0)), rtol=1e-5)
    assert result.label == 4
    assert result.classes[result.label] == "sit down"


def test_a_recording_of_another_skeleton_is_refused_by_name(folder: Path) -> None:
    predictor = Predictor.from_checkpoint(folder / "joint.safetensors")
    other = SkeletonSequence(np.zeros((1, 3, 20, 3), np.float32), KINECT20, name="clip")
    with pytest.raises(MismatchError, match=r"'clip'.*'kinect20'.*'ntu25'"):
        predictor.predict(other)


def test_a_recording_of_another_skeleton_is_converted_where_there_is_a_map(tmp_path: Path) -> None:
    path = write_checkpoint(
        tmp_path / "ucla.safetensors", dataset="ucla", recipe="ucla16", skeleton="kinect20", num_bodies=1,
        classes=list(ucla().classes),
    )  # fmt: skip
    recording = sequence(3, label=2)
    result = Predictor.from_checkpoint(path).predict(recording)
    named = [recording.joints[:, :, joint] for joint in (0, 1, 20, *range(3, 20))]  # Kinect v1 by hand
    logits = by_hand(path, SkeletonSequence(np.stack(named, axis=2), KINECT20))
    np.testing.assert_allclose(result.probabilities, softmax(logits.mean(axis=0)), rtol=1e-5)
    assert result.label is None  # a label of other data stands for another class


def test_segments_are_the_predictions_of_their_windows(folder: Path) -> None:
    predictor = Predictor.from_checkpoint(folder / "joint.safetensors")
    joints = walk(7, 50, 2)
    joints[1, :25] = 0
    recording = SkeletonSequence(joints, predictor.skeleton, "long")
    found = list(predictor.segments(recording, window=20, stride=15, each_body=True, batch_size=2))
    assert [(item.start, item.stop, item.share, item.body) for item in found] == [
        (0, 20, (0, 17), None), (0, 20, (0, 17), 0),
        (15, 35, (17, 32), None), (15, 35, (17, 32), 0), (15, 35, (17, 32), 1),
        (30, 50, (32, 50), None), (30, 50, (32, 50), 0), (30, 50, (32, 50), 1),
    ]  # fmt: skip
    for item in found:
        bodies = slice(None) if item.body is None else slice(item.body, item.body + 1)
        part = SkeletonSequence(joints[bodies, item.start : item.stop], predictor.skeleton)
        np.testing.assert_allclose(item.prediction.probabilities, predictor.predict(part).probabilities, atol=1e-6)
    assert {item.fps for item in found} == {30.0}
    again = predictor.segments([recording], window="20", stride="0.5s", fps=30)
    assert [item.start for item in again] == [0, 15, 30]


def test_segments_need_no_more_memory_for_a_longer_recording(folder: Path) -> None:
    """Windows are cut and computed one batch at a time: the first comes before the second batch is looked at."""
    predictor = Predictor.from_checkpoint(folder / "joint.safetensors")

    def recordings() -> Iterator[SkeletonSequence]:
        yield SkeletonSequence(walk(7, 64), predictor.skeleton, "long")
        raise AssertionError("looked too far ahead")

    segments = predictor.segments(recordings(), window=16, stride=16, batch_size=2)  # type: ignore[arg-type]
    assert [next(segments).start for _ in range(4)] == [0, 16, 32, 48]


def test_openpose_people_for_a_model_of_kinetics(tmp_path: Path) -> None:
    """Two people of BODY_25 in pixels, in an order that changes: together, and each alone."""
    path = write_checkpoint(
        tmp_path / "k.safetensors", dataset="kinetics", recipe="dualhead16", skeleton="openpose18", classes=["a", "b"],
        body_selection="score",
    )  # fmt: skip
    frames = tmp_path / "frames"
    frames.mkdir()
    rng = np.random.default_rng(0)
    shape = rng.uniform(-80, 80, (2, 25, 2))
    places = np.array([[160, 240], [480, 240]])
    poses = np.concatenate([shape + places[:, None], np.array([[[0.9]] * 25, [[0.8]] * 25])], axis=-1)  # (2, 25, 3)
    for frame in range(12):
        order = (0, 1) if frame % 2 else (1, 0)
        people = [{"pose_keypoints_2d": poses[body].ravel().tolist()} for body in order]
        (frames / f"v_{frame:012d}_keypoints.json").write_text(json.dumps({"people": people}))
    predictor = Predictor.from_checkpoint(path)
    reader = predictor.make_reader(image_size=(640, 480))
    (found,) = predictor.predict(frames, reader=reader)
    kept = [*range(8), *range(9, 19)]  # without the middle of the hips, toes and heels
    joints = np.repeat(poses[:, None, kept, :2], 12, axis=1).astype(np.float32)
    confidence = np.repeat(poses[:, None, kept, 2], 12, axis=1).astype(np.float32)
    fields = {"width": 640, "height": 480}
    expected = predictor.predict(SkeletonSequence(joints, predictor.skeleton, "", None, confidence, fields))
    np.testing.assert_allclose(found.probabilities, expected.probabilities, rtol=1e-5)
    each = predictor.make_reader(image_size=(640, 480), each_body=True)
    segments = list(predictor.segments(frames, window=12, each_body=True, reader=each))
    assert [item.body for item in segments] == [None, 0, 1]
    for body in (0, 1):
        alone = SkeletonSequence(joints[[body]], predictor.skeleton, "", None, confidence[[body]], fields)
        np.testing.assert_allclose(
            segments[body + 1].prediction.probabilities, predictor.predict(alone).probabilities, rtol=1e-5
        )


def test_a_coordinate_that_is_not_finite_is_refused(folder: Path) -> None:
    predictor = Predictor.from_checkpoint(folder / "joint.safetensors")
    joints = walk(1)
    joints[0, 3, 2, 1] = np.nan
    with pytest.raises(ConfigError, match="'clip'"):
        predictor.predict(SkeletonSequence(joints, predictor.skeleton, name="clip"))


def test_what_cannot_be_loaded_is_one_sentence(folder: Path, tmp_path: Path) -> None:
    joint = folder / "joint.safetensors"
    with pytest.raises(MismatchError, match="given twice"):
        Predictor.from_checkpoint([joint, joint])
    with pytest.raises(ConfigError, match="0 checkpoints"):
        Predictor.from_checkpoint([])
    with pytest.raises(CheckpointError, match="does not record its recipe"):
        Predictor.from_checkpoint(write_checkpoint(tmp_path / "bare.safetensors", recipe=None))
    with pytest.raises(ConfigError, match="'gpu9'"):
        Predictor.from_checkpoint(joint, device="gpu9")
    with pytest.raises(ConfigError, match="unknown method"):
        Predictor.from_checkpoint(joint, method="sum")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="batch_size is 0"):
        Predictor.from_checkpoint(joint).predict([sequence(1)], batch_size=0)
    with pytest.raises(FormatError, match="no such file"):
        Predictor.from_checkpoint(joint).predict(tmp_path / "none.skeleton")


def test_prediction_does_not_load_the_trainer() -> None:
    code = "import sys, dualhead.inference.predict; print([m for m in ('lightning', 'matplotlib') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_recordings_of_one_name_stay_apart_over_time(tmp_path: Path) -> None:
    """The second begins with nobody, so that its first window is no earlier than the last of the first."""
    predictor = Predictor.from_checkpoint(write_checkpoint(tmp_path / "joint.safetensors"), device="cpu")
    one = walk(1, 10)
    other = np.concatenate([np.zeros_like(one), one], axis=1)
    recordings = [SkeletonSequence(joints, NTU25, "dup") for joints in (one, other)]
    segments = list(predictor.segments(recordings, window=10, stride=10))
    assert [(item.recording, item.start) for item in segments] == [(0, 0), (1, 10)]
    assert [(item.start, item.stop) for item in merge_segments(segments)] == [(0, 10), (10, 20)]


def test_seconds_are_those_of_each_recording(tmp_path: Path) -> None:
    predictor = Predictor.from_checkpoint(write_checkpoint(tmp_path / "joint.safetensors"))
    recordings = [sequence(1, fps=10.0, name="slow"), sequence(2, name="usual"), sequence(3, fps=20.0, name="fast")]
    found = {item.name: (item.stop - item.start, item.fps) for item in predictor.segments(recordings, window="0.5s")}
    assert found == {"slow": (5, 10.0), "usual": (15, 30.0), "fast": (10, 20.0)}
    told = {item.name: item.fps for item in predictor.segments(recordings, window="0.5s", fps=25)}
    assert set(told.values()) == {25}


def test_what_a_checkpoint_says_of_its_data_is_compared(tmp_path: Path) -> None:
    path = write_checkpoint(tmp_path / "joint.safetensors", body_extent=1.5, fps=25.0, dataset="custom")
    predictor = Predictor.from_checkpoint(path)
    assert (predictor.body_extent, predictor.fps) == (1.5, 25.0)
    assert predictor.make_reader(unit="mm").extent == 1.5
    old = Predictor.from_checkpoint(write_checkpoint(tmp_path / "old.safetensors"))
    assert (old.body_extent, old.fps) == (None, 30.0)


def test_a_joint_at_zero_has_no_confidence_whoever_made_the_recording(tmp_path: Path) -> None:
    path = write_checkpoint(tmp_path / "flat.safetensors", skeleton="openpose18", recipe="dualhead16", dataset="custom")
    predictor = Predictor.from_checkpoint(path)
    joints = np.random.default_rng(0).uniform(0.2, 0.8, (1, 16, 18, 2)).astype(np.float32)
    joints[:, :, 4:8] = 0
    scores = np.full((1, 16, 18), 0.5, np.float32)
    right = np.where(joints.any(axis=3), scores, 0)
    answers = [
        predictor.predict(SkeletonSequence(joints, OPENPOSE18, confidence=given)).probabilities
        for given in (scores, right)
    ]
    np.testing.assert_allclose(*answers, atol=1e-6)


@pytest.mark.parametrize("shape", [(0, 5, 25, 3), (1, 0, 25, 3), (2, 4, 25, 3)])
def test_a_recording_of_nobody_is_refused_in_memory_as_from_a_file(folder: Path, shape: tuple[int, ...]) -> None:
    predictor = Predictor.from_checkpoint(folder / "joint.safetensors", device="cpu")
    with pytest.raises(ConfigError, match=r"'empty' .* frames"):
        predictor.predict(SkeletonSequence(np.zeros(shape, np.float32), NTU25, name="empty"))
