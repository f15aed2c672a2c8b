from __future__ import annotations

import gzip
import io
import random
import tarfile
from pathlib import Path

import pytest

from dualhead.formats.files import tar_member
from dualhead.formats.files.member import list_members
from dualhead.runtime.errors import FormatError

FILES = {"in/b/y.txt": b"y" * 2000, "in/a.txt": b"", "in/b/x.txt": b"x", "in/._x.txt": b"shadow"}
MODES = {".tar": "w", ".tar.gz": "w:gz", ".tgz": "w:gz", ".tar.bz2": "w:bz2", ".tar.xz": "w:xz"}


def _tar(path: Path, files: dict[str, bytes] | None = None) -> Path:
    mode = next(mode for suffix, mode in MODES.items() if path.name.endswith(suffix))
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        folder = tarfile.TarInfo("in")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        for name, data in (FILES if files is None else files).items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def _read(path: Path) -> dict[str, bytes]:
    return {member.where: member.read() for member in list_members([path])}


@pytest.mark.parametrize("suffix", MODES)
def test_members_come_by_name_with_their_content(tmp_path: Path, suffix: str) -> None:
    path = _tar(tmp_path / f"a{suffix}")
    name = path.name
    expected = {f"{name}/in/a.txt": b"", f"{name}/in/b/x.txt": b"x", f"{name}/in/b/y.txt": b"y" * 2000}
    assert list(_read(path).items()) == list(expected.items())
    members = list(list_members([tmp_path]))  # a tar in a folder; and backwards
    assert [member.read() for member in reversed(members)] == [b"y" * 2000, b"x", b""]


@pytest.mark.parametrize("name", ["../a.txt", "in/../../a.txt", "/a.txt"])
@pytest.mark.parametrize("suffix", [".tar", ".tgz"])
def test_a_path_that_escapes_is_refused(tmp_path: Path, name: str, suffix: str) -> None:
    (member,) = list_members([_tar(tmp_path / f"a{suffix}", {name: b"a"})])
    with pytest.raises(FormatError, match="leads out of the archive"):
        member.read()


def test_links_are_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        link = tarfile.TarInfo("passwords.json")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    (member,) = list_members([tmp_path / "a.tar"])
    with pytest.raises(FormatError, match="it is a link or a device"):
        member.read()


@pytest.mark.parametrize("suffix", [".tar", ".tar.gz", ".tar.bz2", ".tar.xz"])
@pytest.mark.parametrize("cut", [0, 40, 0.5])
def test_a_truncated_archive_is_a_sentence(tmp_path: Path, suffix: str, cut: float) -> None:
    path = _tar(tmp_path / f"a{suffix}", {"a.txt": bytes(range(256)) * 60})
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * cut) if cut < 1 else int(cut)])
    with pytest.raises(FormatError, match="copy or download it again"):
        _read(path)


LONG = {f"{number}.txt": bytes([number]) * 700 for number in range(9)}


@pytest.mark.parametrize("suffix", [".tar", ".tar.gz"])
@pytest.mark.parametrize("change", ["header", "hole", "behind"])
def test_damage_in_the_middle_is_not_taken_for_the_end(tmp_path: Path, suffix: str, change: str) -> None:
    data = bytearray(_tar(tmp_path / "whole.tar", LONG).read_bytes())
    header = data.index(b"5.txt")
    if change == "header":
        data[header] ^= 1
    elif change == "hole":
        data[header : header + 2048] = bytes(2048)
    else:
        data = data * 2  # two archives in one, of which the second would not be seen
    path = tmp_path / f"a{suffix}"
    path.write_bytes(gzip.compress(data) if suffix == ".tar.gz" else data)
    with pytest.raises(FormatError, match="neither a member nor its end: the archive is damaged"):
        _read(path)


@pytest.mark.parametrize("blocks", [1, 2, 20, 1000])
@pytest.mark.parametrize("suffix", [".tar", ".tar.gz"])
def test_an_archive_ends_with_any_number_of_blocks_of_zeros(tmp_path: Path, suffix: str, blocks: int) -> None:
    content = _tar(tmp_path / "whole.tar", LONG).read_bytes().rstrip(b"\0")
    content += bytes(-len(content) % 512 + 512 * blocks)
    path = tmp_path / f"a{suffix}"
    path.write_bytes(gzip.compress(content) if suffix == ".tar.gz" else content)
    assert list(_read(path).values()) == list(LONG.values())
    path.write_bytes(gzip.compress(content[:-512]) if suffix == ".tar.gz" else content[:-512])
    if blocks == 1:  # an interrupted `tar c | gzip` looks so
        with pytest.raises(FormatError, match="truncated"):
            _read(path)


