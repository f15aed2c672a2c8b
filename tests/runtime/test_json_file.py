from __future__ import annotations

from pathlib import Path

import pytest

from dualhead.runtime.errors import ConfigError
from dualhead.runtime.json_file import read_json
from dualhead.runtime.schema import record, whole

FORM = record({"epochs": whole(1)})


def test_what_is_of_the_form_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"epochs": 3, "more": [1]}')
    assert read_json(tmp_path / "a.json", FORM, "remove it") == {"epochs": 3, "more": [1]}


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[]", b"5", b'{"epochs": "3"}', b"[" * 10**5, b"9" * 5000])
def test_anything_else_is_a_sentence_with_what_to_do(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(ConfigError, match=r"a\.json is damaged .*: remove it$"):
        read_json(tmp_path / "a.json", FORM, "remove it")


def test_a_file_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"a\.json cannot be read \(No such file"):
        read_json(tmp_path / "a.json", FORM, "remove it")
