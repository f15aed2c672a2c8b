from __future__ import annotations

import numpy as np

from dualhead.formats.member import FileMember
from dualhead.formats.source import Item, Listing, Rejected, Sample, SplitRule, load_class_names


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
