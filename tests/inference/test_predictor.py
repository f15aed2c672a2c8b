from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dualhead.data.prepare import prepare
from dualhead.data.recipes import get_recipe
from dualhead.data.store import open_store
from dualhead.errors import CheckpointError, ConfigError, FormatError, MismatchError
from dualhead.evaluation.fusion import fuse
from dualhead.evaluation.scores import Scores, softmax
from dualhead.formats.ucla import ucla
from dualhead.inference.predictor import Predictor
from dualhead.models.checkpoint import load_checkpoint
from dualhead.sequence import SkeletonSequence
from dualhead.skeleton import KINECT20
from dualhead.training.evaluate import evaluate
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


def test_views_are_averaged_as_probabilities(folder: Path) -> None:
    path = write_checkpoint(folder / "views.safetensors", recipe="uniform16")
    result = Predictor.from_checkpoint(path).predict([sequence(1), sequence(2)], batch_size=12)[1]
    model, _ = load_checkpoint(path)
    with torch.no_grad():
        logits = model(torch.from_numpy(get_recipe("uniform16").clips(sequence(2), "joint"))).numpy()  # (10, 2, K)
    heads = softmax(logits).mean(axis=0)  # (2, K)
    np.testing.assert_allclose(result.heads["fine"], heads[0], rtol=1e-4)
    np.testing.assert_allclose(result.probabilities, softmax(np.log(heads).mean(axis=0)), rtol=1e-4)


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
    scores = evaluate(folder / "joint.safetensors", folder / "store", workers=0, device="cpu", progress=False)
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
    with pytest.raises(MismatchError, match="'clip' has 'kinect20' but the checkpoint was trained on 'ntu25'"):
        predictor.predict(other)


def test_a_coordinate_that_is_not_finite_is_refused(folder: Path) -> None:
    predictor = Predictor.from_checkpoint(folder / "joint.safetensors")
    joints = walk(1)
    joints[0, 3, 2, 1] = np.nan
    with pytest.raises(ConfigError, match="'clip' has a coordinate that is not finite"):
        predictor.predict(SkeletonSequence(joints, predictor.skeleton, name="clip"))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"dataset": "ntu120"}, r"dataset differs: 'ntu60' in .*joint\.safetensors but 'ntu120' in"),
        ({"protocol": "xview"}, "protocol differs: 'xsub' in"),
        ({"data_fingerprint": "bb"}, "data_fingerprint differs: 'aa' in"),
        ({"classes": ["a", "b"]}, "classes differs: 60 names in"),
        ({"skeleton": "kinect20"}, "skeleton differs: 'ntu25' in"),
    ],
)
def test_checkpoints_that_do_not_belong_together_are_refused(
    folder: Path, tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    other = write_checkpoint(tmp_path / "other.safetensors", "bone", **changes)
    with pytest.raises(MismatchError, match=words):
        Predictor.from_checkpoint([folder / "joint.safetensors", other])


def test_weights_of_another_checkpoint_are_refused(folder: Path, tmp_path: Path) -> None:
    files = [folder / "joint.safetensors", folder / "bone.safetensors"]
    names, labels, logits = np.array(["a"]), np.array([0]), np.zeros((1, 2, 60))
    scores = [
        Scores(names, labels, logits + number, ("fine", "coarse"), {**load_checkpoint(file)[1], "split": "test"})
        for number, file in enumerate(files)
    ]
    fuse(scores, out=tmp_path / "fused.npz")
    other = write_checkpoint(tmp_path / "other.safetensors", "bone", 2, epoch=9)
    with pytest.raises(MismatchError, match="epoch differs: 9 in the checkpoint of bone but 3 in"):
        Predictor.from_checkpoint([files[0], other], weights=tmp_path / "fused.npz")
    with pytest.raises(ConfigError, match="a weight for 'bone', not fused"):
        Predictor.from_checkpoint(files[0], weights=tmp_path / "fused.npz")
    scores[0].save(tmp_path / "single.npz")
    with pytest.raises(ConfigError, match="is no fusion"):
        Predictor.from_checkpoint(files, weights=tmp_path / "single.npz")


def test_what_cannot_be_loaded_is_one_sentence(folder: Path, tmp_path: Path) -> None:
    joint = folder / "joint.safetensors"
    with pytest.raises(MismatchError, match="given twice"):
        Predictor.from_checkpoint([joint, joint])
    with pytest.raises(ConfigError, match="0 checkpoints"):
        Predictor.from_checkpoint([])
    with pytest.raises(CheckpointError, match="does not say its recipe"):
        Predictor.from_checkpoint(write_checkpoint(tmp_path / "bare.safetensors", recipe=None))
    with pytest.raises(ConfigError, match="device 'gpu9' cannot be used"):
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
