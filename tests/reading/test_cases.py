"""Inputs that people really have: each answers rightly, or with a sentence that says what was found.

The files lie in the shared data (`cases`); hand-made equivalents of each kind are in the tests of its parser.
"""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dualhead.cli import main
from dualhead.data.frames import join_frames
from dualhead.data.prepare.prepare import prepare
from dualhead.data.reader import Reader, Rejection
from dualhead.data.store.store import open_store
from dualhead.formats.source import load_class_names
from dualhead.inference.live import LiveStream
from dualhead.inference.predictor import Predictor
from dualhead.inspection.file_story import explain_file
from dualhead.runtime.errors import FormatError, StoreError
from dualhead.sequence import SkeletonSequence
from dualhead.skeleton import COCO17, NTU25, OPENPOSE18
from dualhead.skeleton_maps import convert_skeleton
from tests.inference.builders import write_checkpoint

IMAGE = (1280, 720)
NTU_CLASSES = load_class_names("ntu120")
METRES = 1.45
"""The median body extent of a checkpoint trained on generated people in metres."""


@pytest.fixture(scope="session")
def cases(shared: Path) -> Path:
    if not (shared / "cases").is_dir():
        pytest.skip(f"no cases in {shared}")
    return shared / "cases"


def read(path: Path, **options: Any) -> tuple[list[SkeletonSequence], list[str], list[str]]:
    """Read recordings; what was left out and what was noted come with them."""
    rejected: list[str] = []
    notes: list[str] = []
    told: Rejection = lambda error: rejected.append(str(error))  # noqa: E731
    found = list(Reader(**options).read(path, told, on_note=lambda _, note: notes.append(note)))
    return found, rejected, notes


def one(path: Path, **options: Any) -> SkeletonSequence:
    (found,) = read(path, **options)[0]
    return found


def same(first: SkeletonSequence, second: SkeletonSequence, atol: float = 0) -> None:
    np.testing.assert_allclose(first.joints, second.joints, atol=atol)
    assert (first.confidence is None) == (second.confidence is None)
    if first.confidence is not None and second.confidence is not None:
        np.testing.assert_allclose(first.confidence, second.confidence, atol=atol)


def test_01_units_are_refused_or_converted(cases: Path) -> None:
    folder = cases / "01-azure-kinect-units"
    expected = one(folder / "m.npy", usual=NTU25, extent=METRES)
    for unit, tall in (("mm", 1116), ("cm", 111.6)):
        with pytest.raises(FormatError) as caught:
            read(folder / f"{unit}.npy", usual=NTU25, extent=METRES)
        assert f"{tall:g} units" in caught.value.reason
        assert f"{METRES:g} metres" in caught.value.reason
        assert f"--unit {unit}" in caught.value.reason
        same(one(folder / f"{unit}.npy", usual=NTU25, extent=METRES, unit=unit), expected, atol=1e-5)
        assert any(f"{tall:g} units" in note for note in explain_file(folder / f"{unit}.npy", NTU25).notes)
    (down,), _, notes = read(folder / "ydown.npy", usual=NTU25, extent=METRES)
    np.testing.assert_allclose(down.joints, expected.joints * [1, -1, 1], atol=1e-6)
    assert any("y points down" in note for note in notes)
    assert explain_file(folder / "m.npy", NTU25).extent == pytest.approx(1.116, abs=1e-3)


