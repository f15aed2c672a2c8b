"""Reproducing a published result, on generated recordings in place of the real ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rich.console import Console

from dualhead.cli import INTERRUPTED, main
from dualhead.data.prepare.prepare import prepare
from dualhead.data.recipes.streams import STREAMS
from dualhead.evaluation.scores import Scores
from dualhead.models.published_results import PublishedResult
from dualhead.reproduction import Reproduction, print_reproduction, reproduce
from dualhead.runtime.errors import ConfigError, MismatchError
from dualhead.synthetic.generate import generate
from dualhead.training.config import load_experiment
from dualhead.training.experiment import Experiment
from dualhead.training.result import TrainResult
from dualhead.training.train import train


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A zip of generated recordings."""
    return generate(tmp_path_factory.mktemp("raw"), num_performers=6, num_actions=3, quiet=True)


def tiny(**changes: object) -> Experiment:
    """The published experiment with a model, clips and a schedule that take seconds."""
    small = {
        "model.arguments": {"width": 6, "num_gcn_scales": 2, "num_g3d_scales": 2},
        "recipe": "dualhead8",
        "epochs": 2,
        "batch_size": 8,
        "num_workers": 0,
        "accumulate_grad_batches": 1,
        "validation.by": "none",
    }
    return load_experiment("ntu60_xsub/dualhead", {**small, **changes})


