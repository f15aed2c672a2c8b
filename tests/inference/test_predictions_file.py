from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dualhead.inference.predict import predict
from dualhead.inference.prediction import Prediction
from dualhead.inference.predictor import Predictor
from dualhead.runtime.errors import ConfigError, FormatError, MismatchError
from dualhead.sequence import SkeletonSequence
from tests.inference.builders import sequence, write_checkpoint, write_recordings

Options = dict[str, Any]
WAYS: list[tuple[str, Options]] = [
    ("out.jsonl", {}),
    ("out.csv", {"top_k": 2}),
    ("windows.jsonl", {"window": "8", "stride": "4", "every_window": True, "top_k": 1}),
    ("windows.csv", {"window": "8", "stride": "4", "every_window": True, "top_k": 2}),
    ("intervals.jsonl", {"window": "8", "stride": "2"}),
    ("intervals.csv", {"window": "8", "stride": "2"}),
]


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the recordings whose clips went through the network."""
    names: list[str] = []
    original = Predictor._predict

    def count(self: Predictor, sequences: list[SkeletonSequence]) -> Iterator[Prediction]:
        names.extend(dict.fromkeys(sequence.name for sequence in sequences))
        return original(self, sequences)

    monkeypatch.setattr(Predictor, "_predict", count)
    return names


def test_the_file_is_what_standard_output_would_be(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checkpoint = write_checkpoint(tmp_path / "joint.safetensors")
    write_recordings(tmp_path / "raw", actions=2)
    for name, options in WAYS:
        kind = name.rpartition(".")[2]
        predict([checkpoint], tmp_path / "raw", format=kind, **options)  # type: ignore[arg-type]
        expected = capsys.readouterr().out
        predict([checkpoint], tmp_path / "raw", out=tmp_path / name, **options)
        assert (tmp_path / name).read_text() == expected
        assert capsys.readouterr().out == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [checkpoint.name, "raw", *(name for name, _ in WAYS)]
    )


@pytest.mark.parametrize(("name", "options"), WAYS)
def test_what_is_written_is_not_computed_again(
    name: str, options: Options, tmp_path: Path, computed: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Cut at any byte, the file becomes the same again."""
    checkpoint = write_checkpoint(tmp_path / "joint.safetensors")
    names = [path.stem for path in write_recordings(tmp_path / "raw", actions=2)]
    out, partial = tmp_path / name, tmp_path / f"{name}.partial"
    predict([checkpoint], tmp_path / "raw", out=out, batch_size=1, **options)
    whole = out.read_bytes()
    out.unlink()
    lines = whole.splitlines(keepends=True)
    header = len(lines[0]) if name.endswith(".csv") else 0
    third = next(at for at, line in enumerate(lines) if names[2].encode() in line)
    end = sum(map(len, lines[:third]))  # of the second recording
    for cut, done in ((5, 0), (header, 0), (end + 7, 2), (len(whole) - 2, 3)):
        partial.write_bytes(whole[:cut])
        computed.clear()
        predict([checkpoint], tmp_path / "raw", out=out, resume=True, batch_size=1, **options)
        assert out.read_bytes() == whole
        assert not partial.exists()
        # the first of those in the file is computed again, for comparison; the last may not be whole
        again = {name for at, name in enumerate(names) if at >= done or at == 0}
        several = name != "out.jsonl"
        assert set(computed) <= again | ({names[done - 1]} if several and done else set())
        assert set(computed) >= again
    capsys.readouterr()
    computed.clear()
    predict([checkpoint], tmp_path / "raw", out=out, resume=True, batch_size=1, **options)
    assert out.read_bytes() == whole
    assert set(computed) == {names[0]}
    assert f"4 recordings were in {out} already" in capsys.readouterr().err


def test_new_recordings_are_added(tmp_path: Path, computed: list[str]) -> None:
    checkpoint = write_checkpoint(tmp_path / "joint.safetensors")
    write_recordings(tmp_path / "raw", actions=1)
    out = tmp_path / "out.jsonl"
    predict([checkpoint], tmp_path / "raw", out=out)
    first = out.read_bytes()
    write_recordings(tmp_path / "raw", actions=2)
    computed.clear()
    predict([checkpoint], tmp_path / "raw", out=out, resume=True)
    assert out.read_bytes().startswith(first)
    names = [json.loads(line)["name"] for line in out.read_text().splitlines()]
    assert len(names) == len(set(names)) == 4
    assert len(computed) == 3


