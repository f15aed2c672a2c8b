from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from dualhead import cli
from dualhead.evaluation.fusion import fuse
from dualhead.evaluation.scores import Scores
from dualhead.evaluation.tables import print_fusion, scores_table
from tests.evaluation.builders import make_scores

LOGITS = np.array([[[1.0, 0], [0, 3]], [[0, 1], [0, 1]]], dtype=np.float32)  # fine all right, coarse and mean half


def console() -> Console:
    return Console(file=io.StringIO(), width=120)


def text_of(target: Console) -> str:
    assert isinstance(target.file, io.StringIO)
    return target.file.getvalue()


def two_heads(stream: str, factor: float = 1) -> Scores:
    return Scores(np.array(["a", "b"]), np.array([0, 1]), factor * LOGITS, ("fine", "coarse"), {"stream": stream})


def test_fusion_shows_every_stream_head_and_the_fusion() -> None:
    target = console()
    print_fusion(fuse([two_heads("joint"), two_heads("[bone]", 2)], [1, 3]), target)
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in text_of(target).splitlines() if "│" in line]
    assert rows == [
        ["joint", "0.250", "100.00", "50.00", "50.00", "100.00", "50.00", "+0.00"],
        ["[bone]", "0.750", "100.00", "50.00", "50.00", "100.00", "50.00", "+0.00"],
        ["fused", "", "100.00", "50.00", "50.00", "100.00", "50.00", ""],
    ]
    assert "2 samples; logits summed with given weights" in text_of(target)


def test_four_streams_of_two_heads_fit_into_80_columns() -> None:
    target = Console(file=io.StringIO(), width=80)
    streams = ("joint", "bone", "joint_motion", "bone_motion")
    print_fusion(fuse([two_heads(stream, factor) for factor, stream in enumerate(streams, start=1)]), target)
    lines = text_of(target).splitlines()
    assert max(map(len, lines)) <= 80
    assert "…" not in text_of(target)
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines if "│" in line]
    assert rows[2] == ["joint_motion", "0.250", "100.00", "50.00", "50.00", "100.00", "50.00", "+0.00"]
    titles = zip(*([cell.strip() for cell in line.split("┃")[1:-1]] for line in lines if "┃" in line), strict=True)
    assert [" ".join(words).split() for words in titles][-2:] == [["mean", "class", "%"], ["lost", "without"]]


def test_scores_show_heads_and_their_mean() -> None:
    target = console()
    target.print(scores_table({"joint": two_heads("joint"), "one": make_scores([[0, 1.0]], [0])}))
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in text_of(target).splitlines() if "│" in line]
    assert rows == [
        ["joint", "fine", "2", "100.00", "100.00", "100.00"],
        ["", "coarse", "2", "50.00", "100.00", "50.00"],
        ["", "mean", "2", "50.00", "100.00", "50.00"],
        ["one", "mean", "1", "0.00", "100.00", "0.00"],
    ]


def test_one_clip_stands_below_the_average_of_several() -> None:
    target, scores = console(), make_scores([[0, 1.0], [2.0, 0]], [1, 0])
    alone = {"count": 2, "top1": 0.5, "top5": 1.0, "mean_class": 0.5, "cross_entropy": 1.0}
    provenance = {**scores.provenance, "test_clips": 9, "clip_average": "logits", "one_clip": {"mean": alone}}
    averaged = Scores(scores.names, scores.labels, scores.logits, scores.heads, provenance)
    target.print(scores_table({"joint": averaged}))
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in text_of(target).splitlines() if "│" in line]
    assert rows == [
        ["joint, 9 clips", "mean", "2", "100.00", "100.00", "100.00"],
        ["one clip", "mean", "2", "50.00", "100.00", "50.00"],
    ]


def test_the_command_prints_and_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_scores([[2.0, 0], [0, 1]], [0, 1]).save(tmp_path / "joint.npz")
    make_scores([[1.0, 0], [3, 1]], [0, 1], "bone").save(tmp_path / "bone.npz")
    files = [tmp_path / "joint.npz", tmp_path / "bone.npz"]
    words = ["fuse", *map(str, files), "--out", str(tmp_path / "fused.npz")]
    assert cli.main([*words, "--quiet"]) == 0
    assert capsys.readouterr().out == ""
    assert cli.main(words) == 0
    result = fuse(files)
    printed = capsys.readouterr().out
    assert "ntu60 xsub test last" in printed
    assert "equal weights" in printed
    np.testing.assert_array_equal(Scores.load(tmp_path / "fused.npz").logits, result.scores.logits)
