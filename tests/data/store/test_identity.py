from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from dualhead.data.store.identity import check_store, describe_store, difference
from dualhead.data.store.store import Store, open_store
from dualhead.runtime.errors import MismatchError
from tests.data.small_store import make_store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return make_store(tmp_path_factory.mktemp("identity"), subjects=(1, 2))


def changed(store: Store, folder: Path, **fields: Any) -> Store:
    shutil.copytree(store.path, folder)
    (folder / "meta.json").write_text(json.dumps(store.meta | fields))
    return open_store(folder)


def test_the_rule_of_the_protocol_is_a_part_of_what_a_store_is(store: Store) -> None:
    facts = describe_store(store, "xview")
    assert facts["protocol_rule"] == {"field": "camera", "train": [1, 2], "test": [3]}
    assert "protocol_rule" not in describe_store(store)
    assert "protocol_rule" not in describe_store(store, "xsub")
    check_store(store, {**facts, "protocol": "xview"}, "scores", needed=True)


def test_what_was_changed_behind_the_fingerprint_is_refused_by_its_field(store: Store, tmp_path: Path) -> None:
    facts = {**describe_store(store, "xview"), "protocol": "xview"}
    names = [*store.classes]
    names[2] = "other"
    for field, change in {
        "protocol_rule": {"protocols": {"xview": {"field": "camera", "train": [3], "test": [1, 2]}}},
        "classes": {"classes": names},
        "body_selection": {"body_selection": "tracked"},
    }.items():
        other = changed(store, tmp_path / field, **change)
        assert other.fingerprint == store.fingerprint
        with pytest.raises(MismatchError, match=f"{field} is "):
            check_store(other, facts, "scores")
        check_store(other, facts, "scores", passed_over=[field])


def test_files_of_earlier_versions_agree_in_what_they_do_not_say(store: Store) -> None:
    facts = {**describe_store(store), "protocol": "xview"}
    del facts["body_selection"]
    check_store(store, facts, "scores", needed=True)
    del facts["skeleton"]
    check_store(store, facts, "scores")
    with pytest.raises(MismatchError, match="skeleton is absent"):
        check_store(store, facts, "scores", needed=True)


@pytest.mark.parametrize(
    ("left", "right", "words"),
    [
        (["a", "b"], ["a", "c"], ("number 1 is 'b'", "'c'")),
        (["a"], ["a", "c"], ("1 names", "2 names")),
        ({"a": 1, "b": 2}, {"a": 1, "b": 3}, ("b is 2", "3")),
        ({"a": {"b": [1]}}, {"a": {"b": [2]}}, ("a is b is number 0 is 1", "2")),
        (None, 5, ("absent", "5")),
        ("x" * 500, 5, ("'" + "x" * 76 + "...", "5")),
    ],
)
def test_two_values_differ_in_a_few_words(left: Any, right: Any, words: tuple[str, str]) -> None:
    assert difference(left, right) == words
