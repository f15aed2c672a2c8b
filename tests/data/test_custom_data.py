"""The page docs/custom-data.md, run as a reader would."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.io import savemat

from dualhead.cli import main
from dualhead.data.prepare.prepare import prepare
from dualhead.data.recipes.recipes import RECIPES, STREAMS, get_recipe
from dualhead.data.store.store import open_store
from dualhead.evaluation.scores import Scores
from dualhead.runtime.errors import ConfigError, FormatError
from dualhead.skeleton import COCO17, NTU25
from dualhead.training.config import load_experiment

PAGE = Path(__file__).parents[2] / "docs" / "custom-data.md"


def make_example(folder: Path, clips: Iterable[tuple[int, int]]) -> dict[str, NDArray[np.float64]]:
    """Do what the page says with clips of some actions and subjects, up to preparing; give their content by name."""
    page = PAGE.read_text(encoding="utf-8")
    (script,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len([line for line in script.splitlines() if line.strip()]) <= 11
    files = dict(re.findall(r"`utd/([\w.]+)`[^`]*```yaml\n(.*?)```", page, re.DOTALL))
    assert sorted(files) == ["dataset.yaml", "skeleton.yaml"]
    (folder / "Skeleton").mkdir()
    rng = np.random.default_rng(0)
    raw = {}
    for action, subject in clips:
        name = f"a{action}_s{subject}_t3_skeleton"
        raw[name] = rng.normal(size=(20, 3, 4 + subject))
        savemat(folder / "Skeleton" / f"{name}.mat", {"d_skel": raw[name]})
    subprocess.run([sys.executable, "-c", script], cwd=folder, check=True)
    for name, content in files.items():
        (folder / "utd" / name).write_text(content)
    return raw


def test_the_example_of_the_page_makes_a_store(tmp_path: Path) -> None:
    raw = make_example(tmp_path, ((1, 1), (2, 2), (3, 3), (4, 4), (5, 5), (6, 6), (7, 7), (27, 8)))
    report = prepare("custom", tmp_path / "utd", tmp_path / "store", workers=1, quiet=True)
    assert (report.samples, report.rejected) == (8, ())
    store = open_store(tmp_path / "store")
    assert store.names.tolist() == sorted(raw)
    assert store.labels.tolist() == [0, 26, 1, 2, 3, 4, 5, 6]
    assert [split.tolist() for split in store.split("xsub")] == [[0, 3, 5, 7], [1, 2, 4, 6]]
    assert (store.skeleton.name, store.skeleton.joints[store.skeleton.parents[0]]) == ("utd20", "shoulder_centre")
    for sequence in store:
        np.testing.assert_array_equal(sequence.joints[0], raw[sequence.name].transpose(2, 0, 1).astype(np.float32))
        for recipe in RECIPES[:4]:
            for stream in STREAMS:
                assert np.isfinite(get_recipe(recipe).clip(sequence, stream)).all()


def test_the_commands_of_the_page_work_one_after_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On few clips, a narrow model and one epoch."""
    make_example(tmp_path, product((1, 2, 27), range(1, 9)))
    monkeypatch.chdir(tmp_path)
    small = {"epochs": 1, "batch-size": 4, "num_workers": 0, "model.arguments.width": 6, "validation.fraction": 0.3}
    options = [f"--{key}={value}" for key, value in small.items()]
    lines = [
        shlex.split(line, comments=True) for line in re.findall(r"^\$ (.*)", PAGE.read_text("utf-8"), re.MULTILINE)
    ]
    assert [words[1] for words in lines] == ["prepare", "train", "evaluate", "predict", "export-arrays", "export-pyskl"]
    for words in lines:
        assert words[0] == "dualhead"
        assert main([*words[1:], *(options if words[1] == "train" else ())]) == 0, capsys.readouterr().err
    scores = Scores.load(tmp_path / "utd.npz")
    assert sorted(scores.names) == sorted(
        f"a{action}_s{subject}_t3_skeleton" for action in (1, 2, 27) for subject in (2, 4, 6, 8)
    )
    assert "a1_s2_t3_skeleton" in capsys.readouterr().out


