from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dualhead.evaluation.joining import join, match_validation
from dualhead.evaluation.scores import Scores
from dualhead.runtime.errors import ConfigError, MismatchError
from tests.evaluation.builders import make_scores

ONE = [[1.0, 0, 0], [0, 1, 0]]
TWO = [[2.0, 0, 0], [0, 0, 3]]
LABELS = ["a.npz", "b.npz"]


def test_samples_are_joined_by_name() -> None:
    first = make_scores(ONE, [0, 1], names=["x", "y"])
    other = make_scores(TWO, [1, 0], "bone", names=["y", "x"])
    _, joined = join([first, other], LABELS)
    assert joined.names.tolist() == ["x", "y"]
    assert joined.labels.tolist() == [0, 1]
    assert joined.logits[:, 0].tolist() == [TWO[1], TWO[0]]


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("dataset", "ntu120", "dataset differs: 'ntu60' in a.npz but 'ntu120' in b.npz"),
        ("protocol", "xview", "protocol differs: 'xsub' in a.npz but 'xview' in b.npz"),
        ("split", "validation", "split differs: 'test' in a.npz but 'validation' in b.npz"),
        ("skeleton", "kinect20", "skeleton differs: 'ntu25' in a.npz but 'kinect20' in b.npz"),
        ("data_fingerprint", "bb", "data_fingerprint differs: 'aa' in a.npz but 'bb' in b.npz"),
        ("classes", ["wave", "nod", "jump"], "classes differs: number 2 is 'bow' in a.npz but 'jump' in b.npz"),
        ("classes", None, "classes differs: .* in a.npz but absent in b.npz"),
    ],
)
def test_another_field_is_refused_by_name(field: str, value: Any, words: str) -> None:
    with pytest.raises(MismatchError, match=words):
        join([make_scores(ONE, [0, 1]), make_scores(TWO, [0, 1], "bone", **{field: value})], LABELS)


def test_other_class_counts_are_refused() -> None:
    first = make_scores(ONE, [0, 1], classes=None)
    with pytest.raises(MismatchError, match=r"3.*a\.npz.*2.*b\.npz"):
        join([first, make_scores([[1.0, 0], [0, 1]], [0, 1], "bone", classes=None)], LABELS)
    with pytest.raises(MismatchError, match=r"3 names.*a\.npz.*2 names.*b\.npz"):
        join([make_scores(ONE, [0, 1]), make_scores([[1.0, 0], [0, 1]], [0, 1], "bone")], LABELS)


def test_other_samples_are_counted_and_one_is_named() -> None:
    first = make_scores(ONE, [0, 1], names=["x", "y"])
    other = make_scores([*TWO, [1, 1, 1]], [0, 1, 2], "bone", names=["x", "z", "w"])
    with pytest.raises(
        MismatchError,
        match=r"2.*3.*1 only.*'y'.*2 only",
    ):
        join([first, other], LABELS)


def test_other_labels_are_refused() -> None:
    with pytest.raises(MismatchError, match=r"1 samples.*'S1'.*1.*a\.npz.*2.*b\.npz"):
        join([make_scores(ONE, [0, 1]), make_scores(TWO, [0, 2], "bone")], LABELS)


def test_the_same_logits_twice_are_refused() -> None:
    with pytest.raises(MismatchError, match="hold the same logits"):
        join([make_scores(ONE, [0, 1]), make_scores(ONE, [0, 1], "bone")], LABELS)


def test_a_stream_twice_is_refused_unless_the_model_differs_or_it_is_allowed() -> None:
    first, again = make_scores(ONE, [0, 1]), make_scores(TWO, [0, 1], seed=2)
    with pytest.raises(MismatchError, match=r"both of stream 'joint' .* allow_same_stream"):
        join([first, again], LABELS)
    assert len(join([first, again], LABELS, allow_same_stream=True)) == 2
    assert len(join([first, make_scores(TWO, [0, 1], model="msg3d")], LABELS)) == 2


def test_nothing_cannot_be_joined() -> None:
    with pytest.raises(ConfigError, match="0 score files"):
        join([], [])


def validation(stream: str, **fields: Any) -> Scores:
    names = fields.pop("names", ["V0", "V1"])
    return make_scores(ONE, [0, 1], stream, names=names, **{"split": "validation", **fields})


def test_validation_files_are_matched_by_checkpoint_not_by_place() -> None:
    tests = [make_scores(ONE, [0, 1]), make_scores(TWO, [0, 1], "bone")]
    found = match_validation(tests, [validation("bone"), validation("joint")], LABELS)
    assert [item.provenance["stream"] for item in found] == ["joint", "bone"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"split": "test"}, "split is 'test' in validation scores 1 .*may only be found on split 'validation'"),
        ({"data_fingerprint": "bb"}, "data_fingerprint differs"),
        ({"names": ["V0", "S1"]}, "1 samples, such as 'S1', are in both"),
        ({"selection": "best"}, r"selection differs: 'last' in a\.npz but 'best'"),
        ({"seed": 5}, "seed differs: 1"),
        ({"experiment": {"epochs": 8}}, "experiment differs: epochs is 9 in"),
        ({"stream": "bone"}, "no validation file for stream 'joint' of a.npz: those given are of 'bone'"),
    ],
)
def test_validation_of_another_checkpoint_is_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(MismatchError, match=words):
        match_validation([make_scores(ONE, [0, 1])], [validation(**{"stream": "joint", **change})], LABELS[:1])


def test_validation_files_are_counted() -> None:
    tests = [make_scores(ONE, [0, 1]), make_scores(TWO, [0, 1], "bone")]
    with pytest.raises(MismatchError, match=r"1.*2 score"):
        match_validation(tests, [validation("joint")], LABELS)
    with pytest.raises(MismatchError, match=r"2 validation files fit a\.npz"):
        match_validation(tests, [validation("joint"), validation("joint")], LABELS)


def test_a_large_join_is_exact() -> None:
    rng = np.random.default_rng(0)
    names = np.array([f"n{number}" for number in range(5000)])
    labels = rng.integers(0, 3, 5000)
    logits = rng.normal(size=(5000, 3))
    order = rng.permutation(5000)
    first = make_scores(logits + 1, labels, names=names)
    _, joined = join([first, make_scores(logits[order], labels[order], "bone", names=names[order])], LABELS)
    np.testing.assert_array_equal(joined.logits[:, 0], logits.astype(np.float32))


@pytest.mark.parametrize("said", [["joint", "bone"], "joint", {"joint": 3}, {"joint": {"fused_from": 1}}, True])
def test_a_fusion_that_does_not_say_what_it_was_made_of(said: object) -> None:
    fusion = make_scores(TWO, [0, 1], "joint+bone", fused_from=said)
    with pytest.raises(MismatchError, match=r"^fused_from is .* in b\.npz, which does not say stream by stream"):
        join([make_scores(ONE, [0, 1], "motion"), fusion], LABELS)