@pytest.mark.parametrize("where", [-8, -4])
def test_checksum_and_length_of_every_part_of_a_gzip_count(tmp_path: Path, where: int) -> None:
    content = _tar(tmp_path / "whole.tar", LONG).read_bytes()
    parts = [gzip.compress(content[:3000]), gzip.compress(content[3000:]), bytes(100)]
    path = tmp_path / "a.tar.gz"
    path.write_bytes(b"".join(parts))
    assert list(_read(path).values()) == list(LONG.values())
    for part in (0, 1):
        damaged = bytearray(parts[part])
        damaged[where] ^= 1
        path.write_bytes(b"".join([*parts[:part], damaged, *parts[part + 1 :]]))
        with pytest.raises(FormatError, match="copy or download it again"):
            _read(path)


@pytest.mark.parametrize("suffix", [".tar.gz", ".tar.bz2", ".tar.xz"])
def test_no_flipped_bit_of_a_compressed_archive_loses_or_changes_anything(tmp_path: Path, suffix: str) -> None:
    rng = random.Random(0)
    files = {f"{number}.txt": rng.randbytes(40) * 4 for number in range(6)}
    path = _tar(tmp_path / f"a{suffix}", files)
    whole = path.read_bytes()
    for _ in range(150):
        damaged = bytearray(whole)
        damaged[rng.randrange(len(whole))] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged)
        try:
            assert list(_read(path).values()) == list(files.values())  # such as another date in the head of a gzip
        except FormatError as error:
            assert "again" in error.reason


def test_a_negative_size_ends(tmp_path: Path) -> None:
    path = _tar(tmp_path / "a.tar", {"x.txt": b"x" * 2000})
    data = bytearray(path.read_bytes())
    header = data[512:1024]  # behind that of the folder
    header[124:136] = (-512).to_bytes(12, "big", signed=True)
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    path.write_bytes(data[:512] + header + data[1024:])
    with pytest.raises(FormatError, match="the archive is damaged"):
        _read(path)


def test_what_is_no_tar_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(b"hello" * 500)
    (tmp_path / "b.tar.gz").write_bytes(b"hello" * 500)
    for name in ("a.tar", "b.tar.gz"):
        with pytest.raises(FormatError, match=name):
            list(list_members([tmp_path / name]))


def test_a_large_compressed_archive_must_be_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tar_member, "_REWIND_BYTES", 1000)
    ordered = {"train/a": b"1", "train/b": b"2" * 2000, "test/a": b"3", "test/c": b"4"}
    assert list(_read(_tar(tmp_path / "a.tar.gz", ordered)).values()) == [b"3", b"4", b"1", b"2" * 2000]
    with pytest.raises(FormatError, match="not in the order of their names"):
        _read(_tar(tmp_path / "b.tar.gz", {"b": b"2" * 2000, "a": b"1"}))
    assert list(_read(_tar(tmp_path / "b.tar", {"b": b"2" * 2000, "a": b"1"})).values()) == [b"1", b"2" * 2000]


@pytest.mark.parametrize("body", [b"9" * 700_000, b"9" * 3_000_000, b"a" * 3_000_000], ids=["digits", "long", "text"])
@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_long_header_does_not_take_for_ever(tmp_path: Path, kind: bytes, body: bytes) -> None:
    header = tarfile.TarInfo("x")
    header.type, header.size = kind, len(body)
    data = header.tobuf(tarfile.GNU_FORMAT) + body.ljust(-len(body) % 512 + len(body), b"\0")
    (tmp_path / "a.tar").write_bytes(data + _tar(tmp_path / "b.tar").read_bytes())
    with pytest.raises(FormatError, match=r"not a whole tar archive \(the header"):
        list(list_members([tmp_path / "a.tar"]))


def test_a_sparse_file_of_endless_parts_takes_no_memory(tmp_path: Path) -> None:
    header = tarfile.TarInfo("x")
    header.type = tarfile.GNUTYPE_SPARSE
    block = bytearray(header.tobuf(tarfile.GNU_FORMAT))
    block[386:410], block[482] = b"00000000001\0" * 2, 1
    block[148:156] = b"%06o\0 " % (sum(block[:148]) + 8 * 32 + sum(block[156:]))
    part = b"00000000001\0" * 42 + b"\1" + bytes(7)
    (tmp_path / "a.tar").write_bytes(bytes(block) + part * 5000)
    with pytest.raises(FormatError, match="the headers of a member have more"):
        list(list_members([tmp_path / "a.tar"]))
