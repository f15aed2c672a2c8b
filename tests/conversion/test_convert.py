"""Published checkpoints to ours and back."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from dualhead.conversion.convert import convert
from dualhead.conversion.published import to_published
from dualhead.models.checkpoint import load_checkpoint, save_checkpoint
from dualhead.models.registry import model_entries
from dualhead.runtime.errors import CheckpointError, ConfigError, MismatchError
from tests.models.test_battery import CUSTOM, EVERY, build, clips


@EVERY
def test_there_and_back(name: str, tmp_path: Path) -> None:
    model = build(name, num_bodies=2).eval()
    published = to_published(model)
    torch.save(
        {"state_dict": {f"module.{key}": value for key, value in published.items()}, "epoch": 1}, tmp_path / "a.pt"
    )
    done = convert(tmp_path / "a.pt", tmp_path / "b.safetensors", model=name, skeleton=CUSTOM, stream="bone")
    assert done.aside == ("epoch",)
    assert done.arguments["num_classes"] == 7
    assert len(done.keys.mapped) + len(done.keys.constants) == len(published)
    ours, provenance = load_checkpoint(tmp_path / "b.safetensors")
    assert (provenance["stream"], provenance["source"], len(provenance["source_sha256"])) == ("bone", "a.pt", 64)
    with torch.no_grad():
        assert torch.equal(ours(clips(model)), model(clips(model)))
    convert(tmp_path / "b.safetensors", tmp_path / "c.pth")
    again = torch.load(tmp_path / "c.pth", weights_only=True)
    assert list(again) == list(published)
    assert all(torch.equal(again[key], value) for key, value in published.items())


def test_arguments_that_contradict_the_tensors(tmp_path: Path) -> None:
    torch.save(to_published(build("agcn")), tmp_path / "a.pt")
    for wrong in ({"num_classes": 8}, {"num_bodies": 1}):
        with pytest.raises(MismatchError, match=r"and .*a\.pt has"):
            convert(tmp_path / "a.pt", tmp_path / "b.safetensors", model="agcn", skeleton=CUSTOM, **wrong)
    convert(tmp_path / "a.pt", tmp_path / "b.safetensors", model="agcn", skeleton=CUSTOM)
    for other in ({"model": "stgcn"}, {"skeleton": "ntu25"}, {"num_classes": 8}):
        with pytest.raises(MismatchError, match=f"{'name' if 'model' in other else next(iter(other))} is"):
            convert(tmp_path / "b.safetensors", tmp_path / "c.pt", **other)  # type: ignore[arg-type]
    assert not (tmp_path / "c.pt").exists()


@pytest.mark.parametrize("name", ["dualhead", "msg3d", "agcn", "stgcn", "ctrgcn", "stgcnpp", "dgstgcn", "protogcn"])
def test_a_model_that_the_file_cannot_hold_is_refused_before_it_is_built(name: str, tmp_path: Path) -> None:
    state = to_published(build(name))
    layout = model_entries()[name].layout
    assert layout is not None
    first = layout.telling
    wide = torch.zeros(1).expand(240_000, *state[first].shape[1:])  # one number that stands for all
    torch.save({**state, first: wide}, tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match=r"a\.pt has \d+ bytes, and the .* has \d+ numbers"):
        convert(tmp_path / "a.pt", tmp_path / "b.safetensors", model=name, skeleton=CUSTOM)
    assert not (tmp_path / "b.safetensors").exists()


def test_bodies_of_stgcn_are_taken_as_given(tmp_path: Path) -> None:
    torch.save(to_published(build("stgcn")), tmp_path / "a.pt")
    convert(tmp_path / "a.pt", tmp_path / "b.safetensors", model="stgcn", skeleton=CUSTOM, num_bodies=5)
    assert load_checkpoint(tmp_path / "b.safetensors")[0].config.num_bodies == 5


def test_an_experiment_and_a_stream_say_everything(tmp_path: Path) -> None:
    torch.save(to_published(build("agcn", "ntu25", num_classes=60, in_channels=3)), tmp_path / "a.pt")
    out = tmp_path / "b.safetensors"
    done = convert(tmp_path / "a.pt", out, experiment="ntu60_xsub/agcn", stream="joint")
    _, provenance = load_checkpoint(out)
    assert provenance == done.provenance
    assert (provenance["dataset"], provenance["recipe"], provenance["stream"]) == ("ntu60", "dualhead", "joint")
    assert provenance["classes"][0] == "drink water"


def test_refusals(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="pass model and skeleton"):
        convert(tmp_path / "a.pt", tmp_path / "b.safetensors")
    with pytest.raises(ConfigError, match="did you mean 'msg3d'"):
        convert(tmp_path / "a.pt", tmp_path / "b.safetensors", model="msg3", skeleton="ntu25")
    with pytest.raises(ConfigError, match=r"ends in '\.onnx'"):
        convert(tmp_path / "a.pt", tmp_path / "b.onnx")
    save_checkpoint(tmp_path / "ours.safetensors", build("agcn"), {})
    with pytest.raises(ConfigError, match=r"stream is for checkpoints of this package, .*b\.pt cannot store it"):
        convert(tmp_path / "ours.safetensors", tmp_path / "b.pt", stream="joint")
    with pytest.raises(CheckpointError, match="published checkpoint of agcn"):
        convert(tmp_path / "ours.safetensors", tmp_path / "b.safetensors", model="agcn", skeleton=CUSTOM)


def test_a_source_is_not_written_over(tmp_path: Path) -> None:
    source = tmp_path / "bare.safetensors"
    source.write_bytes(b"weights")
    with pytest.raises(ConfigError, match=r"bare\.safetensors is an input and would be overwritten"):
        convert(source, source, model="stgcn", skeleton="ntu25")
    assert source.read_bytes() == b"weights"