def test_the_page_says_which_recipes_take_which_skeleton() -> None:
    bare = replace(NTU25, spine=None, shoulders=None)
    rows = re.findall(r"^\| `(\w+)` \| (yes|no) \| (yes|no) \| (yes|no) \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert [name for name, *_ in rows] == list(RECIPES)
    for name, *said in rows:
        for skeleton, word in zip((NTU25, bare, COCO17), said, strict=True):
            with nullcontext() if word == "yes" else pytest.raises(ConfigError):
                get_recipe(name).check(skeleton)


def test_the_page_says_which_recipe_is_used_where_none_is_given() -> None:
    page = PAGE.read_text("utf-8")
    (config,) = re.findall(r"dualhead train --config (\S+)", page)
    (own,) = re.findall(r"experiment's own recipe `(\w+)`", page)
    assert load_experiment(config, {"dataset": "null", "protocol": "xsub"}).recipe == own


def test_the_sample_description_of_the_page_is_read(tmp_path: Path) -> None:
    page = PAGE.read_text(encoding="utf-8")
    (description,) = re.findall(r"```\n(skeleton: .*?)```", page, re.DOTALL)
    raw = tmp_path / "mydata"
    (raw / "clips").mkdir(parents=True)
    (raw / "dataset.yaml").write_text(description.replace("skeleton: skeleton.yaml", "skeleton: ntu25"))
    (raw / "table.csv").write_text(
        "name,label,subject,room\na,wave,1,kitchen\nb,clap,2,hall\nc,clap,3,cellar\nd,wave,5,hall\ne,wave,7,hall\n"
    )
    for name in "abcde":
        joints = np.ones((3, 25, 3), np.float32)
        joints[1, 4, 2] = np.nan
        np.save(raw / "clips" / f"{name}.npy", joints)
    prepare("custom", raw, tmp_path / "store", workers=1, quiet=True)
    store = open_store(tmp_path / "store")
    assert store.classes == ("wave", "clap")
    assert [split.tolist() for split in store.split("rooms")] == [[0, 1, 3, 4], [2]]
    assert store[0].joints[0, 1, 4].tolist() == [0, 0, 0]


def test_a_bad_line_of_the_table_is_listed_and_strict_stops_there(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "dataset.yaml").write_text("{skeleton: ntu25, protocols: {xsub: {field: subject, train: [1]}}}")
    (raw / "table.csv").write_text("name,label,subject\na,wave,1\nb,clap\nc,clap,2\n")
    for name in "abc":
        np.save(raw / f"{name}.npy", np.ones((3, 25, 3), np.float32))
    report = prepare("custom", raw, tmp_path / "store", workers=1, quiet=True)
    assert open_store(tmp_path / "store").names.tolist() == ["a", "c"]
    assert [str(item) for item in report.rejected] == ["raw/table.csv, line 3: 2 cells instead of 3"]
    with pytest.raises(FormatError, match=r"^raw/table\.csv, line 3: 2 cells instead of 3 \(--strict stops here"):
        prepare("custom", raw, tmp_path / "strict", workers=1, strict=True, quiet=True)
    assert not (tmp_path / "strict").exists()


def _flat_clips(raw: Path, table: str, joints: NDArray[np.float32]) -> Path:
    raw.mkdir()
    (raw / "dataset.yaml").write_text("{skeleton: coco17, protocols: {xsub: {field: subject, train: [1]}}}")
    (raw / "table.csv").write_text(table)
    for name in "ab":
        np.save(raw / f"{name}.npy", joints)
    return raw


def test_pixels_without_the_size_of_their_images_are_warned_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pixels, out = np.full((3, 17, 2), 300, np.float32), tmp_path / "store"
    raw = _flat_clips(tmp_path / "raw", "name,label,subject\na,0,1\nb,1,2\n", pixels)
    report = prepare("custom", raw, out, workers=1)
    assert report.remarks == {"pixels": 2}
    (warning,) = report.warnings
    assert "columns `width` and `height` in the table" in warning and "prepare the store again" in warning
    assert (tmp_path / "store.log").read_text().count(warning) == 1
    assert capsys.readouterr().out == ""
    again = prepare("custom", raw, out, workers=1, quiet=True)
    assert (again.reused, again.warnings) == (True, [warning])
    assert main(["prepare", "custom", str(raw), str(out), "--workers", "1"]) == 0
    assert capsys.readouterr().out.count(warning) == 1
    sized = "name,label,subject,width,height\na,0,1,640,480\nb,1,2,640,480\n"
    sized_raw = _flat_clips(tmp_path / "sized", sized, pixels)
    assert not prepare("custom", sized_raw, tmp_path / "sized_store", workers=1, quiet=True).warnings
    fractions = _flat_clips(tmp_path / "fractions", "name,label,subject\na,0,1\nb,1,2\n", pixels / 600)
    assert not prepare("custom", fractions, tmp_path / "fractions_store", workers=1, quiet=True).warnings


def test_confidences_that_are_left_out_are_warned_of(tmp_path: Path) -> None:
    raw = _flat_clips(tmp_path / "raw", "name,label,subject\na,0,1\nb,1,2\n", np.full((3, 17, 2), 0.5, np.float32))
    (raw / "b.npy").unlink()
    np.savez(raw / "b.npz", joints=np.full((3, 17, 2), 0.5, np.float32), confidence=np.full((3, 17), 0.5, np.float32))
    report = prepare("custom", raw, tmp_path / "store", workers=1, quiet=True)
    assert report.remarks == {"confidence": 1}
    assert "say `confidence: true` in dataset.yaml" in report.warnings[0]
    description = (raw / "dataset.yaml").read_text()
    (raw / "dataset.yaml").write_text(description.replace("{skeleton", "{confidence: true, skeleton"))
    assert not prepare("custom", raw, tmp_path / "kept", workers=1, quiet=True).warnings
