from __future__ import annotations

import pytest

from dualhead.runtime.errors import printable, shorten, unknown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("in/a b.txt", "in/a b.txt"),
        ("\x1b[31mred\r\n", "<1b>[31mred<0d><0a>"),
        ("caf\u00e9\u00a0\u7a7a", "caf\u00e9\u00a0\u7a7a"),
        ("gpj.\u202eexe", "gpj.<202e>exe"),
        ("\x9b2J", "<9b>2J"),
        ("\udcff", "<dcff>"),
    ],
)
def test_control_characters_are_shown_as_codes(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_an_unknown_name_comes_with_the_valid_ones_or_with_the_word_that_there_is_none() -> None:
    assert (
        str(unknown("room", "hal", ["cellar", "hall"]))
        == "unknown room 'hal': did you mean 'hall'? valid: cellar, hall"
    )
    assert str(unknown("room", "hall", [])) == "unknown room 'hall': none is registered"


def test_a_value_is_shortened_however_large_it_is() -> None:
    bomb: object = "x" * 1000
    for _ in range(100):
        bomb = [bomb] * 10
    assert len(shorten(bomb)) <= 80
    assert len(shorten(10**5000)) <= 80
    assert shorten({"a": 1}) == "{'a': 1}"
    assert shorten("x" * 30, 10) == "'xxxxxx..."
