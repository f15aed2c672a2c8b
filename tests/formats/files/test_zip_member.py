from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import pytest

from dualhead.formats.files import raw_file
from dualhead.formats.files.member import list_members
from dualhead.runtime.errors import FormatError
from tests.formats.making import make_zip


def _read(path: Path) -> dict[str, bytes]:
    return {found.where: found.read() for found in list_members([path])}


def _change(path: Path, old: bytes, new: bytes) -> None:
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new))


def test_a_name_in_utf8_without_its_flag_is_read_as_utf8(tmp_path: Path) -> None:
    """As `zip -r` on Linux writes it; a name whose bytes are no UTF-8 is that of an old zip, in code page 437."""
    path = make_zip(tmp_path / "a.zip", {"gr\xfc\xdfe/\u7a7a.txt": b"a", "b.txt": b"b"})
    data = bytearray(path.read_bytes())
    for signature, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        at = data.index(signature) + flags
        assert data[at + 1] & 8
        data[at + 1] &= ~8
    path.write_bytes(data)
    assert _read(path) == {"a.zip/b.txt": b"b", "a.zip/gr\xfc\xdfe/\u7a7a.txt": b"a"}
    old = make_zip(tmp_path / "old.zip", {"gr_n.txt": b"c"})
    _change(old, b"gr_n", "gr\xfcn".encode("cp437"))
    assert _read(old) == {"old.zip/gr\xfcn.txt": b"c"}


@pytest.mark.parametrize("name", ["../a.txt", "in/../../a.txt", "/a.txt", "C:/a.txt", "..\\a.txt"])
def test_a_path_that_escapes_is_refused(tmp_path: Path, name: str) -> None:
    found = list(list_members([make_zip(tmp_path / "a.zip", {name: b"a"})]))
    with pytest.raises(FormatError, match="leads out of the archive"):
        found[0].read()


def test_a_wrong_checksum_is_a_sentence(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", {"a.txt": b"hello hello"}, zipfile.ZIP_STORED)
    _change(path, b"hello hello", b"hello jello")
    with pytest.raises(FormatError, match=r"a.zip/a.txt: its checksum \(CRC-32\) is wrong"):
        _read(path)


def test_damaged_compressed_data_are_a_sentence(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", {"a.txt": bytes(range(256)) * 4})
    data = bytearray(path.read_bytes())
    data[40:60] = b"\xff" * 20
    path.write_bytes(data)
    with pytest.raises(FormatError, match=r"compressed data are damaged|declared"):
        _read(path)


def test_a_truncated_archive_is_a_sentence(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", {"a.txt": bytes(1000)})
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(FormatError, match="not a whole zip archive"):
        _read(path)


def test_a_bomb_stops_at_its_declared_size(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", {"a.txt": bytes(1_000_000)})
    _change(path, struct.pack("<I", 1_000_000), struct.pack("<I", 10))
    with pytest.raises(FormatError, match="does not have the declared 10 bytes"):
        _read(path)


def test_a_declared_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw_file, "MAX_BYTES", 1000)
    (tmp_path / "b.txt").write_bytes(bytes(1001))
    make_zip(tmp_path / "a.zip", {"a.txt": bytes(1001)})
    for found in list_members([tmp_path]):
        with pytest.raises(FormatError, match=r"1001.*1000"):
            found.read()


def test_encrypted_and_unknown_methods_are_a_sentence(tmp_path: Path) -> None:
    bzip = make_zip(tmp_path / "a.zip", {"a.txt": b"a" * 100}, zipfile.ZIP_BZIP2)
    with pytest.raises(FormatError, match="compression method 12 is not supported"):
        _read(bzip)
    secret = make_zip(tmp_path / "b.zip", {"a.txt": b"a"})
    data = bytearray(secret.read_bytes())
    data[data.index(b"PK\1\2") + 8] |= 1
    secret.write_bytes(data)
    with pytest.raises(FormatError, match="encrypted"):
        _read(secret)


def test_a_directory_that_points_elsewhere_is_a_sentence(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", {"a.txt": b"a", "b.txt": b"b"})
    data = bytearray(path.read_bytes())
    data[:4] = b"none"
    path.write_bytes(data)
    with pytest.raises(FormatError, match="no member starts at"):
        _read(path)


def test_no_flipped_bit_of_the_directory_loses_or_renames_a_member(tmp_path: Path) -> None:
    files = {f"in/{name}.txt": name.encode() * 5 for name in "abc"}
    path = make_zip(tmp_path / "a.zip", files)
    whole = path.read_bytes()
    for place in range(whole.index(b"PK\1\2"), len(whole)):
        for bit in range(8):
            damaged = bytearray(whole)
            damaged[place] ^= 1 << bit
            path.write_bytes(damaged)
            try:
                assert _read(path) == {f"a.zip/{name}": data for name, data in files.items()}
            except FormatError as error:
                assert error.reason


def test_an_old_archive_of_more_members_than_its_count_can_say_is_whole(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", {"a.txt": b"a", "b.txt": b"b", "c.txt": b"c"})
    data = bytearray(path.read_bytes())
    end = data.index(b"PK\5\6")
    data[end + 8 : end + 12] = struct.pack("<HH", 2, 2)
    path.write_bytes(data)
    with pytest.raises(FormatError, match="3 members instead of 2"):
        _read(path)
    whole = make_zip(tmp_path / "b.zip", {"a.txt": b"a"}).read_bytes()
    start, end = whole.index(b"PK\1\2"), whole.index(b"PK\5\6")
    entries = whole[start:end] * (2**16 + 1)
    last = struct.pack("<4s4xHHIIH", b"PK\5\6", 1, 1, len(entries), start, 0)
    (tmp_path / "b.zip").write_bytes(whole[:start] + entries + last)
    assert len(list(list_members([tmp_path / "b.zip"]))) == 2**16 + 1


def test_a_member_without_a_name_does_not_lose_the_others(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.txt", b"a")
        archive.writestr("in/", b"")
        archive.writestr(zipfile.ZipInfo(""), b"x")
    members = {member.where: member for member in list_members([tmp_path / "a.zip"])}
    assert sorted(members) == ["a.zip/", "a.zip/a.txt"]
    assert members["a.zip/a.txt"].read() == b"a"
    with pytest.raises(FormatError, match="no name"):
        members["a.zip/"].read()


def test_an_offset_of_64_bits_beyond_any_file_is_a_sentence(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", {"a.txt": b"a"})
    data = path.read_bytes()
    at = data.index(b"PK\1\2")
    entry = bytearray(data[at : data.index(b"PK\5\6")])
    entry[30:32], entry[42:46] = struct.pack("<H", 12), b"\xff" * 4
    entry += struct.pack("<HHQ", 1, 8, 2**63)
    path.write_bytes(data[:at] + entry + struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 1, 1, len(entry), at, 0))
    (found,) = list_members([path])
    with pytest.raises(FormatError, match="no member starts at the offset"):
        found.read()
