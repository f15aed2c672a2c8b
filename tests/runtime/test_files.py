from __future__ import annotations

import errno
import os
import re
import socket
import stat
import tempfile
from pathlib import Path
from typing import Any

import pytest

from dualhead.runtime.errors import ConfigError
from dualhead.runtime.files import check_apart, check_writable, naming, remove_temporaries, replacing, write_text


def _refuse(*_: Any, **options: Any) -> Any:
    raise PermissionError(errno.EACCES, "Permission denied", f"{options['dir']}/.hidden")


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.txt"
    write_text(path, "one")
    with replacing(path) as temporary:
        temporary.write_text("two")
        assert (path.read_text(), temporary.parent, temporary.suffix) == ("one", path.parent, ".txt")
    assert path.read_text() == "two"
    assert [entry.name for entry in path.parent.iterdir()] == ["a.txt"]


def test_an_interrupt_leaves_what_was_there(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "one")
    with pytest.raises(KeyboardInterrupt), replacing(tmp_path / "a.txt") as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a.txt", "one")]


def test_an_error_names_the_file_that_was_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(NotADirectoryError) as below_a_file:
        write_text(tmp_path / "file" / "a.txt", "x")
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError) as onto_a_folder:
        write_text(tmp_path / "folder", "x")
    with pytest.raises(FileNotFoundError) as vanished, replacing(tmp_path / "a.txt") as temporary:
        temporary.unlink()
        temporary.open("rb")
    with pytest.raises(FileNotFoundError) as another, replacing(tmp_path / "a.txt"):
        (tmp_path / "source").open("rb")
    monkeypatch.setattr(tempfile, "mkstemp", _refuse)
    with pytest.raises(PermissionError) as refused:
        write_text(tmp_path / "a.txt", "x")
    names = [Path(str(info.value.filename)).relative_to(tmp_path) for info in (below_a_file, onto_a_folder, vanished)]
    assert [str(name) for name in names] == ["file/a.txt", "folder", "a.txt"]
    assert another.value.filename == str(tmp_path / "source")
    assert refused.value.filename == str(tmp_path / "a.txt")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


def test_naming_keeps_the_kind_of_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No space left") as caught, naming(tmp_path / "run"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(tmp_path / "run"))
    without_number = OSError("odd")
    with pytest.raises(OSError, match="odd") as same, naming(tmp_path):
        raise without_number
    assert same.value is without_number


def test_a_place_is_tried_before_long_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_text(tmp_path / "a.npz", "old")
    check_writable(tmp_path / "a.npz")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a.npz", "old")]
    with pytest.raises(IsADirectoryError):
        check_writable(tmp_path)
    monkeypatch.setattr(tempfile, "mkstemp", _refuse)
    with pytest.raises(PermissionError, match=r"a\.npz"):
        check_writable(tmp_path / "a.npz")


def test_a_link_leads_to_the_file_that_is_replaced(tmp_path: Path) -> None:
    write_text(tmp_path / "there" / "real.txt", "old")
    (tmp_path / "link.txt").symlink_to(Path("there") / "real.txt")
    (tmp_path / "ahead.txt").symlink_to(Path("there") / "new.txt")
    for name in ("link.txt", "ahead.txt"):
        check_writable(tmp_path / name)
        write_text(tmp_path / name, "new")
        assert (tmp_path / name).is_symlink()
    assert {path.name: path.read_text() for path in (tmp_path / "there").iterdir()} == {
        "real.txt": "new",
        "new.txt": "new",
    }
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(OSError, match="symbolic links") as caught:
        write_text(tmp_path / "loop", "x")
    assert (caught.value.filename, (tmp_path / "loop").is_symlink()) == (str(tmp_path / "loop"), True)


def test_what_is_no_file_is_never_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the name of a socket may be no longer than about 100 bytes
    os.mkfifo("pipe")
    with socket.socket(socket.AF_UNIX) as plug:
        plug.bind("socket")
        for name in ("pipe", "socket"):
            with pytest.raises(ConfigError, match=f"^{name} is a device, a pipe or a socket"):
                write_text(name, "x")
        for name in ("pipe", "socket", os.devnull):
            with pytest.raises(ConfigError, match=f"^{re.escape(name)} is a device, a pipe or a socket"):
                check_writable(name)
    kinds = {path.name: stat.S_IFMT(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert kinds == {"pipe": stat.S_IFIFO, "socket": stat.S_IFSOCK}


def test_what_is_read_is_not_written_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_text("store/meta.json", "{}")
    write_text("a.npz", "scores")
    Path("link.npz").symlink_to("a.npz")
    Path("near").symlink_to("store")
    for out in ("a.npz", "./a.npz", "store/../a.npz", "link.npz"):
        with pytest.raises(ConfigError, match=f"^{re.escape(out)} is an input and would be overwritten"):
            check_apart(out, ["b.npz", tmp_path / "a.npz"])
    for out in ("store/meta.json", "near/new/page.html"):
        with pytest.raises(ConfigError, match=f"^{re.escape(out)} is inside store, which is an input"):
            check_apart(out, ["store"])
    check_apart("store.npz", ["a.npz", "store", "b.npz"])


def test_what_is_no_text_is_named_in_it(tmp_path: Path) -> None:
    write_text(tmp_path / "a.html", "\ud800 été \udc80")
    assert (tmp_path / "a.html").read_text("utf-8") == "\\ud800 été \\udc80"


def test_temporaries_of_a_killed_process_are_removed_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    kept = [".lock", "a.npz", ".hidden", ".a-b.txt", "run-abcdefgh.json"]
    left = [".run-abcd_f9h.json", "below/.last-abcdefg1.npz", ".plan-abcdefgh"]
    for name in (*kept, *left):
        (tmp_path / name).write_text("")
    with replacing(tmp_path / "odd name.v1.npz") as temporary:
        assert temporary.exists()
        remove_temporaries(tmp_path)
        assert not temporary.exists()  # whoever calls it has made sure that nobody else writes
        temporary.write_text("")
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == sorted([*kept, "odd name.v1.npz"])
    assert not list((tmp_path / "below").iterdir())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_names_the_file_that_was_asked_for(tmp_path: Path) -> None:
    with pytest.raises(OSError) as caught, replacing(tmp_path / "a.bin"), Path("/dev/full").open("wb") as full:
        full.write(b"x")
        full.flush()  # as a full disk refuses an open file: without a name
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(tmp_path / "a.bin"))
    assert not list(tmp_path.iterdir())
