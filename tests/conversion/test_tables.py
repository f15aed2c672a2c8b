"""What is reported of a converted checkpoint, and what can be done with it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from dualhead.cli import main
from dualhead.conversion.convert import convert
from dualhead.conversion.files import read_classes
from dualhead.conversion.published import to_published
from dualhead.conversion.tables import lacking
from dualhead.inference.predictor import Predictor
from dualhead.models.checkpoint import load_checkpoint
from dualhead.runtime.errors import CheckpointError, ConfigError, MismatchError
from dualhead.sequence import SkeletonSequence
from dualhead.skeleton import NTU25
from tests.models.test_battery import build


def published(path: Path, name: str = "agcn", skeleton: str = "coco17", **arguments: object) -> Path:
    torch.save(to_published(build(name, skeleton, **arguments)), path)
    return path


def words(source: Path, out: Path, model: str = "", skeleton: str = "") -> list[str]:
    return ["convert", str(source), str(out), *(["--model", model, "--skeleton", skeleton] if model else [])]


def test_report_of_what_is_not_understood(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = to_published(build("agcn", "coco17"))
    state["strange.weight"] = state.pop("fc.bias")
    torch.save(state, tmp_path / "a.pt")
    assert main(words(tmp_path / "a.pt", tmp_path / "b.safetensors", "agcn", "coco17")) == 1
    assert not (tmp_path / "b.safetensors").exists()
    printed, error = capsys.readouterr()
    assert re.search(r"1.*fc\.bias.*1 keys", error)
    assert "strange.weight" in printed
    assert "fc.bias" in printed


def test_report_of_what_was_mapped_and_what_is_lacking(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = to_published(build("stgcn", "coco17"))
    halves = {key: value.half() if value.is_floating_point() and key != "A" else value for key, value in state.items()}
    torch.save(halves, tmp_path / "a.pt")
    assert main(words(tmp_path / "a.pt", tmp_path / "b.safetensors", "stgcn", "coco17")) == 0
    printed = capsys.readouterr().out
    assert "constants of the graph" in printed
    assert "float16, widened to float32" in printed
    assert "b.safetensors" in printed
    for what, option in (
        ("recipe", "--recipe"),
        ("stream", "--stream"),
        ("classes", "--classes"),
        ("experiment", "--exp"),
    ):
        assert any(
            line.startswith(f"the checkpoint does not record its {what}, ") and option in line
            for line in printed.splitlines()
        )
    with pytest.raises(CheckpointError, match="does not record its recipe"):
        Predictor.from_checkpoint(tmp_path / "b.safetensors")
    assert main(words(tmp_path / "b.safetensors", tmp_path / "c.pt")) == 0
    assert "does not record" not in capsys.readouterr().out


def test_what_is_given_makes_a_checkpoint_that_predicts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = published(tmp_path / "a.pt", skeleton="ntu25", num_classes=60, in_channels=3)
    sequence = SkeletonSequence(np.random.default_rng(0).normal(size=(1, 20, 25, 3)).astype(np.float32), NTU25)
    out = tmp_path / "b.safetensors"
    assert main([*words(source, out), "--experiment", "ntu60_xsub/agcn", "--stream", "joint"]) == 0
    assert "does not record" not in capsys.readouterr().out
    by_experiment = Predictor.from_checkpoint(out).predict(sequence)
    assert by_experiment.classes[0] == "drink water"
    (tmp_path / "classes.txt").write_text("".join(f"action {number}\n" for number in range(60)))
    more = ["--stream", "joint", "--recipe", "dualhead", "--classes", str(tmp_path / "classes.txt")]
    assert main([*words(source, out, "agcn", "ntu25"), *more]) == 0
    assert capsys.readouterr().out.count("does not record") == 1  # the experiment, for `evaluate`
    by_hand = Predictor.from_checkpoint(out).predict(sequence)
    assert by_hand.classes[59] == "action 59"
    np.testing.assert_array_equal(by_hand.probabilities, by_experiment.probabilities)


def test_a_recipe_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    source, out = published(tmp_path / "a.pt", skeleton="ntu25", in_channels=3), tmp_path / "b.safetensors"
    with pytest.raises(MismatchError, match=r"'ucla52'.*3 channels.*1 bodies.*3 and.*2"):
        convert(source, out, model="agcn", skeleton="ntu25", recipe="ucla52")
    with pytest.raises(ConfigError, match="did you mean 'resample64'"):
        convert(source, out, model="agcn", skeleton="ntu25", recipe="resampel64")
    assert not out.exists()


def test_a_list_of_classes_is_read_strictly(tmp_path: Path) -> None:
    path = tmp_path / "classes.txt"
    path.write_text("drink water\n clap \n\n")
    assert read_classes(path) == ["drink water", "clap"]
    path.write_text("drink water\n\nclap\n")
    with pytest.raises(ConfigError, match=r"classes\.txt.*2"):
        read_classes(path)
    path.write_text("\n")
    with pytest.raises(ConfigError, match="it is empty"):
        read_classes(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="it is not text in UTF-8"):
        read_classes(path)
    with pytest.raises(ConfigError, match="No such file"):
        read_classes(tmp_path / "absent.txt")


def test_nothing_is_lacking_where_all_is_said(tmp_path: Path) -> None:
    out = tmp_path / "b.safetensors"
    source = published(tmp_path / "a.pt", "stgcn", "openpose18", num_classes=400, in_channels=3)
    convert(source, out, experiment="kinetics/stgcn", stream="joint")
    _, provenance = load_checkpoint(out)
    assert lacking(provenance) == []
    assert (provenance["recipe"], provenance["num_bodies"]) == ("stgcn_kinetics", 2)


@pytest.mark.parametrize(("skeleton", "recipe"), [("ntu25", "stgcn_ntu"), ("openpose18", "stgcn_kinetics")])
def test_weights_of_stgcn_have_recipes_of_their_own(skeleton: str, recipe: str, tmp_path: Path) -> None:
    """The published runs left NTU's coordinates as recorded and let y of Kinetics point down."""
    source = published(tmp_path / "a.pt", "stgcn", skeleton, num_classes=10, in_channels=3)
    convert(source, tmp_path / "b.safetensors", model="stgcn", skeleton=skeleton)
    assert load_checkpoint(tmp_path / "b.safetensors")[1]["recipe"] == recipe
    convert(source, tmp_path / "c.safetensors", model="stgcn", skeleton=skeleton, recipe="dualhead")
    assert load_checkpoint(tmp_path / "c.safetensors")[1]["recipe"] == "dualhead"
