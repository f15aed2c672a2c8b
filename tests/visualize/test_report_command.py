from __future__ import annotations

import json
import os
import re
from pathlib import Path

import numpy as np
import pytest

from dualhead.cli import main
from dualhead.data.store.store import Store
from dualhead.evaluation.scores import Scores
from dualhead.runtime.errors import ConfigError, FormatError
from dualhead.visualize.report_command import find_store, report

from .browser import open_page
from .conftest import make_scores, write_run
from .test_page import Parts, assert_self_contained


def a_run(folder: Path, store: Store) -> Path:
    """A run on the test store: three right clips, three wrong ones."""
    labels = [0, 1, 2, 0, 1, 2]
    run = write_run(folder, "joint", [0, 1, 2, 1, 2, 0], labels, data_fingerprint=store.fingerprint)
    names = np.array([str(name) for name in store.names])
    for file in (run / "scores").glob("test_*.npz"):
        scores = Scores.load(file)
        Scores(names, scores.labels, scores.logits, scores.heads, scores.provenance).save(file)
    (run / "run.json").write_text(json.dumps({"data_fingerprint": store.fingerprint}))
    return run


def test_a_run_beside_its_store_becomes_a_page_that_opens_from_the_disk(
    scored_store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "stores").mkdir()
    (tmp_path / "stores" / "ntu").symlink_to(scored_store.path)
    run = a_run(tmp_path / "runs" / "joint", scored_store)
    page = tmp_path / "report.html"
    assert main(["report", str(run), "--out", str(page)]) == 0
    said = capsys.readouterr().err
    assert f"store: {tmp_path / 'stores' / 'ntu'}" in said
    assert f"report: {page}" in said
    text = page.read_text("utf-8")
    assert_self_contained(text)
    assert Parts(text).tags.count("canvas") == 4  # a right one and three mistakes
    for words in ("Learning rate", "Agreement", "Calibration", "expected calibration error", "Most frequent mistakes"):
        assert words in text, words
    dom, console = open_page(page)
    assert not console
    assert (
        len(re.findall(r"<output[^>]*>\d+ / \d+ · ", dom)) == 4
    )  # the players have started: their clocks are filled in


def test_without_a_store_the_rest_is_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_scores([0, 1, 1], [0, 1, 2], data_fingerprint="x").save(tmp_path / "scores.npz")
    text = report([str(tmp_path / "scores.npz")], out=str(tmp_path / "a.html")).read_text("utf-8")
    assert "no store of these scores was found" in capsys.readouterr().err
    tags = Parts(text).tags
    assert "canvas" not in tags
    assert tags.count("svg") == 3  # confusion, classes, reliability


def test_a_store_is_found_by_its_content_alone(tmp_path: Path) -> None:
    for name, content in (("a", '{"fingerprint": "1"}'), ("b", '{"fingerprint": "2"}'), ("c", "no JSON"), ("d", "[]")):
        (tmp_path / "deep" / name).mkdir(parents=True)
        (tmp_path / "deep" / name / "meta.json").write_text(content)
    near = [tmp_path / "runs" / "joint"]
    assert find_store(near, {"2"}) == tmp_path / "deep" / "b"
    assert find_store(near, {"3"}) is None
    assert find_store(near, {"1", "2"}) is None
    assert find_store(near, set()) is None


def test_what_cannot_be_reported_leaves_no_page(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    with pytest.raises(ConfigError, match=r"a\.txt is neither a run folder nor a score file"):
        report([tmp_path / "a.txt"], out=tmp_path / "a.html")
    with pytest.raises(FormatError, match="no such score file"):
        report([tmp_path / "b.npz"], out=tmp_path / "a.html")
    with pytest.raises(ConfigError, match=r"-1.*0"):
        report([tmp_path / "b.npz"], out=tmp_path / "a.html", mistakes=-1)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match=r"holds neither metrics\.csv nor test scores"):
        report([tmp_path / "empty"], out=tmp_path / "a.html")
    assert not (tmp_path / "a.html").exists()


def test_a_report_is_not_written_over_what_it_is_made_of(scored_store: Store, tmp_path: Path) -> None:
    run = a_run(tmp_path / "run", scored_store)
    scores = run / "scores" / "test_last.npz"
    kept = [run / "metrics.csv", scores, scored_store.path / "meta.json"]
    before = [path.read_bytes() for path in kept]
    for path in (scores, run / "metrics.csv", run / "experiment.yaml", run / "run.json"):
        with pytest.raises(ConfigError, match=r"would be overwritten|is inside .*scores"):
            report([scores, run] if path is scores else [run], out=path)
    with pytest.raises(ConfigError, match=r"meta\.json is inside .*store"):
        report([run], out=scored_store.path / "meta.json", store=scored_store.path)
    assert [path.read_bytes() for path in kept] == before
    assert report([run], out=run / "report.html", store=scored_store.path).is_file()


def test_hostile_names_and_neighbours_make_a_page_and_no_noise(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    names = ["日本\x1b[31m", "a\ud800b", "😀\x00 $x$"]
    run = write_run(tmp_path / "run", "jo\ud800int", [0, 1, 2], [0, 1, 1], classes=names)
    (run / "run.json").write_text(json.dumps({"data_fingerprint": "wanted"}))
    (run / "metrics.csv").write_text("epoch,train_loss,train_top1\n1,1e308,0.1\n2,-1e308,0.2\n3,1e300,1e307\n")
    for place in (tmp_path / "deep", tmp_path / "pipe"):
        place.mkdir()
    (tmp_path / "deep" / "meta.json").write_text("[" * 200_000)
    os.mkfifo(tmp_path / "pipe" / "meta.json")
    assert main(["report", str(run), "--out", str(tmp_path / "a.html"), "--title", "t\udc80"]) == 0
    page = (tmp_path / "a.html").read_text("utf-8")
    assert "<title>t\\udc80</title>" in page
    assert "a\\ud800b" in page
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines()[1:] == [f"report: {tmp_path / 'a.html'}"]
    assert not list(recwarn)