def test_01_from_the_command_line(cases: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    joint = str(write_checkpoint(tmp_path / "joint.safetensors", body_extent=METRES))
    folder = cases / "01-azure-kinect-units"
    assert main(["predict", joint, str(folder / "mm.npy")]) == 1
    assert "--unit mm" in capsys.readouterr().err
    answers = []
    for words in ([str(folder / "m.npy")], [str(folder / "mm.npy"), "--unit", "mm"]):
        assert main(["predict", joint, *words]) == 0
        answers.append(capsys.readouterr().out.split('"probability": ')[1][:6])
    assert answers[0] == answers[1]
    assert main(["predict", joint, str(folder)]) == 0
    said = capsys.readouterr()
    assert (said.out.count("\n"), said.err.count("left out")) == (2, 2)
    assert main(["predict", joint, str(folder), "--strict"]) == 1
    assert capsys.readouterr().out.count("\n") == 2


def test_02_and_03_a_third_number_is_no_guess(cases: Path) -> None:
    with pytest.raises(FormatError, match=r"0\.87.*0\.87"):
        read(cases / "02-body25-array-as-kinect" / "body25.npy", usual=NTU25)
    with pytest.raises(FormatError, match=r"-0\.6564.*0\.6515"):
        read(cases / "03-h36m-3d-as-coco17" / "out_3d.npy", usual=COCO17)


def test_04_what_lies_at_zero_is_absent(cases: Path) -> None:
    folder = cases / "04-zero-joint-with-score"
    scored, unscored = (
        one(folder / f"zero_{name}.npy", skeleton="coco17", image_size=IMAGE) for name in ("scored", "unscored")
    )
    same(scored, unscored)
    frames = np.load(folder / "zero_scored.npy")[:, None]
    joined = join_frames(frames, "coco17", image_size=IMAGE)
    same(joined, unscored, atol=1e-6)


@pytest.mark.parametrize("name", ["results", "coco_results", "tracked"])
def test_05_results_of_pose_programs(cases: Path, name: str) -> None:
    found = one(cases / "05-alphapose-results" / f"{name}.json", image_size=IMAGE)
    assert (found.num_bodies, found.num_frames, found.skeleton) == (2, 40, COCO17)
    empty = ~found.joints.any(axis=(0, 2, 3))
    assert np.flatnonzero(empty).tolist() == [12, 13, 14, 15, 16, 17]
    # in the order of their numbers nobody moves far from frame to frame
    seen = found.joints.any(axis=(2, 3))
    steps = np.abs(np.diff(found.joints, axis=1))[seen[:, 1:] & seen[:, :-1]]
    assert steps.max() < 60


def test_06_to_predict_no_label_is_needed(cases: Path) -> None:
    folder = cases / "06-pyskl-pickle-to-predict"
    plain = one(folder / "plain.pkl", classes=("a", "b"))
    for name in ("minus1", "nolabel", "noname", "single"):
        found = one(folder / f"{name}.pkl", classes=("a", "b"))
        same(found, plain)
        assert found.label is None
        assert found.name == ("noname" if name == "noname" else "clip_a")
    fractions = one(folder / "noshape.pkl")
    np.testing.assert_allclose(fractions.joints * IMAGE, plain.joints, atol=1)


def test_09_and_11_sensors(cases: Path) -> None:
    log = one(cases / "09-mediapipe-csv" / "log.csv")
    assert log.num_frames == 40
    assert np.flatnonzero(~log.joints.any(axis=(0, 2, 3))).tolist() == [9, 10]
    assert log.confidence is not None
    assert log.confidence.max() == pytest.approx(0.97)
    assert log.fps == pytest.approx(30, rel=0.01)
    same_joints = one(cases / "09-mediapipe-csv" / "xy.npy", skeleton=str(cases / "09-mediapipe-csv/mediapipe33.yaml"))
    assert convert_skeleton(same_joints, OPENPOSE18).joints.shape == (1, 40, 18, 2)
    session = one(cases / "11-azure-kinect-json" / "session.json")
    assert (session.num_bodies, session.num_frames) == (1, 20)
    assert np.flatnonzero(~session.joints.any(axis=(0, 2, 3))).tolist() == [7]
    head, foot = (session.skeleton.joints.index(joint) for joint in ("head", "left_foot"))
    height = session.joints[0, 0, head, 1] - session.joints[0, 0, foot, 1]
    assert 0.5 < height < 2.2
    assert convert_skeleton(session, NTU25).joints.shape == (1, 20, 25, 3)


def test_12_variants_of_openpose(cases: Path) -> None:
    folder = cases / "12-openpose-variants"
    shapes = {}
    for name in ("gaps", "hands", "listed", "old", "thrice"):
        (found,), _, notes = read(folder / name, image_size=IMAGE)
        shapes[name] = found.joints.shape[:3]
        assert ("hands are left out, only the body is read" in notes) == (name == "hands")
    assert shapes == {
        "gaps": (1, 20, 25), "hands": (1, 8, 25), "listed": (1, 8, 18), "old": (1, 8, 18), "thrice": (1, 8, 18),
    }  # fmt: skip
    _, rejected, _ = read(folder / "faceonly", image_size=IMAGE)
    assert "no body key points, only face" in rejected[0]


def test_18_intervals_are_clips(cases: Path, tmp_path: Path) -> None:
    folder = cases / "18-intervals" / "set"
    prepare("custom", folder, tmp_path / "store", workers=1, quiet=True)
    store = open_store(tmp_path / "store")
    assert [store.classes[label] for label in store.labels] == ["clap", "wave", "stand up", "clap", "wave"]
    assert store.frames.tolist() == [40] * 5
    np.testing.assert_allclose(store[1].joints[0], np.load(folder / "clips" / "day1.npy")[40:80])
    assert [rows.tolist() for rows in store.split("p")] == [[0, 1, 2], [3, 4]]


def test_20_kinetics_in_pixels_and_without_a_label(cases: Path) -> None:
    folder = cases / "20-kinetics-frame-index"
    zero = one(folder / "zero.json")
    pixels = one(folder / "pixels.json", image_size=IMAGE)
    seen = pixels.joints[:, 1:]  # its frames count from 1
    np.testing.assert_allclose(seen / IMAGE, zero.joints, atol=1e-3)
    found, rejected, _ = read(folder)
    assert [item.name for item in found] == ["gap", "nolabel", "nullscore", "zero"]
    assert sorted(Path(line.split(": ")[0]).name for line in rejected) == ["pixels.json", "twice.json"]
    assert one(folder / "nolabel.json").label is None


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("X3D.npz", ("'reconstruction' (40, 17, 3)",)),
        ("amass_walk_poses.npz", ("angles", "not joint positions")),
        ("data_3d_h36m.npz", ("positions_3d",)),
        ("results.npy", ("'motion'", "'text'", "'lengths'")),
    ],
)
def test_22_what_an_npz_holds_is_said(cases: Path, name: str, words: tuple[str, ...]) -> None:
    with pytest.raises(FormatError) as caught:
        read(cases / "22-npz-of-others" / name, usual=NTU25)
    assert all(word in caught.value.reason for word in words)


