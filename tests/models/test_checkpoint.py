"""A checkpoint rebuilds its model with no other file, and says what is wrong with one that cannot."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from dualhead import create_model
from dualhead.models.base import SkeletonModel
from dualhead.models.checkpoint import load_checkpoint, read_metadata, save_checkpoint
from dualhead.runtime.errors import CheckpointError
from dualhead.skeleton import COCO17, Skeleton

CUSTOM = dataclasses.replace(COCO17, name="mine")


def small(skeleton: str | Skeleton = "ntu25") -> SkeletonModel:
    return create_model("dualhead", num_classes=4, skeleton=skeleton, num_bodies=1, width=12)


@pytest.mark.parametrize("skeleton", ["ntu25", CUSTOM])
def test_round_trip(tmp_path: Path, skeleton: str | Skeleton) -> None:
    model = small(skeleton).eval()
    save_checkpoint(tmp_path / "a.safetensors", model, {"stream": "bone", "seed": 3})
    again, provenance = load_checkpoint(tmp_path / "a.safetensors")
    assert provenance == {"stream": "bone", "seed": 3}
    assert again.config == model.config
    assert not again.training
    clips = torch.randn(2, 3, 16, model.config.skeleton.num_joints, 1)
    assert torch.equal(again(clips), model(clips))


def test_refuses_what_it_cannot_read(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    with pytest.raises(CheckpointError, match="is no file"):
        load_checkpoint(path)
    path.write_bytes(b"not a checkpoint")
    with pytest.raises(CheckpointError, match=r"a\.safetensors is damaged or no \.safetensors file: give a checkpoint"):
        load_checkpoint(path)
    save_file({"x": torch.zeros(1)}, path)
    with pytest.raises(CheckpointError, match="was not written by dualhead"):
        load_checkpoint(path)


def test_refuses_a_later_schema_and_other_weights(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save_checkpoint(path, small(), {})
    state = load_file(path)
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    save_file(state, path, {**metadata, "schema": "99", "version": "7.0.0"})
    with pytest.raises(CheckpointError, match=r"install dualhead 7\.0\.0 or later"):
        read_metadata(path)
    state.pop("input_norm.weight")
    save_file(state, path, metadata)
    with pytest.raises(CheckpointError, match=r"input_norm\.weight"):
        load_checkpoint(path)


@pytest.mark.parametrize(
    ("field", "old", "new", "reason"),
    [
        ("model", '"dualhead"', '"dualhand"', "says of its model what cannot be built .*did you mean 'dualhead'"),
        ("model", '"num_classes": 4', '"num_classes": "4"', "says of its model what cannot be built"),
        ("provenance", "{}", "[]", "damaged metadata: its provenance has no fields"),
    ],
)
def test_refuses_metadata_that_build_nothing(tmp_path: Path, field: str, old: str, new: str, reason: str) -> None:
    path = tmp_path / "a.safetensors"
    save_checkpoint(path, small(), {})
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    assert old in metadata[field]
    save_file(load_file(path), path, {**metadata, field: metadata[field].replace(old, new)})
    with pytest.raises(CheckpointError, match=reason):
        load_checkpoint(path)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_refuses_weights_that_are_no_numbers(tmp_path: Path, value: float) -> None:
    model = small()
    with torch.no_grad():
        model.get_parameter("fine_classifier.bias")[1] = value
    save_checkpoint(tmp_path / "a.safetensors", model, {})
    with pytest.raises(
        CheckpointError, match=r"1 of its tensors hold NaN or infinity \(first: fine_classifier\.bias\)"
    ):
        load_checkpoint(tmp_path / "a.safetensors")


def test_half_precision_is_widened(tmp_path: Path) -> None:
    model = small()
    halves = {key: value.half() if value.is_floating_point() else value for key, value in model.state_dict().items()}
    save_checkpoint(tmp_path / "a.safetensors", model, {}, halves)
    again, _ = load_checkpoint(tmp_path / "a.safetensors")
    assert again.get_parameter("fine_classifier.weight").dtype == torch.float32
    assert torch.equal(again.get_parameter("fine_classifier.weight"), halves["fine_classifier.weight"].float())
