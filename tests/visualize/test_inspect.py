from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dualhead.cli import BROKEN_PIPE, main
from dualhead.inspection.file_story import FileStory
from dualhead.inspection.store_inspection import StoreInspection
from dualhead.runtime.errors import ConfigError, FormatError, StoreError
from dualhead.visualize.inspect import inspect
from tests.data.small_store import make_store
from tests.formats.making import make_skeleton


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inspect")
    make_store(folder)
    (folder / "whole.skeleton").write_bytes(make_skeleton(frames=3))
    (folder / "cut.skeleton").write_bytes(make_skeleton(frames=3)[:-500])
    return folder


def test_a_store_is_printed_and_becomes_a_page(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = inspect(folder / "store", folder / "page.html", top=2)
    assert isinstance(found, StoreInspection)
    assert capsys.readouterr().out == ""
    assert main(["inspect", str(folder / "store"), "--out", str(folder / "page.html"), "--top", "2"]) == 0
    text = capsys.readouterr().out
    for part in ("45 clips of ucla", "subject (5 values)  1: 9", "45 clips look suspicious, 2 shown", "page.html"):
        assert part in text
    assert (folder / "page.html").read_text().count("<svg") >= 10


def test_a_file_is_printed_with_its_damage(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert isinstance(inspect(folder / "cut.skeleton"), FileStory)
    assert main(["inspect", str(folder / "whole.skeleton"), "--quiet"]) == 0
    assert capsys.readouterr().out == ""
    assert main(["inspect", str(folder / "cut.skeleton")]) == 1
    assert "it is truncated" in capsys.readouterr().out


def test_it_is_a_command(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(folder / "whole.skeleton")]) == 0
    assert "3 frames; bodies: 3 with 1" in capsys.readouterr().out
    assert main(["inspect", str(folder / "nothing")]) == 1
    assert "no such file or folder" in capsys.readouterr().err
    np.save(folder / "mine.npy", np.ones((4, 25, 3)))
    assert main(["inspect", str(folder / "mine.npy"), "--skeleton", "ntu25"]) == 0
    assert "mine.npy: 4 frames; bodies: 4 with 1" in capsys.readouterr().out


def test_a_store_is_compared_to_its_fingerprint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = make_store(tmp_path, subjects=(1,))
    assert main(["inspect", str(store.path), "--verify"]) == 0
    assert f"content as it was prepared: fingerprint {store.fingerprint}" in capsys.readouterr().out
    data = bytearray((store.path / "joints.npy").read_bytes())
    data[-4] ^= 1  # the last bit of a number
    (store.path / "joints.npy").write_bytes(data)
    assert main(["inspect", str(store.path)]) == 0
    assert main(["inspect", str(store.path), "--verify"]) == 1
    assert "is not what was prepared" in capsys.readouterr().err
    with pytest.raises(ConfigError, match="is a raw file, which has no fingerprint"):
        inspect(tmp_path / "raw" / f"{store.names[0]}.json", verify=True)


def test_what_cannot_be_done_is_a_sentence(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="top is -1"):
        inspect(folder / "store", top=-1)
    with pytest.raises(ConfigError, match="only a store has a page"):
        inspect(folder / "whole.skeleton", tmp_path / "page.html")
    with pytest.raises(ConfigError, match="a store has its own skeleton"):
        inspect(folder / "store", skeleton="ntu25")
    with pytest.raises(FormatError, match="no such file"):
        inspect(folder / "nothing")
    with pytest.raises(StoreError, match="contains no store"):
        inspect(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_page_is_not_written_into_the_store(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = make_store(tmp_path, subjects=(1,))
    before = (store.path / "meta.json").read_bytes()
    assert main(["inspect", str(store.path), "--out", str(store.path / "meta.json")]) == 1
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert "is inside" in said.err
    assert (store.path / "meta.json").read_bytes() == before


def test_the_page_is_there_even_if_nobody_reads_the_tables(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(*_: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr("dualhead.visualize.inspection_tables.print_store", closed)
    with monkeypatch.context() as patch:
        patch.setattr("os.dup2", lambda *_: None)
        assert main(["inspect", str(folder / "store"), "--out", str(folder / "unread.html")]) == BROKEN_PIPE
    assert (folder / "unread.html").is_file()


def test_a_damaged_file_exits_with_1(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(folder / "cut.skeleton")]) == 1
    said = capsys.readouterr().out
    assert "interpreted as the .skeleton text of NTU RGB+D" in said
    assert "it is truncated" in said
    (folder / "cut.json").write_text('{"people": [')
    assert main(["inspect", str(folder / "cut.json")]) == 1
    assert main(["inspect", str(folder / "whole.skeleton")]) == 0
