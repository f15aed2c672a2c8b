from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from benchmarks import prepare
from dualhead.data.prepare.prepare import prepare as prepare_store
from dualhead.data.store.store import open_store
from dualhead.formats.ntu.fast import parse_regular
from dualhead.formats.ntu.parse import format_skeleton, parse_skeleton
from tests.formats.making import make_ntu_tree, make_recording


def test_recordings_are_the_same_as_files_and_in_the_zip(tmp_path: Path) -> None:
    files, packed = prepare.make_recordings(tmp_path, 20)
    with zipfile.ZipFile(packed) as archive:
        found = {Path(name).name: archive.read(name) for name in archive.namelist()}
    assert found == {path.name: path.read_bytes() for path in files.iterdir()}
    assert len(found) == 20
    assert all(parse_regular(data) is not None for data in found.values())
    assert not any(b" 1 0 0 0 2\n" in data for data in found.values())


def test_the_plain_reader_reads_every_field() -> None:
    recording = make_recording(frames=2)
    lines = [line.split() for line in format_skeleton(recording).decode().splitlines()]
    total = sum(float(field) for line in lines if len(line) > 1 for field in line)
    assert prepare.plain_reader(format_skeleton(recording)) == pytest.approx(total)


def test_the_yardstick_is_for_90_frames() -> None:
    short, long = (format_skeleton(make_recording(frames=frames)) for frames in (30, 90))
    assert prepare.measure_plainly([short] * 30) == pytest.approx(prepare.measure_plainly([long] * 10), rel=0.9)


def test_every_figure_is_measured(tmp_path: Path) -> None:
    prepare_store("ntu60", make_ntu_tree(tmp_path / "raw", 3), tmp_path / "small", workers=1, quiet=True)
    store = open_store(prepare.make_large_store(tmp_path / "small", tmp_path / "large", 1000))
    assert (len(store), store.frames.max()) == (1000, 90)
    assert not store[999].joints.any()
    assert 0 < prepare.measure_opening(tmp_path / "large") < 1
    figures = prepare.measure_reading(tmp_path / "raw", 3)
    assert set(figures) == {"plain_reader", "parser"}
    assert parse_skeleton(next((tmp_path / "raw").iterdir()).read_bytes()).num_frames > 0
    assert np.isfinite(list(figures.values())).all()


def test_a_preparation_is_measured_in_its_own_process(tmp_path: Path) -> None:
    figures = prepare.measure_preparation(make_ntu_tree(tmp_path / "raw", 6), tmp_path / "out", 1, "tracked")
    assert (figures["samples"], len(open_store(tmp_path / "out"))) == (6, 6)
    assert figures["frames"] == 12
    assert figures["parent"] > 10**7
