"""Reproducing a published result, on generated recordings in place of the real ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rich.console import Console

from dualhead.errors import ConfigError, MismatchError
from dualhead.evaluation.scores import Scores
from dualhead.models.published_results import PublishedResult
from dualhead.reproduce import Reproduction, print_reproduction, reproduce
from dualhead.synthetic.generate import generate
from dualhead.training.config import load_experiment
from dualhead.training.experiment import Experiment


def tiny(**changes: object) -> Experiment:
    """The published experiment with a model, clips and a schedule that take seconds."""
    small = {
        "model.arguments": {"width": 6, "num_gcn_scales": 2, "num_g3d_scales": 2},
        "recipe": "dualhead8",
        "epochs": 1,
        "batch_size": 8,
        "workers": 0,
        "validation.fraction": 0.3,
    }
    return load_experiment("ntu60_xsub/dualhead", {**small, **changes})


@pytest.mark.slow
def test_from_raw_recordings_to_the_table_and_on_after_a_stop(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = generate(tmp_path / "raw", num_performers=6, num_actions=3, progress=False)
    out, streams = tmp_path / "out", ("joint", "bone")
    settings = {"raw": [raw], "streams": streams, "device": "cpu", "progress": False}

    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as pressed:
        pressed.setattr("dualhead.reproduce.fuse_runs", stopped)
        with pytest.raises(KeyboardInterrupt):
            reproduce(tiny(), out, **settings)
    trained = {path: path.stat().st_mtime_ns for path in out.rglob("*.safetensors")}
    assert len(trained) == 4
    found = reproduce(tiny(), out, **settings)
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.safetensors")} == trained

    assert found.weighting == "validation"
    assert found.published == PublishedResult(
        "NTU RGB+D 60 xsub, 4 streams", ("joint", "bone", "joint_motion", "bone_motion"), 92.0
    )
    assert not found.comparable
    for name in ("last", "best"):
        scores = Scores.load(out / f"fused_{name}.npz")
        assert scores.provenance["selection"] == name
        right = 100 * float((scores.predictions == scores.labels).mean())
        assert found.fused[name] == pytest.approx(right)
    assert found.streams.keys() == set(streams)
    written = json.loads((out / "reproduction.json").read_text())
    assert (written["fused"], written["published"]["top1"]) == (found.fused, 92.0)
    assert "Reproducing dualhead on ntu60 xsub" in (out / "report.html").read_text(encoding="utf-8")
    printed = capsys.readouterr().out
    assert "not compared: other streams than published" in printed
    assert printed.strip().splitlines()[-1] == f"report: {(out / 'report.html').resolve()}"

    with pytest.raises(MismatchError, match="epochs is 1, here it is 2"):
        reproduce(tiny(epochs=2), out, **settings)
    whole = tmp_path / "whole"
    alone = reproduce(
        tiny(**{"validation.by": "none"}), whole, store=out / "store", streams=["joint"], device="cpu", progress=False
    )
    assert (alone.weighting, alone.validation) == ("", 0)
    assert alone.fused.keys() == {"last"}
    assert not (whole / "store").exists()


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
    assert any("4,000 training samples were kept back" in " ".join(line) for line in lines)


def test_what_cannot_be_done_is_said_first(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no store at .*: give raw"):
        reproduce("ntu60_xsub/dualhead", tmp_path / "out")
    with pytest.raises(ConfigError, match="names no dataset to prepare"):
        reproduce(tiny(dataset=None), tmp_path / "out", raw=[tmp_path])
    with pytest.raises(ConfigError, match="joint_motion"):
        reproduce("ntu60_xsub/dualhead", tmp_path / "out", raw=[tmp_path], streams=["motion"])
    assert not (tmp_path / "out").exists()
