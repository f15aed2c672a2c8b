from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dualhead.inference import predictor
from dualhead.inference.predict import predict
from dualhead.inference.prediction import Prediction
from dualhead.inference.predictor import Predictor
from dualhead.runtime.errors import CheckpointError, ConfigError, FormatError, MismatchError
from dualhead.sequence import SkeletonSequence
from tests.inference.builders import walk, write_checkpoint, write_recordings


def test_piped_output_is_one_json_object_a_recording(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checkpoint = write_checkpoint(tmp_path / "joint.safetensors")
    paths = write_recordings(tmp_path / "raw", actions=2)
    predict([checkpoint], tmp_path / "raw", top_k=2)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["name"] for line in lines] == [path.stem for path in paths]
    expected = Predictor.from_checkpoint(checkpoint).predict(tmp_path / "raw")
    assert isinstance(expected, list)
    for line, item in zip(lines, expected, strict=True):
        assert [entry["label"] for entry in line["top"]] == [entry.label for entry in item.top(2)]
        assert line["top"][0]["probability"] == pytest.approx(item.probabilities.max(), rel=1e-5)
        assert set(line["heads"]) == {"fine", "coarse"}


def test_damaged_files_are_named_and_the_rest_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checkpoint = write_checkpoint(tmp_path / "joint.safetensors")
    paths = write_recordings(tmp_path / "raw", actions=1)
    paths[0].write_text("broken")
    predict([checkpoint], tmp_path / "raw", format="jsonl")
    captured = capsys.readouterr()
    assert [json.loads(line)["name"] for line in captured.out.splitlines()] == [paths[1].stem]
    assert f"left out: raw/{paths[0].name}, line 1" in captured.err
    paths[1].write_text("broken")
    with pytest.raises(FormatError, match="none of 2 recordings could be used"):
        predict([checkpoint], tmp_path / "raw")


def test_recordings_that_do_not_fit_are_named_and_the_rest_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = write_checkpoint(tmp_path / "joint.safetensors")
    paths = write_recordings(tmp_path / "raw", actions=1)
    frames = [{"frame_index": 1, "skeleton": [{"pose": [0.5] * 36, "score": [0.9] * 18}]}]
    flat = tmp_path / "raw" / "S0.json"  # comes first
    flat.write_text(json.dumps({"data": frames, "label": "unknown", "label_index": -1}))
    predict([checkpoint], tmp_path / "raw", format="jsonl")
    captured = capsys.readouterr()
    assert [json.loads(line)["name"] for line in captured.out.splitlines()] == [path.stem for path in paths]
    assert "left out: recording 'S0' does not match the checkpoint: skeleton 'openpose18' cannot be" in captured.err
    with pytest.raises(MismatchError, match="recording 'S0' does not match"):
        predict([checkpoint], flat)


def test_options_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"'json'.*'jsonl'"):
        predict([tmp_path / "a"], tmp_path, format="json")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="top_k is 0"):
        predict([tmp_path / "a"], tmp_path, top_k=0)
    with pytest.raises(ConfigError, match="one of the two"):
        predict([tmp_path / "a"], tmp_path, weights="equal", fusion=tmp_path / "b")
    with pytest.raises(ConfigError, match="stride needs a window"):
        predict([tmp_path / "a"], tmp_path, stride="5")
    with pytest.raises(ConfigError, match="fps needs a window"):
        predict([tmp_path / "a"], tmp_path, fps=25)
    with pytest.raises(ConfigError, match=r"threshold is 1\.5: expected a probability"):
        predict([tmp_path / "a"], tmp_path, window="3", threshold=1.5)


def test_what_stands_among_the_checkpoints_is_told_from_them(tmp_path: Path) -> None:
    checkpoint = write_checkpoint(tmp_path / "joint.safetensors")
    with pytest.raises(
        CheckpointError, match=r"my data is not a file: .*; only the last argument, .*fused\.npz, is what"
    ):
        predict([checkpoint, tmp_path / "my data"], tmp_path / "fused.npz")
    with pytest.raises(CheckpointError, match=r"b\.safetensors is not a file: [^;]*$"):
        predict([checkpoint, tmp_path / "b.safetensors"], tmp_path)


def test_windows_become_intervals_as_json_lines_and_csv(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checkpoint = write_checkpoint(tmp_path / "joint.safetensors")
    (path, _) = write_recordings(tmp_path / "raw", actions=1)
    predict([checkpoint], path, window="8", stride="4", every_window=True, top_k=2)
    windows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(item["start"], item["stop"], item["start_s"]) for item in windows] == [
        (0, 8, 0),
        (4, 12, 0.133),
        (8, 16, 0.267),
    ]
    assert [len(item["top"]) for item in windows] == [2, 2, 2]
    predict([checkpoint], path, window="8", stride="4")
    intervals = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (intervals[0]["start"], intervals[-1]["stop"]) == (0, 16)
    assert sum(item["windows"] for item in intervals) == 3
    assert intervals[0]["class"] == windows[0]["top"][0]["class"]
    predict([checkpoint], path, window="0.5s", format="csv")
    header, line = capsys.readouterr().out.splitlines()
    assert header == "name,body,start,stop,start_s,stop_s,label,class,probability,windows"
    assert line.startswith(f"{path.stem},,0,16,0.0,0.533,")
    predict([checkpoint], path, window="8", threshold=1)
    assert capsys.readouterr() == ("", "dualhead: no interval: no class is as probable as the threshold, 1\n")


