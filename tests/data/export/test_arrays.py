from __future__ import annotations

import errno
import os
import pickle
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from dualhead.cli import main
from dualhead.data.export import arrays as module
from dualhead.data.export.arrays import export_arrays
from dualhead.data.prepare.prepare import prepare
from dualhead.data.recipes.recipes import STREAMS, get_recipe
from dualhead.data.store.store import Store, open_store
from dualhead.runtime.errors import ConfigError, StoreError
from tests.formats.kinetics.test_parse import write_tree
from tests.formats.making import make_ntu_tree


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Nine recordings of one or two bodies and 1 to 5 frames; cameras 2 and 3 train."""
    raw = make_ntu_tree(tmp_path / "raw", 9, frames=5)
    prepare("ntu60", raw, tmp_path / "store", workers=1, quiet=True)
    return open_store(tmp_path / "store")


def test_the_published_layout(store: Store, tmp_path: Path) -> None:
    written = export_arrays(store, tmp_path / "out" / "xview", protocol="xview", quiet=True)
    assert [path.name for path in written] == sorted(
        [f"{split}_data_{stream}.npy" for split in ("train", "val") for stream in STREAMS]
        + ["dualhead.json", "train_label.pkl", "val_label.pkl"]
    )
    assert not (tmp_path / "out" / "xview.partial").exists()
    train, test = store.split("xview")
    for split, rows in (("train", train), ("val", test)):
        names, labels = pickle.loads((tmp_path / "out" / "xview" / f"{split}_label.pkl").read_bytes())  # noqa: S301
        assert names == store.names[rows].tolist() and labels == store.labels[rows].tolist()
        for stream in STREAMS:
            data = np.load(tmp_path / "out" / "xview" / f"{split}_data_{stream}.npy", mmap_mode="r")
            assert data.shape == (len(rows), 3, 300, 25, 2) and data.dtype == np.float32
            for clip, row in zip(data, rows, strict=True):
                np.testing.assert_array_equal(clip, get_recipe("dualhead").clip(store[int(row)], stream))


def test_what_is_written_is_read_back(store: Store, tmp_path: Path) -> None:
    export_arrays(store, tmp_path / "arrays", protocol="xview", streams=["joint"], quiet=True)
    prepare("published", tmp_path / "arrays", tmp_path / "back", workers=1, quiet=True)
    back = open_store(tmp_path / "back")
    assert back.names.tolist() == store.names.tolist()
    assert back.labels.tolist() == store.labels.tolist()
    assert back.fields["subject"].tolist() == store.fields["subject"].tolist()
    for ours, theirs in zip(back.split("xview"), store.split("xview"), strict=True):
        assert ours.tolist() == theirs.tolist()
    for stream in STREAMS:
        for row in range(len(store)):
            clip = get_recipe("dualhead").clip(back[row], stream)
            np.testing.assert_array_equal(clip, get_recipe("dualhead").clip(store[row], stream))
    with pytest.raises(ConfigError, match="was normalised and padded by recipe 'dualhead'"):
        get_recipe("resample64").clip(back[0], "joint")
    assert back.meta["prepared"] == "dualhead" and back.meta["notes"]


@pytest.mark.parametrize("recipe", ["resample64", "ucla52", "uniform100", "dualhead20"])
def test_the_recipe_comes_back_and_no_other_takes_the_clips(store: Store, tmp_path: Path, recipe: str) -> None:
    export_arrays(store, tmp_path / "arrays", protocol="xview", streams=["joint"], recipe=recipe, quiet=True)
    prepare("published", tmp_path / "arrays", tmp_path / "back", workers=1, quiet=True)
    back, chosen = open_store(tmp_path / "back"), get_recipe(recipe)
    assert back.meta["prepared"] == recipe
    for stream in STREAMS if recipe != "uniform100" else STREAMS[:2]:
        for row in range(len(store)):
            np.testing.assert_array_equal(chosen.clip(back[row], stream), chosen.clip(store[row], stream))
    with pytest.raises(ConfigError, match=f"was normalised and padded by recipe {recipe!r}"):
        get_recipe("dualhead").clip(back[0], "joint")


def test_flat_data_come_back_with_their_scores(tmp_path: Path) -> None:
    prepare("kinetics", write_tree(tmp_path / "raw"), tmp_path / "store", workers=1, quiet=True)
    store = open_store(tmp_path / "store")
    export_arrays(store, tmp_path / "arrays", protocol="official", recipe="moving300", quiet=True)  # test clips alike
    prepare("published", tmp_path / "arrays", tmp_path / "back", workers=1, quiet=True)
    back = open_store(tmp_path / "back")
    assert (back.classes, back.skeleton, list(back.protocols)) == (store.classes, store.skeleton, ["official"])
    assert back.names.tolist() == store.names.tolist() == ["a", "b", "c", "d"]  # b, without anybody, too
    for stream in STREAMS:
        for row in range(len(store)):
            clip = get_recipe("dualhead").clip(back[row], stream)
            np.testing.assert_array_equal(clip, get_recipe("dualhead").clip(store[row], stream))


def test_interrupted_work_keeps_whole_arrays(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    real = module.replacing

    def replacing(path: Path) -> Any:
        calls.append(path.name)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(path)

    monkeypatch.setattr(module, "replacing", replacing)
    with pytest.raises(KeyboardInterrupt):
        export_arrays(store, tmp_path / "out", protocol="xsub", quiet=True)
    assert not (tmp_path / "out").exists()
    (tmp_path / "out.partial" / "arrays" / ".half.npy").write_bytes(b"x")  # what a kill leaves behind
    export_arrays(store, tmp_path / "out", protocol="xsub", quiet=True)
    assert len(calls) == 3 + 6 + 2 and len(set(calls)) == 10
    assert len(list((tmp_path / "out").iterdir())) == 11
    export_arrays(store, tmp_path / "whole", protocol="xsub", quiet=True)
    for path in (tmp_path / "whole").iterdir():
        assert (tmp_path / "out" / path.name).read_bytes() == path.read_bytes()


def test_the_folder_that_one_is_in(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    written = export_arrays(store, ".", protocol="xview", streams=["joint"], quiet=True)
    assert written == [tmp_path / "here" / path.name for path in written]
    assert sorted(path.name for path in Path().iterdir()) == [path.name for path in written] and len(written) == 5
    assert not (tmp_path / "here.partial").exists()


def test_a_folder_s_name_is_shown_and_never_obeyed(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [
        "export-arrays",
        str(store.path),
        str(tmp_path / "[red]a\x07"),
        "--protocol",
        "xview",
        "--streams",
        "joint",
    ]
    assert main(words) == 0
    assert f"{tmp_path}/[red]a<07>: dualhead.json, train_data_joint.npy, " in capsys.readouterr().out


def test_work_on_something_else_is_started_anew(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(module, "_write_labels", stop)
        export_arrays(store, tmp_path / "out", protocol="xsub", streams=["bone"], quiet=True)
    written = export_arrays(store, tmp_path / "out", protocol="xview", streams=["joint"], quiet=True)
    assert len(written) == 5 and not (tmp_path / "out.partial").exists()


def test_what_others_keep_in_a_folder_of_that_name_stays(store: Store, tmp_path: Path) -> None:
    mine = tmp_path / "out.partial" / "arrays" / "mine.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("x")
    with pytest.raises(StoreError, match=r"out\.partial, .*is not what an interrupted call .*: choose another folder"):
        export_arrays(store, tmp_path / "out", protocol="xsub", quiet=True)
    assert mine.read_text() == "x" and list((tmp_path / "out.partial").iterdir()) == [mine.parent]


def test_an_interrupted_preparation_of_that_name_stays(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("dualhead.data.prepare.prepare._finish", stop)
        prepare("ntu60", tmp_path / "raw", tmp_path / "out", workers=1, quiet=True)
    before = sorted((tmp_path / "out.partial").rglob("*"))
    with pytest.raises(StoreError, match="is not what an interrupted call like this one leaves"):
        export_arrays(store, tmp_path / "out", protocol="xsub", quiet=True)
    assert sorted((tmp_path / "out.partial").rglob("*")) == before and len(before) == 5


@pytest.mark.skipif(sys.platform == "win32", reason="no file locks")
def test_two_processes_do_not_write_the_same_arrays(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = [sys.executable, "-m", "dualhead", "export-arrays", store.path, tmp_path / "out", "--protocol", "xsub"]
    seen: list[str] = []
    real = module._write_labels

    def write_labels(*arguments: Any) -> None:
        seen.append(subprocess.run(words, capture_output=True, text=True, check=False).stderr)
        real(*arguments)

    monkeypatch.setattr(module, "_write_labels", write_labels)
    assert len(export_arrays(store, tmp_path / "out", protocol="xsub", streams=["joint"], quiet=True)) == 5
    assert len(seen) == 2 and all(f"process {os.getpid()} on host" in text for text in seen)


def _nearly_full(_: Path) -> SimpleNamespace:
    return SimpleNamespace(free=10)


def test_a_full_disk_is_a_sentence(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(module, "_write_labels", full)
        with pytest.raises(StoreError, match="No space left on device"):
            export_arrays(store, tmp_path / "out", protocol="xsub", quiet=True)
    assert not (tmp_path / "out").exists()
    (tmp_path / "out.partial" / "arrays" / "val_data_bone.npy").unlink()
    monkeypatch.setattr(module.shutil, "disk_usage", _nearly_full)
    with pytest.raises(StoreError, match=r"0\.0.*GB"):
        export_arrays(store, tmp_path / "out", protocol="xsub", quiet=True)
    assert (tmp_path / "out.partial" / "arrays" / "train_data_bone.npy").exists()


def test_no_room_from_the_start_leaves_nothing(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = sorted(tmp_path.iterdir())
    monkeypatch.setattr(module.shutil, "disk_usage", _nearly_full)
    with pytest.raises(StoreError, match=r"0\.0.*GB.*0\.0.*GB"):
        export_arrays(store, tmp_path / "out", protocol="xsub", quiet=True)
    assert sorted(tmp_path.iterdir()) == before


def test_what_cannot_be_done_is_a_sentence(store: Store, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("x")
    with pytest.raises(StoreError, match="already exists"):
        export_arrays(store, tmp_path / "out", protocol="xsub", quiet=True)
    with pytest.raises(ConfigError, match="did you mean 'xsub'"):
        export_arrays(store.path, tmp_path / "new", protocol="xsubs", quiet=True)
    with pytest.raises(ConfigError, match="did you mean 'bone'"):
        export_arrays(store, tmp_path / "new", protocol="xsub", streams=["bones"], quiet=True)  # type: ignore[list-item]
