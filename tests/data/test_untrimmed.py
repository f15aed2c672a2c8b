from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from dualhead.cli import main
from dualhead.data.prepare.prepare import prepare
from dualhead.data.store.store import open_store
from dualhead.data.untrimmed import read_untrimmed
from dualhead.runtime.errors import ConfigError, FormatError
from tests.inference.builders import walk, write_checkpoint

TABLE = "name,label,start,stop,take\nlong,clap,10,40,1\nlong,wave,40,70,1\nother,clap,0,30,2\n"


def make_set(folder: Path, table: str = TABLE, more: str = "") -> Path:
    (folder / "clips").mkdir(parents=True)
    for seed, name in enumerate(("long", "other")):
        np.save(folder / "clips" / f"{name}.npy", np.float32(0.4) * walk(seed, frames=100)[0])
    if table:
        (folder / "table.csv").write_text(table)
    (folder / "dataset.yaml").write_text(f"skeleton: ntu25\nbodies: 1\n{more}")
    return folder


def stored(raw: Path, out: Path, **options: str) -> dict[str, tuple[str, int]]:
    prepare("custom", raw, out, workers=1, quiet=True, **options)  # type: ignore[arg-type]
    store = open_store(out)
    return {
        str(name): (store.classes[label], int(frames))
        for name, label, frames in zip(store.names, store.labels, store.frames, strict=True)
    }


def test_every_line_of_a_table_is_a_clip(tmp_path: Path) -> None:
    raw = make_set(tmp_path / "raw", more="protocols: {p: {field: take, train: [1]}}\n")
    assert stored(raw, tmp_path / "store") == {
        "long_000010_000040": ("clap", 30),
        "long_000040_000070": ("wave", 30),
        "other_000000_000030": ("clap", 30),
    }
    np.testing.assert_array_equal(
        open_store(tmp_path / "store")[1].joints[0], np.float32(0.4) * walk(0, frames=100)[0, 40:70]
    )
    assert [len(rows) for rows in open_store(tmp_path / "store").split("p")] == [2, 1]


def test_what_lies_between_may_be_a_class(tmp_path: Path) -> None:
    found = stored(make_set(tmp_path / "raw"), tmp_path / "store", background="rest")
    assert found["long_000000_000010"] == ("rest", 10)
    assert len(found) == 4
    with pytest.raises(ConfigError, match="'ucla' has no intervals"):
        prepare("ucla", tmp_path / "raw", tmp_path / "x", background="rest")
    whole = make_set(tmp_path / "whole", "name,label\nlong,clap\nother,wave\n")
    with pytest.raises(FormatError, match="'start' and 'stop'"):
        prepare("custom", whole, tmp_path / "x", background="rest")


def test_seconds_need_a_frame_rate(tmp_path: Path) -> None:
    table = "name,label,start,stop\nlong,clap,0.5,1.5\nother,wave,1,2\n"
    found = stored(make_set(tmp_path / "raw", table, "fps: 30\n"), tmp_path / "store")
    assert {frames for _, frames in found.values()} == {30}
    assert open_store(tmp_path / "store")[0].fps == 30
    report = make_set(tmp_path / "unknown", table)
    with pytest.raises(Exception, match="the frame rate is not known: pass fps"):
        prepare("custom", report, tmp_path / "x", workers=1, quiet=True)


@pytest.mark.parametrize(
    ("labels", "more"),
    [("0 30 clap\n30 60 wave\n", ""), ("1,0,30,2\n2,30,60,1\n", "classes: [clap, wave]\n")],
)
def test_label_files_beside_the_clips(tmp_path: Path, labels: str, more: str) -> None:
    raw = make_set(tmp_path / "raw", "", more)
    (raw / "labels").mkdir()
    for name in ("long", "other"):
        (raw / "labels" / f"{name}.txt").write_text(labels)
    found = stored(raw, tmp_path / "store")
    assert sorted(found.values()) == [("clap", 30), ("clap", 30), ("wave", 30), ("wave", 30)]
    assert [item.intervals for item in read_untrimmed(raw)] == [((0, 30, "clap"), (30, 60, "wave"))] * 2


def test_an_untrimmed_set_is_scored_over_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    raw = make_set(tmp_path / "raw")
    joint = str(write_checkpoint(tmp_path / "joint.safetensors", classes=["clap", "wave"]))
    out = tmp_path / "figures.json"
    assert main(["evaluate", joint, str(raw), "--window", "30", "--out", str(out)]) == 0
    assert "mAP at IoU 0.5" in capsys.readouterr().out
    figures = json.loads(out.read_text())
    assert (figures["recordings"], figures["frames"]) == (2, 90)
    assert list(figures["map"]) == ["0.1", "0.3", "0.5", "0.7"]
    assert all(0 <= value <= 1 for value in figures["map"].values())
    assert main(["evaluate", joint, str(raw), "--stride", "5"]) == 1
    assert "stride needs a window" in capsys.readouterr().err
    other = str(write_checkpoint(tmp_path / "other.safetensors", classes=["sit", "jump"]))
    assert main(["evaluate", other, str(raw), "--window", "30"]) == 1
    assert "none of the annotated classes (clap, wave)" in capsys.readouterr().err


def test_frames_that_a_file_numbers_are_counted_as_it_does(tmp_path: Path) -> None:
    """A text file whose first frame is 100, as depth cameras count: frames 110 to 130 are its rows 10 to 30."""
    raw = make_set(tmp_path / "raw", "name,label,start,stop\nday,clap,110,130\nother,wave,0,30\n")
    (raw / "clips" / "long.npy").unlink()
    joints = (0.4 * walk(7, frames=60)[0]).reshape(60, 75)
    rows = np.concatenate([100 + np.arange(60)[:, None], joints], axis=1)
    np.savetxt(raw / "clips" / "day.txt", rows, fmt=["%d", *75 * ["%.6f"]])
    assert stored(raw, tmp_path / "store")["day_000110_000130"] == ("clap", 20)
    np.testing.assert_allclose(open_store(tmp_path / "store")[0].joints[0].reshape(20, 75), joints[10:30], atol=1e-5)