def test_what_only_the_user_can_say_is_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Pixels need the size of the image; other joints need a name."""
    checkpoint = write_checkpoint(
        tmp_path / "kinetics.safetensors", dataset="kinetics", recipe="dualhead16", skeleton="openpose18",
        body_selection="score",
    )  # fmt: skip
    np.save(tmp_path / "me.npy", np.random.default_rng(0).uniform(100, 900, (20, 17, 2)).astype(np.float32))
    with pytest.raises(FormatError, match="'openpose18'"):
        predict([checkpoint], tmp_path / "me.npy")
    with pytest.raises(FormatError, match=r"look like pixels: .* --image-size"):
        predict([checkpoint], tmp_path / "me.npy", skeleton="coco17")
    predict([checkpoint], tmp_path / "me.npy", skeleton="coco17", image_size=(1280, 960))
    assert json.loads(capsys.readouterr().out)["name"] == "me"
    with pytest.raises(ConfigError, match=r"image_size.*1280"):
        predict([checkpoint], tmp_path / "me.npy", image_size=(1280,))


def test_what_is_said_of_a_file_commands_no_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = write_checkpoint(tmp_path / "joint.safetensors")
    write_recordings(tmp_path / "raw", actions=1)

    def fail(*_: object, **__: object) -> None:
        raise ValueError("\x1b[2J")

    monkeypatch.setattr("dualhead.reading.listing.parse_member", fail)
    with pytest.raises(FormatError, match="none of 2 recordings could be used"):
        predict([checkpoint], tmp_path / "raw", format="jsonl")
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 2
    assert all("an unexpected ValueError (<1b>[2J) was raised on it" in line for line in told)


@pytest.mark.parametrize(
    "options", [("--format", "table"), ("--format", "csv"), ("--format", "jsonl", "--window", "9")]
)
def test_names_that_the_output_cannot_encode_are_written_all_the_same(tmp_path: Path, options: tuple[str, ...]) -> None:
    names = ["\udc80", "\u4e2d", *map(str, range(58))]
    checkpoint = write_checkpoint(tmp_path / "joint.safetensors", dataset="mine", classes=names)
    (path, _) = write_recordings(tmp_path / "raw", actions=1)
    run = subprocess.run(
        [sys.executable, "-m", "dualhead", "predict", checkpoint, path, "--top-k", "60", *options],
        capture_output=True, check=False, env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )  # fmt: skip
    assert (run.returncode, run.stderr.strip()) == (0, b"")
    assert options[-1] == "9" or b"\\u4e2d" in run.stdout
    assert run.stdout.isascii()


def test_whenever_a_fault_is_found_the_others_are_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A recording on which the model itself fails, in the middle of a batch, costs only itself."""
    checkpoint = write_checkpoint(tmp_path / "joint.safetensors")
    paths = write_recordings(tmp_path / "raw")
    whole = predictor.predict_batch

    def fail(sequences: Sequence[SkeletonSequence], *rest: Any) -> Iterator[Prediction]:
        if any(sequence.name == paths[2].stem for sequence in sequences):
            raise ConfigError(f"recording {paths[2].stem!r} has a logit that is not finite")
        return whole(sequences, *rest)

    monkeypatch.setattr(predictor, "predict_batch", fail)
    for options in ({}, {"window": "10"}):
        predict([checkpoint], tmp_path / "raw", format="jsonl", **options)  # type: ignore[arg-type]
        said = capsys.readouterr()
        names = {json.loads(line)["name"] for line in said.out.splitlines()}
        assert names == {path.stem for path in paths} - {paths[2].stem}
        assert "logit that is not finite" in said.err
    with pytest.raises(FormatError, match="1 recordings were left out"):
        predict([checkpoint], tmp_path / "raw", format="jsonl", strict=True)
    assert len(capsys.readouterr().out.splitlines()) == len(paths) - 1
    with pytest.raises(ConfigError, match="logit that is not finite"):
        predict([checkpoint], paths[2], format="jsonl")


def test_what_was_decided_by_evidence_is_said_of_a_few_recordings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = write_checkpoint(tmp_path / "joint.safetensors")
    raw = tmp_path / "raw"
    raw.mkdir()
    for number in range(5):
        np.save(raw / f"{number}.npy", walk(number, 20, 2).transpose(3, 1, 2, 0))
    predict([checkpoint], raw, format="jsonl")
    said = capsys.readouterr().err
    assert said.count("(coordinates, frames, joints, bodies)") == 4
    assert "2 more recordings: its axes" in said
