from __future__ import annotations

import time
from pathlib import Path

import pytest

from dualhead.runtime.errors import FormatError
from dualhead.runtime.yaml_file import MAX_BYTES, parse_yaml, read_yaml


def test_plain_values_are_read() -> None:
    text = b"a: [1, 2.5, -3, 1e-3, .5, yes, null, ~, 'no', 0x10]\nb: {c: d, 5: x}\ne: &s short\nf: *s\n"
    assert parse_yaml(text) == {
        "a": [1, 2.5, -3, "1e-3", 0.5, True, None, None, "no", 16],
        "b": {"c": "d", 5: "x"},
        "e": "short",
        "f": "short",
    }
    assert parse_yaml("") is None


def test_a_date_is_text() -> None:
    assert parse_yaml("[2001-12-14, 2001-99-99, 2001-12-14t21:59:43.10-05:00]") == [
        "2001-12-14", "2001-99-99", "2001-12-14t21:59:43.10-05:00",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"name: x\njoints: [a, b\nparents: {}", 3),
        (b"a: 1\nb: !!python/object/apply:os.system [x]", 2),
        (b"a: 1\n\nb: !!binary eA==", 3),
        (b"a: !!timestamp 2001-01-01", 1),
        (b"!!set {a, b}", 1),
        (b"!!omap [a: 1]", 1),
        (b"!mine x", 1),
        (b"a: &a [1]\nb: *a", 2),
        (b"a: &a {x: 1}\nb: {<<: *a}", 2),
        (b"a: &a [*a]", 1),
        (b"a: &a '" + 101 * b"x" + b"'\nb: *a", 2),
        (b"name: x\nparents:\n  {left: chest, right: chest,\n   'left': hip}", 4),
        (b"1: a\n1.0: b", 2),
        (b"true: a\nyes: b", 2),
        (b"[a]: b", 1),
        (b"a: 1\nb: 9223372036854775808", 2),
        (b"a: " + 400 * b"7", 1),
        (b"a: " + 5000 * b"7", 1),
        (b"a: " + b":".join(20 * [b"59"]), 1),
        (b"a: !!int x", None),
        (b"a: !!bool x", None),
        (b"a: !!float x", None),
        (b"a: !!int []", 1),
        (b"a: !!str []", 1),
        (b"\xff\xfe\0", None),
        (b"\0", None),
        (b"a: \xff", None),
        (2000 * b"[", None),
        (b"{a: " * 2000, None),
        (b"a: b: c", 1),
        (b"*a", 1),
        (b"--- a\n--- b", 2),
    ],
)
def test_everything_else_is_refused_with_its_line(data: bytes, line: int | None) -> None:
    with pytest.raises(FormatError) as caught:
        parse_yaml(data, "s.yaml")
    assert caught.value.line == line
    assert caught.value.path == "s.yaml"
    assert len(str(caught.value)) < 400


def test_a_bomb_of_aliases_takes_neither_time_nor_memory() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join(10 * [f'*a{n - 1}'])}]" for n in range(1, 12)]
    started = time.monotonic()
    with pytest.raises(FormatError):
        parse_yaml("\n".join(lines))
    with pytest.raises(FormatError, match=str(MAX_BYTES)):
        parse_yaml(b"a" * (MAX_BYTES + 1))
    assert time.monotonic() - started < 1


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(FormatError) as caught:
        read_yaml(tmp_path / "none.yaml")
    assert caught.value.path == str(tmp_path / "none.yaml")
    with pytest.raises(FormatError):
        read_yaml(tmp_path)
    (tmp_path / "a.yaml").write_bytes(b"\xef\xbb\xbfa: \xc3\xa4")
    assert read_yaml(tmp_path / "a.yaml") == {"a": "ä"}