def test_23_truth_goes_by_name(cases: Path) -> None:
    folder = cases / "23-foreign-ntu-name"
    for name in ("S001C001P001R001A002.skeleton", "own_label.json"):
        assert one(folder / name, classes=("walk", "sit", "jump")).label is None
    assert one(folder / "S001C001P001R001A002.skeleton", classes=("walk", NTU_CLASSES[1])).label == 1


def test_24_fractions_with_a_size(cases: Path, tmp_path: Path) -> None:
    folder = cases / "24-fractions-with-size"
    assert "fractions of the image already" in read(folder / "frac.pkl")[1][0]
    right = one(folder / "right.pkl")
    assert right.fields == {"height": 720, "width": 1280}
    _, _, notes = read(folder / "whshape.pkl")
    assert any("outside the image of 720 x 1280" in note for note in notes)
    with pytest.raises(StoreError, match="fractions of the image already"):
        prepare("custom", folder / "set", tmp_path / "store", workers=1, quiet=True)


def test_26_what_stands_around_the_numbers(cases: Path) -> None:
    folder = cases / "26-numbered-header"
    bare = one(folder / "bare.csv", skeleton="coco17")
    for name in ("numbers", "class", "index"):
        (found,), _, notes = read(folder / f"{name}.csv", skeleton="coco17", classes=("sofa", "chair"))
        same(found, bare, atol=1e-6)
        assert notes
        assert found.label == (1 if name == "class" else None)
    single = one(folder / "one_scored.csv", skeleton="coco17")
    (both,), _, notes = read(folder / "two_scored.csv", skeleton="coco17")
    assert (both.num_bodies, both.num_frames) == (2, 20)
    np.testing.assert_allclose(both.joints[0], single.joints[0], atol=1e-6)
    assert both.confidence is not None
    assert float(both.confidence.min()) == pytest.approx(0.9)
    assert "2 bodies with a confidence" in notes[0]


def test_28_the_order_of_axes(cases: Path) -> None:
    folder = cases / "28-axis-order"
    expected = one(folder / "mtvc.npy", usual=NTU25)
    assert expected.joints.shape == (2, 30, 25, 3)
    for name, is_noted in (("tmvc", True), ("flat", False), ("ctvm", True)):
        (found,), _, notes = read(folder / f"{name}.npy", usual=NTU25)
        same(found, expected)
        assert bool(notes) == is_noted
    same(one(folder / "tmvc.npy", usual=NTU25, axes="TMVC"), expected)
    assert read(folder / "z0.npy", usual=NTU25)[2] == ["every z is 0: are these 2D coordinates?"]


def test_31_pickles_made_by_hand(cases: Path, tmp_path: Path) -> None:
    folder = cases / "31-pyskl-made-by-hand"
    lists = one(folder / "lists.pkl")
    for name in ("nom", "three", "padded", "multilabel"):
        same(one(folder / f"{name}.pkl"), lists, atol=1e-3)
    assert one(folder / "multilabel.pkl").label is None
    assert len(read(folder / "all.pkl")[0]) == 6
    prepare("pyskl", folder / "ending.pkl", tmp_path / "store", workers=1, quiet=True)
    store = open_store(tmp_path / "store")
    assert [len(rows) for rows in store.split("official")] == [3, 3]


def test_32_none_is_nobody(cases: Path) -> None:
    estimates = list(runpy.run_path(str(cases / "32-none-for-nobody" / "poses.py"))["estimates"]())
    found = join_frames(estimates, "coco17", image_size=IMAGE)
    assert (found.num_bodies, found.num_frames) == (1, 30)
    assert np.flatnonzero(~found.joints.any(axis=(0, 2, 3))).tolist() == [0, 5, 10, 15, 20, 25]
    for nobody in ([], np.zeros((0, 17, 3))):
        again = join_frames([nobody if frame is None else frame for frame in estimates], "coco17", image_size=IMAGE)
        same(again, found)


def test_32_none_is_nobody_in_a_stream(tmp_path: Path) -> None:
    predictor = Predictor.from_checkpoint(write_checkpoint(tmp_path / "joint.safetensors"))
    rng = np.random.default_rng(0)
    frames = rng.normal(size=(16, 1, 25, 3)).astype(np.float32)
    answers = []
    for nobody in (None, [], np.zeros((0, 25, 3)), np.zeros((1, 25, 3))):
        stream: LiveStream = predictor.stream(window=16)
        for number, frame in enumerate(frames):
            stream.push(nobody if number % 5 == 0 else frame)
        assert stream.estimate is not None
        answers.append(stream.estimate.prediction.probabilities)
    for answer in answers[1:]:
        np.testing.assert_allclose(answer, answers[0], atol=1e-6)
