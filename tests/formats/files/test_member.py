from __future__ import annotations

import os
import socket
import tarfile
import zipfile
from pathlib import Path

import pytest

from dualhead.formats.files.member import list_members
from dualhead.runtime.errors import FormatError
from tests.formats.making import make_zip


def _read(path: Path) -> dict[str, bytes]:
    return {found.where: found.read() for found in list_members([path])}


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])
def test_folders_archives_and_archives_in_folders_are_read_in_order(tmp_path: Path, method: int) -> None:
    raw = tmp_path / "raw"
    make_zip(raw / "b.zip", {"in/y.txt": b"y" * 1000, "in/x.txt": b"", "in/._x.txt": b"shadow"}, method)
    (raw / "c").mkdir()
    (raw / "c" / "z.txt").write_bytes(b"z")
    (raw / "a.txt").write_bytes(b"a")
    expected = {"raw/a.txt": b"a", "raw/b.zip/in/x.txt": b"", "raw/b.zip/in/y.txt": b"y" * 1000, "raw/c/z.txt": b"z"}
    assert list(_read(raw).items()) == list(expected.items())
    assert list(_read(raw / "b.zip")) == ["b.zip/in/x.txt", "b.zip/in/y.txt"]
    assert _read(raw / "a.txt") == {"a.txt": b"a"}


def test_stores_are_left_out_and_folders_like_them_are_not(tmp_path: Path) -> None:
    for name in ("s/meta.json", "s/joints.npy", "s/index.npz", "t.partial/plan.json", "t.partial/store/joints.npy",
                 "u/joints.npy", "u/meta.json", "v.partial/a.json", "w/plan.json"):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    found = [member.where.removeprefix(f"{tmp_path.name}/") for member in list_members([tmp_path])]
    assert found == ["u/joints.npy", "u/meta.json", "v.partial/a.json", "w/plan.json"]


def test_a_link_back_up_ends(tmp_path: Path) -> None:
    (tmp_path / "raw" / "sub").mkdir(parents=True)
    (tmp_path / "raw" / "sub" / "a.txt").write_bytes(b"a")
    (tmp_path / "raw" / "sub" / "up").symlink_to(tmp_path / "raw")
    assert list(_read(tmp_path / "raw")) == ["raw/sub/a.txt"]


def test_a_broken_link_and_a_vanished_file_are_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.txt").symlink_to(tmp_path / "nowhere")
    (tmp_path / "b.txt").write_bytes(b"b")
    found = list(list_members([tmp_path]))
    (tmp_path / "b.txt").unlink()
    for one in found:
        with pytest.raises(FormatError, match="removed after"):
            one.read()


def test_a_missing_path_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no such file or folder"):
        list(list_members([tmp_path / "nothing"]))


def test_pipes_sockets_and_devices_are_never_opened(tmp_path: Path) -> None:
    for name in ("a.skeleton", "b.zip", "c.tar.gz"):
        os.mkfifo(tmp_path / name)
    server = socket.socket(socket.AF_UNIX)
    server.bind(os.path.relpath(tmp_path / "d.json"))  # a path of a socket must be short
    (tmp_path / "e.json").symlink_to("/dev/zero")
    found = list(list_members([tmp_path, tmp_path / "b.zip"]))
    server.close()
    assert len(found) == 6
    for one in found:
        with pytest.raises(FormatError, match=f"{one.file_name}: it is a named pipe, a socket or a device"):
            one.read()


def test_names_from_outside_cannot_steer_a_terminal(tmp_path: Path) -> None:
    name = "\x1b[31mred.txt"
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / name).write_bytes(b"")
    make_zip(tmp_path / "raw" / "a.zip", {name: b"a"})
    with tarfile.open(tmp_path / "raw" / "b.tar", "w") as archive:
        archive.addfile(tarfile.TarInfo(name))
    shown = "<1b>[31mred.txt"
    assert [*_read(tmp_path / "raw")] == [f"raw/{shown}", f"raw/a.zip/{shown}", f"raw/b.tar/{shown}"]
