from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dualhead.data.store.store import open_store
from dualhead.data.store.writer import Chunk, Row, StoreWriter, disk_errors, remove_leftover
from dualhead.formats.source import Rejected, Source
from dualhead.formats.ucla import ucla
from dualhead.runtime.errors import StoreError

META = {"dataset": "ucla", "body_selection": "order", "counts": {"samples": 2}}
PLAN = {"what": "this"}


def _chunk(name: str, frames: int = 2, channels: int = 3) -> Chunk:
    values = np.arange(frames * 20 * channels, dtype="<f4")
    row = Row(name, 1, frames, 1, (1, 2, 3), f"digest of {name}")
    return Chunk(values.tobytes(), (row,), (Rejected(f"not-{name}", "x", "bad", line=7),))


def _write(out: Path, *chunks: Chunk, source: Source | None = None) -> None:
    with StoreWriter(out, PLAN) as writer:
        for chunk in chunks[writer.chunks :]:
            writer.append(chunk)
        writer.finish(source or ucla(), META)


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_a_finished_store_opens_and_nothing_else_is_left(tmp_path: Path) -> None:
    _write(tmp_path / "out", _chunk("a"), _chunk("b", 3))
    store = open_store(tmp_path / "out")
    assert store.names.tolist() == ["a", "b"]
    assert store.frames.tolist() == [2, 3]
    assert store[1].joints[0, 0, 1].tolist() == [3, 4, 5]
    assert store[1].fields == {"camera": 1, "subject": 2, "repeat": 3}
    assert [rejected["name"] for rejected in store.meta["rejected"]] == ["not-a", "not-b"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_confidence_is_one_more_channel(tmp_path: Path) -> None:
    source = replace(ucla(), has_confidence=True)
    _write(tmp_path / "out", _chunk("a", channels=4), _chunk("b", channels=4), source=source)
    sequence = open_store(tmp_path / "out")[0]
    assert sequence.joints[0, 0, 1].tolist() == [4, 5, 6]
    assert sequence.confidence is not None
    assert sequence.confidence[0, 0, :3].tolist() == [3, 7, 11]


def test_what_follows_the_last_whole_journal_line_is_cut_off(tmp_path: Path) -> None:
    _write(tmp_path / "whole", _chunk("a"), _chunk("b", 3))
    with StoreWriter(tmp_path / "out", PLAN) as writer:
        writer.append(_chunk("a"))
    partial = tmp_path / "out.partial"
    with (partial / "journal.jsonl").open("ab") as file:
        file.write(b'{"size": 99, "ro')
    with (partial / "store" / "joints.npy").open("ab") as file:
        file.write(b"half a chunk")
    with StoreWriter(tmp_path / "out", PLAN) as writer:
        assert (writer.chunks, [row.name for row in writer.rows], writer.restarted) == (1, ["a"], False)
        assert writer.rejected == [Rejected("not-a", "x", "bad", line=7)]
    _write(tmp_path / "out", _chunk("a"), _chunk("b", 3))
    assert _contents(tmp_path / "out") == _contents(tmp_path / "whole")


@pytest.mark.parametrize("damage", ["plan", "joints", "journal"])
def test_work_that_cannot_be_gone_on_with_is_started_anew(tmp_path: Path, damage: str) -> None:
    with StoreWriter(tmp_path / "out", PLAN) as writer:
        writer.append(_chunk("a"))
    plan = dict(PLAN)
    if damage == "plan":
        plan["what"] = "that"
    elif damage == "joints":
        (tmp_path / "out.partial" / "store" / "joints.npy").write_bytes(b"")
    else:
        (tmp_path / "out.partial" / "journal.jsonl").write_bytes(b"\0\0\0\n")
    with StoreWriter(tmp_path / "out", plan) as writer:
        assert (writer.chunks, writer.rows, writer.rejected, writer.restarted) == (0, [], [], True)
        writer.append(_chunk("b"))
        writer.append(_chunk("c"))
        writer.finish(ucla(), META)
    assert open_store(tmp_path / "out").names.tolist() == ["b", "c"]


def test_a_finished_store_that_was_not_renamed_yet_is_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write(tmp_path / "whole", _chunk("a"), _chunk("b"))

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", fail)
        with pytest.raises(StoreError, match="No space left on device; what is done so far is kept"):
            _write(tmp_path / "out", _chunk("a"), _chunk("b"))
    assert not (tmp_path / "out").exists()
    _write(tmp_path / "out", _chunk("a"), _chunk("b"))
    assert _contents(tmp_path / "out") == _contents(tmp_path / "whole")


def test_the_fingerprint_depends_on_content_alone(tmp_path: Path) -> None:
    def fingerprint(place: str, *chunks: Chunk) -> str:
        _write(tmp_path / place, *chunks)
        return open_store(tmp_path / place).fingerprint

    first, second = _chunk("a"), _chunk("b")
    together = Chunk(first.data + second.data, first.rows + second.rows, ())
    assert fingerprint("1", first, second) == fingerprint("2", together)
    other = replace(second, rows=(replace(second.rows[0], digest="other"),))
    relabelled = replace(second, rows=(replace(second.rows[0], label=2),))
    assert len({fingerprint(str(n), first, chunk) for n, chunk in enumerate((second, other, relabelled), 3)}) == 3


@pytest.mark.skipif(sys.platform == "win32", reason="no file locks")
def test_two_processes_do_not_write_the_same_store(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path\n"
        "from dualhead.data.store.writer import StoreWriter\n"
        "from dualhead.runtime.errors import StoreError\n"
        "try: StoreWriter(Path(sys.argv[1]), {'what': 'this'})\n"
        "except StoreError as error: print(error)\n"
    )
    with StoreWriter(tmp_path / "out", PLAN):
        run = subprocess.run(
            [sys.executable, "-c", script, tmp_path / "out"], capture_output=True, text=True, check=True
        )
    assert f"process {os.getpid()} on host" in run.stdout


def test_what_others_keep_in_a_folder_of_that_name_stays(tmp_path: Path) -> None:
    mine = tmp_path / "out.partial" / "store" / "mine.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("x")
    with pytest.raises(StoreError, match=r"out\.partial, .*is not what an interrupted call"):
        StoreWriter(tmp_path / "out", PLAN)
    assert mine.read_text() == "x"


def test_an_error_of_the_disk_is_a_sentence(tmp_path: Path) -> None:
    with (
        pytest.raises(
            StoreError,
            match=r"cannot write .*here: Permission denied",
        ),
        disk_errors(tmp_path / "here"),
    ):
        raise PermissionError(13, "Permission denied")
    with (
        pytest.raises(StoreError, match=r"here: Permission denied; what is done so far is kept"),
        disk_errors(tmp_path / "here", lambda: True),
    ):
        raise PermissionError(13, "Permission denied")


def test_only_what_is_written_is_said_to_be_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    out = tmp_path / "out"
    with (
        StoreWriter(out, PLAN) as writer,
        monkeypatch.context() as patch,
        pytest.raises(StoreError, match=rf"^cannot write {out}: No "),
    ):
        patch.setattr("dualhead.data.store.writer._sync", full)
        writer.append(_chunk("a"))
    with StoreWriter(out, PLAN) as writer:
        writer.append(_chunk("a"))
        with monkeypatch.context() as patch, pytest.raises(StoreError, match=rf"^cannot write {out}: No .*; what is"):
            patch.setattr("dualhead.data.store.writer._sync", full)
            writer.append(_chunk("b"))


def test_what_stops_before_anything_is_done_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), StoreWriter(tmp_path / "out", PLAN):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(KeyboardInterrupt), StoreWriter(tmp_path / "out", PLAN) as writer:
        writer.append(_chunk("a"))
        raise KeyboardInterrupt
    with StoreWriter(tmp_path / "out", PLAN) as writer:
        assert writer.chunks == 1


def test_a_leftover_is_removed_only_where_the_store_was_moved_out(tmp_path: Path) -> None:
    partial = tmp_path / "out.partial"
    (partial / "store").mkdir(parents=True)
    (partial / "lock").touch()
    remove_leftover(tmp_path / "out")
    assert partial.exists()
    (partial / "store").rmdir()
    remove_leftover(tmp_path / "out")
    assert not partial.exists()
    remove_leftover(tmp_path / "out")
