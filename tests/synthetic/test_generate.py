from __future__ import annotations

import re
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from dualhead.formats.ntu.parse import parse_skeleton
from dualhead.formats.recording import Recording
from dualhead.runtime.errors import ConfigError, FormatError
from dualhead.synthetic import takes
from dualhead.synthetic.actions import ACTIONS
from dualhead.synthetic.generate import FOLDER, MISSING_LIST_NAME, generate


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generate(tmp_path_factory.mktemp("raw"), num_performers=2, num_actions=11, num_setups=2, quiet=True)


def names_missing(path: Path) -> list[str]:
    return re.findall(r"^(S\d{3}C\d{3}P\d{3}R\d{3}A\d{3})$", path.read_text(), flags=re.MULTILINE)


def test_every_combination_is_there_once(small: Path) -> None:
    with zipfile.ZipFile(small) as archive:
        names = archive.namelist()
    wanted = [
        f"{FOLDER}/S{p:03d}C{c:03d}P{p:03d}R001A{a:03d}.skeleton"
        for p in (1, 2)
        for a in range(1, 12)
        for c in (1, 2, 3)
    ]
    assert names == wanted


def test_all_but_the_damaged_ones_can_be_read(small: Path) -> None:
    missing = names_missing(small.with_name(MISSING_LIST_NAME))
    broken, bodiless, good = [], [], 0
    with zipfile.ZipFile(small) as archive:
        for name in archive.namelist():
            try:
                recording = parse_skeleton(archive.read(name), name)
            except FormatError as error:
                broken.append(str(error))
                continue
            if not recording.num_observations:
                bodiless.append(name)
            elif Path(name).stem in missing:
                assert set(recording.frames.tolist()) <= {0, 1, 2}
                assert recording.num_frames > 30
            else:
                good += 1
                assert 0.5 < recording.joints[..., 2].mean() < 6
                assert np.abs(recording.joints).max() < 8
    assert len(missing) == 2
    assert len(broken) == 3  # truncated, garbled, blank
    assert len(bodiless) == 1
    assert good == 2 * 11 * 3 - 6


def test_the_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    sets = [
        generate(tmp_path / name, num_performers=1, num_actions=4, seed=seed, quiet=True)
        for name, seed in (("one", 5), ("again", 5), ("other", 6))
    ]
    assert sets[0].read_bytes() == sets[1].read_bytes()
    assert sets[0].read_bytes() != sets[2].read_bytes()
    lists = [path.with_name(MISSING_LIST_NAME).read_bytes() for path in sets]
    assert lists[0] == lists[1]


def test_without_faults_nothing_is_missing(tmp_path: Path) -> None:
    path = generate(tmp_path, num_performers=1, num_actions=4, faults=False, quiet=True)
    assert names_missing(path.with_name(MISSING_LIST_NAME)) == []
    with zipfile.ZipFile(path) as archive:
        assert all(parse_skeleton(archive.read(name)).num_observations > 30 for name in archive.namelist())


def test_repeats_move_on_to_the_next_setup(tmp_path: Path) -> None:
    path = generate(tmp_path, num_performers=2, repeats=2, num_setups=2, num_actions=1, faults=False, quiet=True)
    with zipfile.ZipFile(path) as archive:
        found = sorted({re.sub("C...", "", Path(name).stem) for name in archive.namelist()})
    assert found == ["S001P001R001A001", "S001P002R002A001", "S002P001R002A001", "S002P002R001A001"]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"num_performers": 0}, "num_performers is 0: expected 1 to 999"),
        ({"repeats": 1000}, "repeats is 1000: expected 1 to 999"),
        ({"num_actions": len(ACTIONS) + 1}, f"expected 1 to {len(ACTIONS)}"),
        ({"seed": -1}, "seed is -1: expected 0"),
    ],
)
def test_a_number_out_of_range_is_refused(tmp_path: Path, arguments: dict[str, int], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        generate(tmp_path / "raw", **arguments)
    assert not (tmp_path / "raw").exists()


def test_an_interrupt_leaves_nothing_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(recording: object) -> bytes:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("dualhead.synthetic.generate.format_skeleton", interrupt)
        generate(tmp_path, num_performers=1, num_actions=1, quiet=True)
    assert [path.suffix for path in tmp_path.iterdir()] == [".partial"]
    other = generate(tmp_path, num_performers=1, num_actions=1, seed=1, quiet=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == [MISSING_LIST_NAME, other.name]


def test_killed_and_called_again_it_goes_on_to_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = (
        "import os, signal, sys\n"
        "from dualhead.synthetic import generate as module\n"
        "left, real = 8, module.record_take\n"
        "def record_take(*arguments, **options):\n"
        "    global left\n"
        "    left -= 1\n"
        "    return real(*arguments, **options) if left else os.kill(os.getpid(), signal.SIGKILL)\n"
        "module.record_take = record_take\n"
        "module.generate(sys.argv[1], num_performers=3, num_actions=4, quiet=True)\n"
    )
    run = subprocess.run([sys.executable, "-c", script, tmp_path / "killed"], check=False)
    assert run.returncode == -signal.SIGKILL
    made: list[tuple[int, ...]] = []

    def record_take(*numbers: int, sensor: None, seed: int) -> Iterator[tuple[str, Recording]]:
        made.append(numbers)
        return takes.record_take(*numbers, sensor=sensor, seed=seed)

    monkeypatch.setattr("dualhead.synthetic.generate.record_take", record_take)
    again = generate(tmp_path / "killed", num_performers=3, num_actions=4, quiet=True)
    assert 5 <= len(made) <= 8  # of 12 takes; the last one or two of the 7 may not have been on the disk
    assert made[-1] == (3, 3, 1, 4)
    whole = generate(tmp_path / "whole", num_performers=3, num_actions=4, quiet=True)
    assert again.read_bytes() == whole.read_bytes()
    lists = [path.with_name(MISSING_LIST_NAME).read_bytes() for path in (again, whole)]
    assert lists[0] == lists[1]
    assert len(list(again.parent.iterdir())) == 2
