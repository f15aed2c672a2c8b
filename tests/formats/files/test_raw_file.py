from __future__ import annotations

from pathlib import Path

import pytest

from dualhead.formats.files import raw_file
from dualhead.formats.files.member import list_members
from dualhead.formats.files.raw_file import FileMember, FilePart, escapes
from dualhead.runtime.errors import FormatError, UnreadableError


def test_a_part_is_a_stretch_of_its_file(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"0123456789")
    part = FilePart("a.bin, row 1", 3, 0, str(tmp_path / "a.bin"), 4)
    assert part.read() == b"456"
    with pytest.raises(FormatError, match=r"a\.bin.*3"):
        FilePart("a.bin, row 3", 3, 0, str(tmp_path / "a.bin"), 8).read()
    with pytest.raises(FormatError, match="removed after"):
        FilePart("b.bin, row 0", 3, 0, str(tmp_path / "b.bin"), 0).read()
    with pytest.raises(FormatError, match="x: not to be read"):
        FilePart("x", 3, 0, str(tmp_path / "a.bin"), 0, "not to be read").read()


def test_a_file_that_grew_since_it_was_listed_is_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"0123456789")
    for size in (0, 3, 9, 10, 50):
        assert FileMember("a.bin", size, 0, str(path)).read() == b"0123456789"
    monkeypatch.setattr(raw_file, "MAX_BYTES", 9)
    with pytest.raises(FormatError, match=r"a\.bin: more than the 9 bytes"):
        FileMember("a.bin", 3, 0, str(path)).read()


def test_a_part_may_not_be_larger_than_a_recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw_file, "MAX_BYTES", 2)
    (tmp_path / "a.bin").write_bytes(b"0123456789")
    with pytest.raises(FormatError, match="3 bytes are more than the 2"):
        FilePart("a", 3, 0, str(tmp_path / "a.bin"), 0).read()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a/b", False),
        ("..a/b", False),
        ("../b", True),
        ("a/../b", True),
        ("/b", True),
        ("C:/b", True),
        ("a\\..\\b", True),
    ],
)
def test_paths_that_lead_out(path: str, expected: bool) -> None:
    assert escapes(path) is expected


def test_what_may_not_be_read_is_not_called_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "a.txt").write_bytes(b"a")
    member = next(iter(list_members([tmp_path])))
    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(UnreadableError, match="Permission denied"):
        member.read()
