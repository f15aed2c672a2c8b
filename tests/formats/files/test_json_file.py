from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from dualhead.formats.files.json_file import (
    JsonFile,
    holds_only_numbers,
    nested_numbers,
    odd_place,
    parse_json,
    spell_place,
)
from dualhead.runtime.errors import FormatError


def test_content_and_damage() -> None:
    assert parse_json(b'{"a": [1, null]}') == {"a": [1, None]}
    with pytest.raises(FormatError) as caught:
        parse_json(b'{"a": 1,\n"b": [1, }', "a.json")
    assert caught.value.line == 2
    assert str(caught.value).startswith("a.json, line 2: not whole JSON")


@pytest.mark.parametrize("data", [b"", b"[" * 100_000, b"\xff\xfe{}", b"9" * 5000])
def test_anything_else_is_a_sentence(data: bytes) -> None:
    with pytest.raises(FormatError, match="not"):
        parse_json(data)


@pytest.mark.parametrize(
    ("place", "spelled"),
    [
        (("a",), "a"),
        (("data", 12, "skeleton", 0, "pose"), "data[12].skeleton[0].pose"),
        ((3, "b c"), '[3]["b c"]'),
        (("-abc",), '["-abc"]'),
        (("x" * 50,), f'["{"x" * 40}"]'),
    ],
)
def test_what_is_wrong_has_its_place(place: tuple[str | int, ...], spelled: str) -> None:
    assert spell_place(place) == spelled
    assert str(JsonFile("a.json").fault("is odd", *place)) == f"a.json: {spelled}: is odd"
    assert str(JsonFile("a.json").fault("is odd")) == "a.json: is odd"


def test_a_number_is_whole_and_in_range() -> None:
    file = JsonFile()
    assert file.whole_number(7, 7, "a") == 7
    for value in (8, -1, True, 1.0, "1", None):
        with pytest.raises(FormatError, match=rf"^a: 'a' of x is '{value}' instead of an integer from 0 to 7"):
            file.whole_number(value, 7, "a", of=" of x")


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ([[1, 2], [3, None]], ()),
        ([[1, 2], [3]], (1,)),
        ([[1, 2], [3, 4], 5], (2,)),
        ([[[1], [2]], [[1], ["x"]]], (1, 1, 0)),
        ([[[1], [2]], [[1], [2, 3]]], (1, 1)),
        ([{"a": 1}], (0,)),
        ([[10**400]], (0, 0)),
        ("x", ()),
    ],
)
def test_the_part_that_keeps_lists_from_being_an_array(value: object, place: tuple[int, ...]) -> None:
    assert odd_place(value) == place


def test_nested_lists_become_an_array() -> None:
    assert nested_numbers([[1, 2.5], [3, 4]]).tolist() == [[1, 2.5], [3, 4]]
    assert nested_numbers([[], []]).shape == (2, 0)
    assert nested_numbers(5).shape == ()
    found = nested_numbers([[1, None]], nulls=True)
    assert found[0, 0] == 1 and np.isnan(found[0, 1])


@pytest.mark.parametrize(
    "value", ["1", [1, "2"], [True, 1], [1.5, False], [1, None], [[1], [1, 2]], [[1], 2], {"a": 1}, [10**400], None]
)
def test_text_and_truth_values_are_no_numbers(value: object) -> None:
    with pytest.raises((ValueError, TypeError, OverflowError)):
        nested_numbers(value)


@pytest.mark.parametrize("unit", [b"[],", b"{},", b"[[]],", b'[{"a":[]}],', b'{"a":1},'])
def test_a_file_of_brackets_is_refused_before_it_takes_memory(unit: bytes) -> None:
    data = b"[" + unit * (2**23 // len(unit)) + b"0]"
    tracemalloc.start()
    with pytest.raises(FormatError, match="brackets"):
        parse_json(data)
    assert tracemalloc.get_traced_memory()[1] < len(data)
    tracemalloc.stop()
    assert len(parse_json(b"[" + b"[0, 0]," * 50_000 + b"0]")) == 50_001  # absent joints are nothing odd


@pytest.mark.parametrize(
    ("data", "texts", "only"),
    [
        (b'{"frame_index": 3, "label": "juggling fun"}', 3, True),
        (b'{"frame_index": 3, "label": "juggling fun"}', 2, False),
        (b'{"a": [1, "2"]}', 1, False),
        (b'{"a": [1, null]}', 1, True),
        (b'{"a": true}', 1, False),
        (b"[false, 1]", 0, False),
        (b"u" * 5000, 0, False),  # it would take long to find out
        ('{"a": true}'.encode("utf-16"), 1, False),
        (b"", 0, True),
    ],
)
def test_texts_and_truth_values_are_found_before_the_numbers_are_read(data: bytes, texts: int, only: bool) -> None:
    assert holds_only_numbers(data, texts) is only


@pytest.mark.parametrize("value", [[{}], [[1], 2], [[1], [1, 2]], [None], [10**400]])
def test_numbers_alone_are_checked_all_the_same(value: object) -> None:
    with pytest.raises((ValueError, TypeError, OverflowError)):
        nested_numbers(value, plain=True)
    assert nested_numbers([[1, 2], [3, 4.5]], plain=True).tolist() == [[1, 2], [3, 4.5]]


def test_long_lists_become_an_array_block_by_block() -> None:
    points = [[number, number + 0.5] for number in range(10_000)]
    np.testing.assert_array_equal(nested_numbers(points), np.array(points, np.float64))
    assert nested_numbers([[]] * 10_000).shape == (10_000, 0)
    for odd, error in (([1, 2, 3], ValueError), (1, TypeError), (["1", 2], TypeError)):
        with pytest.raises(error):
            nested_numbers([*points, odd])
