from __future__ import annotations

import pytest

from dualhead.errors import FormatError
from dualhead.formats.json_file import parse_json


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
