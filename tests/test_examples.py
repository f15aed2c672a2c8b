"""The scripts in examples/, each run on small generated data; plugin.py has a test of its own."""

from __future__ import annotations

import importlib.util
import io
import zipfile
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

import dualhead
from dualhead.skeleton import KINECT20
from dualhead.synthetic.videos import VideoTake
from tests.inference.builders import walk, write_checkpoint

EXAMPLES = Path(__file__).parents[1] / "examples"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> dualhead.Store:
    folder = tmp_path_factory.mktemp("examples")
    raw = dualhead.generate(folder / "raw", num_performers=4, num_actions=3, faults=False, quiet=True)
    dualhead.prepare("synthetic", raw, folder / "store", workers=1, quiet=True)
    return dualhead.open_store(folder / "store")


def test_the_five_examples_are_there_and_short() -> None:
    names = ["train_own_clips", "video_to_action", "live", "plugin", "evaluate_new_data_set"]
    for name in names:
        assert len((EXAMPLES / f"{name}.py").read_text(encoding="utf-8").splitlines()) <= 80


@pytest.mark.slow
def test_clips_of_ones_own_are_trained_on_and_named(
    store: dualhead.Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for row in range(len(store)):
        clip = store[row]
        name = store.classes[clip.label or 0].replace("/", " ")
        path = tmp_path / "clips" / name / f"person{clip.fields['subject']}_{clip.name}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savetxt(path, clip.joints[0].reshape(clip.num_frames, -1), delimiter=",", fmt="%.4f")
    example = load("train_own_clips")
    example.main([str(tmp_path / "clips"), str(tmp_path / "out"), "--recipe", "resample16", "--epochs", "1"])
    lines = capsys.readouterr().out.splitlines()
    predicted = [line for line in lines if line.endswith("%") and ".csv: " in line]
    assert len(predicted) == len(store) // 4  # one of four people tests
    assert all(line.split(".csv: ")[1].rsplit(" ", 1)[0] in store.classes for line in predicted)
    made = dualhead.open_store(tmp_path / "out" / "store")
    assert len(made) == len(store) and sorted(made.protocols) == ["people"]


def test_clips_of_too_few_people_are_refused(tmp_path: Path) -> None:
    (tmp_path / "clips" / "wave").mkdir(parents=True)
    (tmp_path / "clips" / "wave" / "anna_1.csv").write_text("0")
    with pytest.raises(SystemExit, match="1 people"):
        load("train_own_clips").main([str(tmp_path / "clips"), str(tmp_path / "out")])


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory, pose_weights: Path) -> Path:
    """A generated person who waves, and a checkpoint with random weights beside the video."""
    from dualhead.poses.video_file import encode_video

    folder = tmp_path_factory.mktemp("video")
    take = VideoTake("wave a hand", 1, fps=10, size=(320, 240))
    encode_video(take.pictures(), folder / "clip.mp4", fps=10)
    write_checkpoint(folder / "joint.safetensors", fps=10)
    return folder / "clip.mp4"


@pytest.mark.slow
def test_the_actions_in_a_video_are_named_and_drawn(
    video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint, out = str(video.with_name("joint.safetensors")), tmp_path / "seen.html"
    cut = ["--window", "1s", "--stride", "0.5s", "--threshold", "0"]
    load("video_to_action").main([checkpoint, str(video), str(out), *cut])
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == str(out) and "data:video/mp4;base64," in out.read_text(encoding="utf-8")
    assert any(" s  " in line and line.endswith("%") for line in lines[:-1])
    assert (tmp_path / "poses" / "clip.npz").is_file()


@pytest.mark.slow
def test_a_file_is_named_as_a_camera_would_be(video: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checkpoint = str(video.with_name("joint.safetensors"))
    load("live").main([checkpoint, str(video), "--window", "1s", "--stride", "0.5s"])
    lines = capsys.readouterr().out.splitlines()
    times = [float(line.split()[0]) for line in lines]
    assert len(times) >= 2 and times[0] == 1.0
    np.testing.assert_allclose(np.diff(times), 0.5, atol=0.051)


def test_a_new_data_set_is_classified_by_the_features_of_a_model(
    store: dualhead.Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = write_checkpoint(tmp_path / "joint.safetensors")
    torch.manual_seed(0)
    accuracy = load("evaluate_new_data_set").main([str(checkpoint), str(store.path), "xsub"])
    lines = capsys.readouterr().out.splitlines()
    _, test_rows = store.split("xsub")
    assert [line.rsplit(": ", 1)[0] for line in lines[:-1]] == [store.classes[label] for label in range(3)]
    assert lines[-1] == f"all {len(test_rows)} test clips: {accuracy:.1%}, by chance 33.3%"
    assert accuracy > 0.5  # random weights keep enough of the motion of three actions


def _msr_archive(path: Path) -> np.ndarray:
    joints = walk(0, frames=6)[0, :, :20]
    joints[2] = 0
    text = io.StringIO()
    np.savetxt(text, np.concatenate([joints, np.ones((6, 20, 1))], axis=2).reshape(-1, 4), fmt="%.6f")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data/files_used_in_cvpr12_paper.txt", "a02_s01_e01\na01_s02_e01\n")
        archive.writestr("data/a02_s01_e01_skeleton3D.txt", text.getvalue())
        archive.writestr("data/a01_s02_e01_skeleton3D.txt", text.getvalue())
    return joints


def test_msr_action3d_becomes_a_store_in_the_joint_order_of_nw_ucla(tmp_path: Path) -> None:
    joints = _msr_archive(tmp_path / "msr.zip")
    example = load("kinect_v1_sets")
    example.main(["msr-action3d", str(tmp_path / "msr.zip"), str(tmp_path / "msr")])
    dualhead.prepare("custom", tmp_path / "msr", tmp_path / "store", workers=1, quiet=True)
    store = dualhead.open_store(tmp_path / "store")
    assert store.names.tolist() == ["a01_s02_e01", "a02_s01_e01"] and store.labels.tolist() == [0, 1]
    assert store.skeleton == KINECT20 and store.classes[1] == "horizontal arm wave"
    train, test = store.split("xsub")
    assert (train.tolist(), test.tolist()) == ([1], [0])
    head = store[0].joints[0, :, KINECT20.joints.index("head")]
    np.testing.assert_allclose(head, joints[[0, 1, 3, 4, 5], 19], atol=1e-5)  # the frame without a person is left out
