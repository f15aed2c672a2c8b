from __future__ import annotations

from pathlib import Path

import pytest

from dualhead.evaluation.fusion import fuse
from dualhead.runtime.errors import ConfigError, MismatchError
from dualhead.visualize.result_table import build_result_tables
from dualhead.visualize.runs import read_run

from .conftest import make_scores, write_run


def test_last_and_best_epoch_stay_apart(tmp_path: Path) -> None:
    runs = [
        read_run(write_run(tmp_path / "joint", "joint", [0, 1, 2, 0], [0, 1, 2, 1])),
        read_run(write_run(tmp_path / "bone", "bone", [0, 1, 0, 1], [0, 1, 2, 1])),
    ]
    found = build_result_tables(runs, [], [])
    assert [(item.selection, item.title) for item in found] == [
        ("last", "Last epoch"),
        ("best", "Best epoch on validation"),
    ]
    assert [(row.name, row.epoch) for row in found[0].rows] == [("joint", 3), ("bone", 3), ("fused", None)]
    assert [row.epoch for row in found[1].rows] == [2, 2, None]
    assert found[0].fused is not None
    assert found[0].fused.weighting == "validation"
    assert "never on these" in found[0].note
    joint, bone, fused = found[0].rows
    assert (joint.top1, joint.heads, joint.top5) == (0.75, (0.75, 0.75), 1)
    assert bone.top1 == 0.75
    assert fused.fused
    assert joint.weight is not None
    assert joint.weight + (bone.weight or 0) == pytest.approx(1)
    assert found[0].heads == ("fine", "coarse")


def test_without_validation_scores_the_weights_are_equal() -> None:
    scores = [make_scores([0, 1], [0, 2], sure=sure, stream=stream) for sure, stream in ((2, "joint"), (3, "bone"))]
    (only,) = build_result_tables([], scores, [])
    assert only.selection == ""
    assert [row.weight for row in only.rows] == [0.5, 0.5, None]
    assert not only.epochs


def test_a_fusion_that_is_given_is_taken_as_it_is(tmp_path: Path) -> None:
    parts = [
        make_scores([0, 1], [0, 2], sure=sure, stream=stream, selection="last")
        for sure, stream in ((2, "joint"), (3, "bone"))
    ]
    result = fuse(parts, [3, 1])
    run = read_run(write_run(tmp_path / "joint", "joint", [0, 1], [0, 2]))
    found = build_result_tables([run], [], [result])
    assert found[0].fused is result
    assert [row.weight for row in found[0].rows] == [0.75, 0.25, None]
    assert found[1].fused is None  # the best epoch has the single stream of the run
    with pytest.raises(ConfigError, match="'last'"):
        build_result_tables([], [], [result, result])


def test_one_stream_is_not_fused() -> None:
    (only,) = build_result_tables([], [make_scores([0, 1, 0, 0], [0, 1, 2, 1])], [])
    assert only.fused is None
    assert only.scores is only.streams["joint"]
    assert [(row.name, row.top1, row.weight) for row in only.rows] == [("joint", 0.5, None)]
    assert only.rows[0].mean_class == pytest.approx((1 + 0.5 + 0) / 3)
    assert only.note == ""


def test_what_does_not_belong_together() -> None:
    with pytest.raises(ConfigError, match="needs scores"):
        build_result_tables([], [], [])
    with pytest.raises(MismatchError, match="protocol"):
        build_result_tables([], [make_scores([0], [0]), make_scores([0], [0], stream="bone", protocol="xview")], [])
