from __future__ import annotations

import logging

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dualhead.data.loading.holdout import hold_out
from dualhead.runtime.errors import ConfigError

LABELS = np.tile(np.arange(4), 50)  # 200 rows, 4 classes
SUBJECTS = np.arange(200) // 10  # 20 subjects with 10 rows each
TRAIN = np.arange(0, 200)


def test_whole_subjects_are_held_out(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        train, validation = hold_out(TRAIN, LABELS, {"subject": SUBJECTS}, fraction=0.1, seed=0)
    assert len(set(SUBJECTS[validation])) == 2 and len(validation) == 20  # 10 % of 20 subjects
    assert not set(SUBJECTS[validation]) & set(SUBJECTS[train])
    assert sorted([*train, *validation]) == TRAIN.tolist()
    held = " ".join(map(str, sorted(set(SUBJECTS[validation].tolist()))))
    assert f"20 of 200 training samples held out (subject {held})" in caplog.text


def test_the_seed_decides() -> None:
    splits = [hold_out(TRAIN, LABELS, {"subject": SUBJECTS}, seed=seed)[1].tolist() for seed in (0, 0, 1, 2, 3)]
    assert splits[0] == splits[1] and len({tuple(split) for split in splits}) > 2


def test_a_subject_that_alone_shows_a_class_is_passed_over() -> None:
    labels = np.where(SUBJECTS == 3, 9, LABELS)
    for seed in range(20):
        train, validation = hold_out(TRAIN, labels, {"subject": SUBJECTS}, fraction=0.5, seed=seed)
        assert 9 in labels[train] and 3 not in SUBJECTS[validation]
        assert len(set(SUBJECTS[validation])) == 10


@pytest.mark.parametrize("fields", [{}, {"subject": np.arange(200) % 3}, {"subject": LABELS}])
def test_data_without_enough_subjects_turns_to_samples_and_says_so(
    fields: dict[str, np.ndarray], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        train, validation = hold_out(TRAIN, LABELS, fields, fraction=0.1)
    assert np.bincount(LABELS[validation]).tolist() == [5, 5, 5, 5]  # 10 % of 50 each
    assert "single samples are held out instead of subjects" in caplog.text
    assert sorted([*train, *validation]) == TRAIN.tolist()


def test_by_another_field_by_sample_and_not_at_all() -> None:
    repeats = np.arange(200) % 5
    _, validation = hold_out(TRAIN, LABELS, {"repeat": repeats}, by="repeat", fraction=0.2)
    assert len(set(repeats[validation])) == 1 and len(validation) == 40
    _, validation = hold_out(TRAIN, LABELS, {"subject": SUBJECTS}, by="sample", fraction=0.2)
    assert np.bincount(LABELS[validation]).tolist() == [10, 10, 10, 10]
    train, validation = hold_out(TRAIN, LABELS, {"subject": SUBJECTS}, by="none")
    assert train.tolist() == TRAIN.tolist() and not len(validation)


def test_rows_of_a_training_side_keep_their_order_and_numbers() -> None:
    split = np.array([150, 10, 33, 90, 91, 12, 170, 60])
    train, validation = hold_out(split, LABELS, {"subject": SUBJECTS}, by="sample", fraction=0.4)
    assert sorted([*train, *validation]) == sorted(split)
    assert [row for row in split if row in set(train)] == train.tolist()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"by": "performer"},
            r"unknown validation\.by \(the store has no such field\) 'performer': valid: subject, sample, none, setup",
        ),
        ({"fraction": 0}, "fraction 0 is out of range"),
        ({"fraction": 1.0}, "fraction 1.0 is out of range"),
        ({"by": "setup"}, "2 values of 'setup' .* --validation.by sample"),
        (
            {"by": "sample", "fraction": 0.001},
            "hold out 0.001 .* --validation.fraction, or --validation.by none",
        ),
    ],
)
def test_wrong_wishes_are_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        hold_out(TRAIN, LABELS, {"subject": SUBJECTS, "setup": np.arange(200) % 2}, **arguments)


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 7)), min_size=8, max_size=60),
    st.sampled_from(["subject", "sample"]),
    st.floats(0.05, 0.9),
    st.integers(0, 99),
)
def test_every_class_keeps_something_to_learn_from(
    rows: list[tuple[int, int]], by: str, fraction: float, seed: int
) -> None:
    labels, subjects = np.array(rows).T
    try:
        train, validation = hold_out(
            np.arange(len(rows)), labels, {"subject": subjects}, by=by, fraction=fraction, seed=seed
        )
    except ConfigError as error:
        assert "too few to hold out" in str(error)
        return
    assert set(labels[train]) == set(labels)
    assert len(validation) and sorted([*train, *validation]) == list(range(len(rows)))


def test_one_value_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    fields = {"camera": np.arange(200) % 3}
    train, validation = hold_out(TRAIN[:150], LABELS, fields, by="camera", value=2)
    assert set(fields["camera"][train]) == {0, 1} and set(fields["camera"][validation]) == {2}
    assert sorted([*train, *validation]) == TRAIN[:150].tolist()
    for seed in (1, 2):  # nothing is drawn
        assert hold_out(TRAIN[:150], LABELS, fields, by="camera", value=2, seed=seed)[1].tolist() == validation.tolist()
    with caplog.at_level(logging.WARNING):
        hold_out(TRAIN, np.where(fields["camera"] == 1, 9, LABELS), fields, by="camera", value=1)
    assert "1 classes" in caplog.text


@pytest.mark.parametrize(
    ("by", "value", "named"), [("camera", 3, "0 1 2"), ("kamera", 1, "camera"), ("subject", 0, "subject")]
)
def test_a_value_that_leaves_nothing_or_everything_out_is_refused(by: str, value: int, named: str) -> None:
    fields = {"camera": np.arange(200) % 3, "subject": np.zeros(200, dtype=np.int64)}
    with pytest.raises(ConfigError, match=named):
        hold_out(TRAIN, LABELS, fields, by=by, value=value)
