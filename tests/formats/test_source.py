from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dualhead.formats.files.member import FileMember
from dualhead.formats.kinetics.parse import kinetics
from dualhead.formats.pyskl import pyskl
from dualhead.formats.source import Item, Listing, Rejected, Sample, SplitRule, load_class_names, names_to_leave_out
from dualhead.runtime.errors import ConfigError, FormatError
from dualhead.skeleton import OPENPOSE18


def test_a_rule_without_test_values_tests_the_rest() -> None:
    train, test = SplitRule("camera", (1, 2)).split(np.array([3, 1, 2, 7]))
    assert (train.tolist(), test.tolist()) == ([1, 2], [0, 3])


def test_a_rule_with_test_values_leaves_the_others_out() -> None:
    rule = SplitRule("camera", (1, 2), (3,))
    train, test = rule.split(np.array([3, 1, 2, 7]))
    assert (train.tolist(), test.tolist()) == ([1, 2], [0])
    assert rule.to_dict() == {"field": "camera", "train": [1, 2], "test": [3]}


def test_the_digest_tells_trees_apart_but_not_places() -> None:
    def digest(name: str = "a", size: int = 1, where: str = "x/a", missing: dict[str, str] | None = None) -> str:
        item = Item(Sample(name, 0), FileMember(where, size, 0, where))
        return Listing((item,), missing=missing or {}).digest()

    assert digest() == digest(where="elsewhere/a")
    assert len({digest(), digest(name="b"), digest(size=2), digest(missing={"a": "list"})}) == 4


def test_a_rejection_says_where_and_why() -> None:
    assert str(Rejected("a", "raw/a.x", "is bad", line=3)) == "raw/a.x, line 3: is bad"
    assert str(Rejected("a", "raw/a.x", "is bad")) == "raw/a.x: is bad"


def test_class_names_are_read_in_order() -> None:
    names = load_class_names("ucla")
    assert names[0] == "pick up with one hand"
    assert names[-1] == "carry"
    assert len(names) == 10


def test_the_digest_knows_what_was_learned_from_the_tree() -> None:
    def digest(label: int = 0, classes: tuple[str, ...] = ("x", "y")) -> str:
        item = Item(Sample("a", label), FileMember("x/a", 1, 0, "x/a"))
        return Listing((item,), source=replace(kinetics(), classes=classes)).digest()

    assert digest() == digest()
    assert len({digest(), digest(label=1), digest(classes=("x", "z"))}) == 3


def test_only_a_format_that_leaves_it_open_takes_a_skeleton() -> None:
    assert pyskl().with_skeleton(OPENPOSE18).skeleton == OPENPOSE18
    with pytest.raises(ConfigError, match=r"'kinetics'.*'openpose18'"):
        kinetics().with_skeleton(OPENPOSE18)


def test_a_missing_list_names_samples_among_other_lines(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("These are missing:\n a \nz\n")
    assert names_to_leave_out(tmp_path / "list.txt", {"a", "b"}) == {"a": "list.txt"}
    assert names_to_leave_out(None, {"a"}) == {}
    with pytest.raises(FormatError, match="no line is the name of a sample"):
        names_to_leave_out(tmp_path / "list.txt", {"b"})
