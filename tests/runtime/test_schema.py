from __future__ import annotations

from typing import Any

import pytest

from dualhead.runtime.schema import (
    Check,
    SchemaError,
    boolean,
    list_of,
    mapping_of,
    nullable,
    number,
    one_of,
    record,
    text,
    whole,
)

RUN = record(
    {"name": text, "epochs": whole(1, 10), "sides": mapping_of(list_of(number))},
    {
        "best": nullable(record({"epoch": whole(1)})),
        "done": boolean,
        "kind": one_of({"a", "b"}, "a or b"),
    },
)
GOOD = {"name": "a", "epochs": 3, "sides": {"train": [1, 2.5]}}


@pytest.mark.parametrize(
    "more", [{}, {"best": None}, {"best": {"epoch": 2}}, {"done": True, "kind": "b", "unknown": [object]}]
)
def test_what_fits_is_accepted(more: dict[str, Any]) -> None:
    RUN(GOOD | more, "")


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"name": 5}, "name"),
        ({"epochs": True}, "epochs"),
        ({"epochs": 0}, "epochs"),
        ({"epochs": 11}, "epochs"),
        ({"epochs": 3.0}, "epochs"),
        ({"epochs": 10**5000}, "epochs"),
        ({"sides": []}, "sides"),
        ({"sides": {"train": 3}}, r"sides\.train"),
        ({"sides": {"train": [1, "2"]}}, r"sides\.train\[1\]"),
        ({"sides": {"train": [float("nan")]}}, r"sides\.train\[0\]"),
        ({"sides": {3: []}}, "a key of sides"),
        ({"best": {}}, r"best\.epoch"),
        ({"best": {"epoch": -1}}, r"best\.epoch"),
        ({"done": 1}, "done"),
        ({"kind": []}, "kind"),
    ],
)
def test_the_place_of_what_does_not_fit_is_named(change: dict[str, Any], place: str) -> None:
    with pytest.raises(SchemaError, match=f"^{place} is .*: expected ") as caught:
        RUN(GOOD | change, "")
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("check", "value"), [(RUN, None), (RUN, []), (list_of(text, 1, 2), []), (list_of(text, 1, 2), ["a", "b", "c"])]
)
def test_other_kinds_of_values_are_refused(check: Check, value: Any) -> None:
    with pytest.raises(SchemaError, match=r"^it|^its content"):
        check(value, "it" if isinstance(value, list) and check is not RUN else "")
