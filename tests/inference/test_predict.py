from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest

from dualhead.errors import ConfigError, FormatError
from dualhead.inference.predict import CSV_COLUMNS, predict, write_csv, write_table
from dualhead.inference.prediction import Prediction
from dualhead.inference.predictor import Predictor
from tests.inference.builders import write_checkpoint, write_recordings


def predictions() -> list[Prediction]:
    heads = {"fine": np.array([0.5, 0.5]), "coarse": np.array([0.0, 1.0])}
    return [
        Prediction("one", ("wave", "nod, twice"), np.array([0.25, 0.75]), heads, label=0),
        Prediction("[two]", ("wave", "nod, twice"), np.array([0.9, 0.1]), heads),
    ]


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
    assert f"not read: raw/{paths[0].name}, line 1" in captured.err
    paths[1].write_text("broken")
    with pytest.raises(FormatError, match="none of 2 recordings could be read"):
        predict([checkpoint], tmp_path / "raw")


def test_csv_has_a_line_per_head_and_rank() -> None:
    file = io.StringIO()
    assert write_csv(iter(predictions()), file, 1) == 2
    rows = list(csv.reader(io.StringIO(file.getvalue())))
    assert rows[0] == list(CSV_COLUMNS)
    assert rows[1:] == [
        ["one", "0", "wave", "mean", "1", "1", "nod, twice", "0.750000"],
        ["one", "0", "wave", "fine", "1", "0", "wave", "0.500000"],
        ["one", "0", "wave", "coarse", "1", "1", "nod, twice", "1.000000"],
        ["[two]", "", "", "mean", "1", "0", "wave", "0.900000"],
        ["[two]", "", "", "fine", "1", "0", "wave", "0.500000"],
        ["[two]", "", "", "coarse", "1", "1", "nod, twice", "1.000000"],
    ]


def test_the_table_shows_heads_and_the_true_class() -> None:
    file = io.StringIO()
    assert write_table(iter(predictions()), file, 2) == 2
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in file.getvalue().splitlines() if "│" in line]
    assert rows == [
        ["one", "nod, twice", "75.0", "50.0", "100.0"],
        ["", "wave (true)", "25.0", "50.0", "0.0"],
        ["[two]", "wave", "90.0", "50.0", "0.0"],
        ["", "nod, twice", "10.0", "50.0", "100.0"],
    ]


def test_the_table_shows_what_is_done_when_interrupted() -> None:
    def interrupted():  # type: ignore[no-untyped-def]
        yield predictions()[0]
        raise KeyboardInterrupt

    file = io.StringIO()
    with pytest.raises(KeyboardInterrupt):
        write_table(interrupted(), file, 1)
    assert "nod, twice" in file.getvalue()


def test_options_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown format 'json': did you mean 'jsonl'"):
        predict([tmp_path / "a"], tmp_path, format="json")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="top_k is 0"):
        predict([tmp_path / "a"], tmp_path, top_k=0)
    with pytest.raises(ConfigError, match="one of the two"):
        predict([tmp_path / "a"], tmp_path, weights="equal", fusion=tmp_path / "b")
