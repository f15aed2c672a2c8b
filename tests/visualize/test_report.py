from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dualhead.data.store.store import Store
from dualhead.evaluation.fusion import fuse
from dualhead.evaluation.scores import Scores
from dualhead.runtime.errors import ConfigError, MismatchError
from dualhead.visualize.report import write_report

from .conftest import CLASSES, make_scores, write_run
from .test_page import Parts, assert_self_contained


def test_the_whole_page(scored_store: Store, tmp_path: Path) -> None:
    names = [str(name) for name in scored_store.names]
    labels = [0, 1, 2, 0, 1, 2]
    runs = []
    for stream, predicted in (("joint", [0, 1, 2, 0, 1, 1]), ("bone", [0, 2, 2, 0, 1, 1])):
        folder = write_run(tmp_path / stream, stream, predicted, labels, data_fingerprint=scored_store.fingerprint)
        for selection in ("last", "best"):
            scores = Scores.load(folder / "scores" / f"test_{selection}.npz")
            Scores(np.array(names), scores.labels, scores.logits, scores.heads, scores.provenance).save(
                folder / "scores" / f"test_{selection}.npz"
            )
        runs.append(folder)
    out = write_report(tmp_path / "report.html", runs=runs, store=scored_store.path, command='run --title "<i>"')
    page = out.read_text(encoding="utf-8")
    assert_self_contained(page)
    parts = Parts(page)
    assert not {"b>", "i"} & set(parts.tags)  # the class's, the command's and the experiment's markup stayed text
    assert parts.tags.count("canvas") == 2  # one right clip, and class 2 interpreted as class 1
    assert parts.tags.count("svg") == 8  # confusion, classes, reliability, and five curves
    assert parts.tags.count("script") == 2 + 1  # the clips' data, and the player once
    for text in (
        "<title>ntu60 xsub</title>", "Last epoch", "Best epoch on validation", "Weights found on validation scores",
        "joint", "bone", "fused", "fine", "coarse", "83.33", "66.67", "Training loss", "Validation top-1",
        "wave &lt;script&gt;alert(1)&lt;/script&gt;", "3 train, 3 test", "(line 3)", scored_store.fingerprint,
        "run --title &#34;&lt;i&gt;&#34;", "# &lt;b&gt;bold&lt;/b&gt;",
    ):  # fmt: skip
        assert text in page, text


def test_scores_alone_are_enough(tmp_path: Path) -> None:
    scores = make_scores([0, 1, 2, 2], [0, 1, 2, 1])
    scores.save(tmp_path / "joint.npz")
    page = write_report(tmp_path / "a.html", scores=[tmp_path / "joint.npz"], title="A <b>title</b>").read_text("utf-8")
    assert "A &lt;b&gt;title&lt;/b&gt;" in page
    assert "75.00" in page
    tags = Parts(page).tags
    assert "canvas" not in tags
    assert tags.count("svg") == 3
    assert "1 of 2" in page  # stand up, interpreted as wave


def test_a_fusion_alone_is_enough(tmp_path: Path) -> None:
    parts = [
        make_scores([0, 1], [0, 2], sure=sure, stream=stream, selection="last")
        for sure, stream in ((2, "joint"), (3, "bone"))
    ]
    page = write_report(tmp_path / "a.html", fused=fuse(parts, [3, 1])).read_text("utf-8")
    for text in ("0.750", "0.250", "Weights as given.", "over the best stream"):
        assert text in page


def test_large_class_counts(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 120, 400)
    logits = rng.normal(size=(400, 1, 120)) + 4 * np.eye(120)[labels][:, None]
    classes = [f"class {row}" for row in range(120)]
    scores = Scores(np.array([f"s{row}" for row in range(400)]), labels, logits, ("only",), {"classes": classes})
    page = write_report(tmp_path / "a.html", scores=[scores]).read_text("utf-8")
    assert "The classes most often confused" in page
    assert "All 120 classes" in page
    assert "The 60 classes of lowest accuracy" in page
    assert len(page) < 400_000


def test_only_right_answers(tmp_path: Path) -> None:
    page = write_report(tmp_path / "a.html", scores=[make_scores([0, 1], [0, 1])]).read_text("utf-8")
    assert "Most frequent mistakes" not in page
    assert "100.00" in page


def test_what_does_not_belong_together_leaves_nothing_behind(scored_store: Store, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="a report needs scores"):
        write_report(tmp_path / "a.html")
    with pytest.raises(MismatchError, match="data_fingerprint"):
        write_report(tmp_path / "a.html", scores=[make_scores([0], [0], data_fingerprint="x")], store=scored_store)
    assert not list(tmp_path.iterdir())
    assert CLASSES[2].startswith("wave <script>")


def test_the_side_of_the_scores_is_named(tmp_path: Path) -> None:
    scores = make_scores([0, 1, 2, 2], [0, 1, 2, 1], split="validation")
    page = write_report(tmp_path / "a.html", scores=[scores]).read_text("utf-8")
    for text in ("4 validation clips", "On the validation clips (joint)", "Validation clips (joint). Rows"):
        assert text in page
    assert "test clips" not in page.lower()
    unsaid = Scores(scores.names, scores.labels, scores.logits, scores.heads)
    page = write_report(tmp_path / "b.html", scores=[unsaid]).read_text("utf-8")
    assert "4 clips" in page
    assert "test clips" not in page.lower()
    assert "4 test clips" in write_report(tmp_path / "c.html", scores=[make_scores([0] * 4, [0] * 4)]).read_text()
