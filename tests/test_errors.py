from __future__ import annotations

import pytest

from dualhead.errors import printable


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