def test_other_checkpoints_or_options_are_refused(tmp_path: Path) -> None:
    one, other = (write_checkpoint(tmp_path / f"{seed}.safetensors", seed=seed) for seed in (0, 1))
    write_recordings(tmp_path / "raw", actions=1)
    out = tmp_path / "out.jsonl"
    predict([one], tmp_path / "raw", out=out)
    whole = out.read_bytes()
    write_recordings(tmp_path / "raw", actions=2)
    for checkpoint, options in ((other, {}), (one, {"top_k": 3})):
        with pytest.raises(MismatchError, match="'S001C001P001R001A001'"):
            predict([checkpoint], tmp_path / "raw", out=out, resume=True, **options)  # type: ignore[arg-type]
        assert out.read_bytes() == whole
        assert (tmp_path / "out.jsonl.partial").read_bytes() == whole
        (tmp_path / "out.jsonl.partial").unlink()


def test_files_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    checkpoint = write_checkpoint(tmp_path / "joint.safetensors")
    write_recordings(tmp_path / "raw", actions=1)
    out = tmp_path / "out.jsonl"
    with pytest.raises(ConfigError, match="resume needs"):
        predict([checkpoint], tmp_path / "raw", resume=True)
    with pytest.raises(ConfigError, match="table"):
        predict([checkpoint], tmp_path / "raw", out=out, format="table")
    with pytest.raises(ConfigError, match="is an input and would be overwritten"):
        predict([checkpoint], tmp_path / "raw", out=checkpoint)
    (tmp_path / "out.jsonl.partial").write_text("{}\n")
    with pytest.raises(ConfigError, match=r"out\.jsonl\.partial .* --resume"):
        predict([checkpoint], tmp_path / "raw", out=out)
    with pytest.raises(FormatError, match=r"out\.jsonl\.partial, line 1"):
        predict([checkpoint], tmp_path / "raw", out=out, resume=True)
    (tmp_path / "out.csv").write_text("name,other\n")
    with pytest.raises(FormatError, match=r"out\.csv.*1.*true_label"):
        predict([checkpoint], tmp_path / "raw", out=tmp_path / "out.csv", resume=True)
    assert not list(tmp_path.glob("*.lock"))


def test_nothing_is_left_where_nothing_could_be_predicted(tmp_path: Path) -> None:
    checkpoint = write_checkpoint(tmp_path / "joint.safetensors")
    (path, _) = write_recordings(tmp_path / "raw", actions=1)
    for file in (tmp_path / "raw").iterdir():
        file.write_text("broken")
    with pytest.raises(FormatError, match="none of 2 recordings"):
        predict([checkpoint], path.parent, out=tmp_path / "out.csv")
    assert sorted(item.name for item in tmp_path.iterdir()) == ["joint.safetensors", "raw"]


def test_csv_names_with_quotes_and_line_feeds_are_read_back(tmp_path: Path, computed: list[str]) -> None:
    checkpoint = write_checkpoint(tmp_path / "joint.safetensors")
    paths = write_recordings(tmp_path / "raw", actions=1)
    paths[0].rename(paths[0].with_name('a "b",\nc.skeleton'))
    out = tmp_path / "out.csv"
    predict([checkpoint], tmp_path / "raw", out=out, top_k=1)
    whole = out.read_bytes()
    computed.clear()
    predict([checkpoint], tmp_path / "raw", out=out, top_k=1, resume=True)
    assert out.read_bytes() == whole
    assert len(computed) == 1
    with out.open(newline="") as file:
        assert {row["name"] for row in csv.DictReader(file)} == {'a "b",<0a>c', paths[1].stem}


def test_a_killed_call_goes_on(tmp_path: Path) -> None:
    """SIGKILL in the middle: every line that was written stays, none is there twice."""
    checkpoint = write_checkpoint(tmp_path / "joint.safetensors")
    names = [path.stem for path in write_recordings(tmp_path / "raw", actions=20)]
    out, partial = tmp_path / "out.jsonl", tmp_path / "out.jsonl.partial"
    words = ["predict", str(checkpoint), str(tmp_path / "raw"), "--out", str(out), "--batch-size", "1"]
    process = subprocess.Popen([sys.executable, "-m", "dualhead", *words])
    _wait(lambda: partial.exists() and partial.read_bytes().count(b"\n") >= 3)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not out.exists()
    before = partial.read_bytes()
    before = before[: before.rfind(b"\n") + 1]
    predict([checkpoint], tmp_path / "raw", out=out, batch_size=1, resume=True)
    assert out.read_bytes().startswith(before)
    assert [json.loads(line)["name"] for line in out.read_text().splitlines()] == sorted(names)


def _wait(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 120
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_recordings_are_let_go_of_as_they_are_predicted(tmp_path: Path) -> None:
    """However many there are, two batches at most are in memory."""
    predictor = Predictor.from_checkpoint(write_checkpoint(tmp_path / "joint.safetensors"))
    alive: weakref.WeakSet[SkeletonSequence] = weakref.WeakSet()

    def recordings() -> Iterator[SkeletonSequence]:
        for number in range(40):
            one = sequence(number)
            alive.add(one)
            yield one

    counts = [len(alive) for _ in predictor.predict_each(recordings(), batch_size=4)]
    assert len(counts) == 40
    assert max(counts) <= 8
