from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from dualhead.data.recipes.streams import STREAMS
from dualhead.data.store.store import open_store
from dualhead.demo import demo
from dualhead.evaluation.scores import Scores
from dualhead.runtime.errors import ConfigError
from dualhead.synthetic.generate import ZIP_NAME

SMALL = {"num_performers": 3, "epochs": 1}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole demo on as little as it takes: performers 1 and 2 train and validate, 3 tests."""
    folder = tmp_path_factory.mktemp("demo") / "out"
    demo(folder, **SMALL, quiet=True)
    return folder


@pytest.mark.slow
def test_the_demo_leaves_everything_behind(finished: Path) -> None:
    store = open_store(finished / "store")
    with zipfile.ZipFile(finished / "raw" / ZIP_NAME) as archive:
        recordings = len(archive.namelist())
    assert len(store) == recordings - 6  # three damaged, one without a body, two on the missing list
    test = {store.names[row] for row in store.split("xsub")[1]}
    scores = Scores.load(finished / "fused.npz")
    assert set(scores.names) == test
    assert {name[8:12] for name in test} == {"P003"}
    for stream in STREAMS:
        assert (finished / "runs" / stream / "best.safetensors").is_file()
        assert Scores.load(finished / "runs" / stream / "scores" / "test_last.npz").provenance["stream"] == stream
    page = (finished / "report.html").read_text(encoding="utf-8")
    assert "take off a hat" in page
    assert "joint_motion" in page


@pytest.mark.slow
def test_the_demo_ends_with_an_annotated_video(finished: Path, pose_weights: Path) -> None:
    from dualhead.poses.video import Video

    with Video(finished / "seen.mp4") as video:
        frames = list(video.frames())
    assert len(frames) > 60 and frames[0].pixels.shape[0] > 480  # the band with the classes is under the picture


@pytest.mark.slow
def test_a_finished_demo_prints_its_table_again(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.stat().st_mtime_ns for path in finished.rglob("*.safetensors")}
    fused = (finished / "fused.npz").read_bytes()
    report = demo(finished, **SMALL, quiet=True)
    printed = capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in finished.rglob("*.safetensors")} == before
    assert (finished / "fused.npz").read_bytes() == fused
    for row in (*STREAMS, "fused", "fine", "coarse"):
        assert row in printed
    assert printed.strip().splitlines()[-1] == f"report: {report.resolve()}"


def test_a_folder_of_another_demo_is_refused(tmp_path: Path) -> None:
    (tmp_path / "demo.json").write_text(json.dumps({"version": "0", "num_performers": 15}))
    with pytest.raises(ConfigError, match="holds a demo whose version is '0'"):
        demo(tmp_path)


def test_a_folder_of_something_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match="contains no demo"):
        demo(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(("name", "value"), [("num_performers", 2), ("epochs", 0)])
def test_a_number_that_cannot_be_used_is_refused(tmp_path: Path, name: str, value: int) -> None:
    with pytest.raises(ConfigError, match=f"{name} is {value}: expected"):
        demo(tmp_path / "out", **{name: value})
    assert not (tmp_path / "out").exists()
