from __future__ import annotations

import json
import os
import pickle
import signal
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from dualhead.data.prepare.prepare import prepare
from dualhead.inference import cluster as inference_cluster
from dualhead.inference.cluster import Shard, ShardJob
from dualhead.inference.predict import predict
from dualhead.runtime.errors import ConfigError, FormatError, MismatchError
from tests.inference.builders import write_checkpoint, write_recordings

Task = tuple[int, tuple[int, int]]


def _lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for path in sorted(folder.iterdir()) for line in path.read_text().splitlines()]


def _start_and_die(flag: Path, job: ShardJob) -> Callable[[Task], Shard]:
    """The first worker that gets the second part is killed in the middle of it."""
    compute = inference_cluster._start(job)

    def work(task: Task) -> Shard:
        if task[0] == 1 and not flag.exists():
            flag.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return compute(task)

    return work


@contextmanager
def _here(address: str, start: Callable[[], Callable[[Task], Shard]], tasks: list[Task], **_: Any) -> Iterator[Any]:
    """Do the work of a cluster in this process."""
    yield map(pickle.loads(pickle.dumps(start))(), tasks)  # noqa: S301


@pytest.mark.parametrize("window", [None, "2s"])
def test_workers_write_the_lines_of_one_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, window: str | None
) -> None:
    monkeypatch.setattr(inference_cluster, "on_cluster", _here)
    monkeypatch.setattr(inference_cluster, "_SHARD", 2)
    checkpoint = write_checkpoint(tmp_path / "joint.safetensors")
    write_recordings(tmp_path / "raw", actions=2)
    predict([checkpoint], tmp_path / "raw", out=tmp_path / "one.jsonl", window=window, batch_size=1)
    predict([checkpoint], tmp_path / "raw", out=tmp_path / "many", window=window, batch_size=1, cluster="here")
    assert len(list((tmp_path / "many").iterdir())) > 1
    assert _lines(tmp_path / "many") == [json.loads(line) for line in (tmp_path / "one.jsonl").read_text().splitlines()]


def test_shards_hold_what_one_machine_writes(
    cluster: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Files, members of an archive and a store; a worker is killed, a file is damaged, a call is resumed."""
    checkpoint = write_checkpoint(tmp_path / "joint.safetensors")
    paths = write_recordings(tmp_path / "raw", actions=2)
    prepare("ntu60", tmp_path / "raw", tmp_path / "store", workers=1, quiet=True)
    with zipfile.ZipFile(tmp_path / "raw.zip", "w") as archive:
        for path in paths:
            archive.write(path, path.name)
    paths[1].write_text("broken")
    monkeypatch.setattr(inference_cluster, "_SHARD", 2)
    flag = tmp_path / "killed"
    monkeypatch.setattr(inference_cluster, "_start", partial(_start_and_die, flag))
    for source in ("raw", "raw.zip", "store"):
        flag.unlink(missing_ok=True)
        predict([checkpoint], tmp_path / source, out=tmp_path / "one.jsonl", top_k=2, batch_size=2)
        capsys.readouterr()
        out = tmp_path / f"{source}-predictions"
        predict([checkpoint], tmp_path / source, out=out, top_k=2, batch_size=2, cluster="local")
        assert flag.exists()
        assert sorted(path.name for path in out.iterdir()) == ["part-00000.jsonl", "part-00001.jsonl"]
        expected = [json.loads(line) for line in (tmp_path / "one.jsonl").read_text().splitlines()]
        for found, same in zip(_lines(out), expected, strict=True):
            assert found["name"] == same["name"]
            assert found["top"][0]["label"] == same["top"][0]["label"]
            assert found["top"][0]["probability"] == pytest.approx(same["top"][0]["probability"], abs=1e-5)
        assert capsys.readouterr().err.count("left out") == (1 if source == "raw" else 0)
    assert not list(tmp_path.glob("*.partial"))


def test_an_interrupted_call_goes_on_and_parquet_has_the_same_rows(
    cluster: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    checkpoint = write_checkpoint(tmp_path / "joint.safetensors")
    write_recordings(tmp_path / "raw", actions=1)
    monkeypatch.setattr(inference_cluster, "_SHARD", 1)
    out, partial_folder = tmp_path / "out", tmp_path / "out.partial"
    options: dict[str, Any] = {"out": out, "cluster": "local", "format": "parquet", "top_k": 2}
    with monkeypatch.context() as patch:

        def interrupt(*_: object) -> None:
            raise KeyboardInterrupt

        patch.setattr(inference_cluster, "put_in_place", interrupt)
        with pytest.raises(KeyboardInterrupt):
            predict([checkpoint], tmp_path / "raw", **options)
    first = partial_folder / "shards" / "part-00000.parquet"
    (partial_folder / "shards" / "part-00001.parquet").unlink()
    before = first.stat().st_mtime_ns
    with pytest.raises(ConfigError, match="--resume"):
        predict([checkpoint], tmp_path / "raw", **options)
    with pytest.raises(MismatchError, match="other checkpoints and options"):
        predict([checkpoint], tmp_path / "raw", resume=True, **{**options, "top_k": 3})
    predict([checkpoint], tmp_path / "raw", resume=True, **options)
    assert (out / first.name).stat().st_mtime_ns == before
    rows = [row for path in sorted(out.iterdir()) for row in parquet.read_table(path).to_pylist()]
    predict([checkpoint], tmp_path / "raw", out=tmp_path / "one.jsonl", top_k=2)
    expected = [json.loads(line) for line in (tmp_path / "one.jsonl").read_text().splitlines()]
    assert [row["name"] for row in rows] == [line["name"] for line in expected]
    for row, line in zip(rows, expected, strict=True):
        assert [entry["label"] for entry in row["top"]] == [entry["label"] for entry in line["top"]]
        assert set(dict(row["heads"])) == set(line["heads"])
    with pytest.raises(ConfigError, match="is there already"):
        predict([checkpoint], tmp_path / "raw", **options)


def test_what_cannot_be_written_by_a_cluster_is_refused(tmp_path: Path) -> None:
    for options in ({"cluster": "local"}, {"cluster": "local", "out": tmp_path / "a", "format": "csv"}):
        with pytest.raises(ConfigError, match="a cluster writes shards"):
            predict([tmp_path / "a.safetensors"], tmp_path, **options)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="parquet is written on a cluster"):
        predict([tmp_path / "a.safetensors"], tmp_path, out=tmp_path / "a", format="parquet")


def test_windows_are_written_too(cluster: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checkpoint = write_checkpoint(tmp_path / "joint.safetensors")
    write_recordings(tmp_path / "raw", actions=1)
    predict([checkpoint], tmp_path / "raw", window="8", format="jsonl")
    expected = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    predict([checkpoint], tmp_path / "raw", window="8", out=tmp_path / "out", cluster="local")
    fields = ("name", "start", "stop", "label", "windows")
    assert [[line[key] for key in fields] for line in _lines(tmp_path / "out")] == [
        [line[key] for key in fields] for line in expected
    ]
    for path in (tmp_path / "raw").iterdir():
        path.write_text("broken")
    with pytest.raises(FormatError, match="none of 2 recordings"):
        predict([checkpoint], tmp_path / "raw", out=tmp_path / "none", cluster="local")
    assert not list(tmp_path.glob("none*"))
