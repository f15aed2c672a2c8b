from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from dualhead.errors import FormatError
from dualhead.formats import tar_member
from dualhead.formats.member import list_members

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