@pytest.mark.slow
def test_from_raw_recordings_to_the_table_and_on_after_two_stops(
    raw: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out, runs = tmp_path / "out", tmp_path / "out" / "runs"
    settings = {"raw": [raw], "device": "cpu", "quiet": True}

    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    def stopped_in_the_second_stream(*words: object, stream: str, **options: object) -> TrainResult:
        result = train(*words, stream=stream, **options, **({"stop_after": 1} if stream == "bone" else {}))
        return result if stream == "joint" else stopped()  # type: ignore[func-returns-value, return-value]

    with monkeypatch.context() as pressed:
        pressed.setattr("dualhead.training.train.train", stopped_in_the_second_stream)
        with pytest.raises(KeyboardInterrupt):
            reproduce(tiny(), out, **settings)
    assert [path.parent.name for path in sorted(runs.rglob("result.json"))] == ["joint"]
    assert len((runs / "bone" / "metrics.csv").read_text().splitlines()) == 2  # a title and one epoch
    written = {path: path.stat().st_mtime_ns for path in [*out.glob("store/*"), *runs.glob("joint/*.safetensors")]}
    assert len(written) >= 4

    with monkeypatch.context() as pressed:
        pressed.setattr("dualhead.reproduction.fuse_runs", stopped)
        with pytest.raises(KeyboardInterrupt):
            reproduce(tiny(), out, **settings)
    assert "going on after epoch 1" in (runs / "bone" / "run.log").read_text()
    written |= {path: path.stat().st_mtime_ns for path in runs.rglob("*.safetensors")}
    assert sorted(path.parent.name for path in runs.rglob("result.json")) == sorted(STREAMS)

    capsys.readouterr()
    found = reproduce(tiny(), out, **settings)
    assert {path: path.stat().st_mtime_ns for path in written} == written
    assert found.published == PublishedResult(
        "NTU RGB+D 60 xsub, 4 streams", STREAMS, 92.0, "best epoch on the test split"
    )
    assert (found.comparable, found.validation, found.weighting) == (True, 0, "published")
    assert found.fused.keys() == {"last"}  # without a validation split there is no best epoch
    scores = Scores.load(out / "fused_last.npz")
    assert scores.provenance["selection"] == "last"
    assert found.fused["last"] == pytest.approx(100 * float((scores.predictions == scores.labels).mean()))
    assert found.streams.keys() == set(STREAMS)
    saved = json.loads((out / "reproduction.json").read_text())
    assert (saved["fused"], saved["published"]["top1"]) == (found.fused, 92.0)
    assert "Reproducing dualhead on ntu60 xsub" in (out / "report.html").read_text(encoding="utf-8")
    lines = [line.replace("│", " ").split() for line in capsys.readouterr().out.splitlines()]
    assert ["difference", f"{found.fused['last'] - 92:+.2f}"] in lines
    assert lines[-1] == ["report:", str((out / "report.html").resolve())]

    with pytest.raises(MismatchError, match="epochs is 2, here it is 3"):
        reproduce(tiny(epochs=3), out, **settings)


@pytest.mark.slow
def test_some_streams_with_a_validation_side_on_a_store_that_is_there(
    raw: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare("ntu60", raw, tmp_path / "store", workers=1, quiet=True)
    settings = {"store": tmp_path / "store", "device": "cpu", "quiet": True}
    kept_back = tiny(epochs=1, **{"validation.by": "subject", "validation.fraction": 0.3})
    found = reproduce(kept_back, tmp_path / "two", streams=("joint", "bone"), **settings)
    assert (found.comparable, found.weighting) == (False, "validation")
    assert found.validation > 0
    for name in ("last", "best"):
        assert Scores.load(tmp_path / "two" / f"fused_{name}.npz").provenance["selection"] == name
    assert "not compared: other streams than published" in capsys.readouterr().out
    alone = reproduce(tiny(epochs=1), tmp_path / "one", streams=["joint"], **settings)
    assert (alone.weighting, alone.validation, alone.fused.keys()) == ("", 0, {"last"})
    assert not (tmp_path / "one" / "store").exists()


def test_by_name_it_learns_from_the_whole_training_split(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Experiment] = []

    def note(experiment: Experiment, *_: object, **__: object) -> None:
        seen.append(experiment)
        raise KeyboardInterrupt

    monkeypatch.setattr("dualhead.reproduction.open_store", lambda path: None)
    monkeypatch.setattr("dualhead.reproduction.train_streams", note)
    (tmp_path / "store").mkdir()
    words = ["--store", str(tmp_path / "store"), "--out", str(tmp_path / "out")]
    with pytest.raises(KeyboardInterrupt):
        reproduce("ntu60_xsub/dualhead", tmp_path / "out", store=tmp_path / "store")
    assert main(["reproduce", "ntu60_xsub/dualhead", *words]) == INTERRUPTED
    assert main(["reproduce", "ntu60_xsub/dualhead", *words, "--validation.by", "subject"]) == INTERRUPTED
    assert [experiment.validation.by for experiment in seen] == ["none", "none", "subject"]
    assert (seen[0].epochs, seen[0].recipe, seen[0].batch_size) == (120, "dualhead", 64)
    assert seen[1] == seen[0]


def test_ours_stand_beside_the_published_figure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = Reproduction(
        streams={"joint": {"last": 89.5, "best": 89.25}, "bone": {"last": 90.0, "best": 90.0}},
        fused={"last": 91.75, "best": 91.0},
        weighting="validation",
        published=PublishedResult("NTU RGB+D 60 xsub, 2 streams", ("joint", "bone"), 91.5),
        comparable=True,
        validation=4000,
        report=tmp_path / "report.html",
    )
    print_reproduction(found, "msg3d on ntu60 xsub", Console(width=100))
    lines = [line.replace("│", " ").split() for line in capsys.readouterr().out.splitlines()]
    assert ["fused", "91.75", "91.00"] in lines
    assert ["published", "91.50", "91.50"] in lines
    assert ["difference", "+0.25", "-0.50"] in lines
    assert ["published:", *["NTU", "RGB+D", "60", "xsub,", "2", "streams,", "epoch", "not", "stated"]] in lines
    assert any("4,000 training samples were kept back" in " ".join(line) for line in lines)


def test_what_cannot_be_done_is_said_first(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no store at .*: pass raw"):
        reproduce("ntu60_xsub/dualhead", tmp_path / "out")
    with pytest.raises(ConfigError, match="names no dataset to prepare"):
        reproduce(tiny(dataset=None), tmp_path / "out", raw=[tmp_path])
    with pytest.raises(ConfigError, match=r"10.*6"):
        reproduce(tiny(**{"model.arguments": {"width": 10}}), tmp_path / "out", raw=[tmp_path])
    with pytest.raises(ConfigError, match="joint_motion"):
        reproduce("ntu60_xsub/dualhead", tmp_path / "out", raw=[tmp_path], streams=["motion"])
    assert not (tmp_path / "out").exists()


def test_the_store_is_prepared_with_the_bodies_of_the_experiment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    def note(*_: object, **options: object) -> None:
        asked.append(options["body_selection"])
        raise KeyboardInterrupt

    monkeypatch.setattr("dualhead.reproduction.prepare", note)
    for name in ("ntu60_xsub/ctrgcn", "ntu60_xsub/msg3d", "ucla/ctrgcn"):
        with pytest.raises(KeyboardInterrupt):
            reproduce(name, tmp_path / "out", raw=[tmp_path])
    assert asked == ["tracked", "energy", None]
