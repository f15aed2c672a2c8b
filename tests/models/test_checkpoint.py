"""A checkpoint rebuilds its model with no other file, and says what is wrong with one that cannot."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from dualhead import create_model
from dualhead.errors import CheckpointError
from dualhead.models.base import SkeletonModel
from dualhead.models.checkpoint import load_checkpoint, read_metadata, save_checkpoint
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
    with pytest.raises(CheckpointError, match="cannot be read as safetensors"):
        load_checkpoint(path)
    save_file({"x": torch.zeros(1)}, path)
    with pytest.raises(CheckpointError, match="was not written by dualhead"):
        load_checkpoint(path)


def test_refuses_a_later_schema_and_other_weights(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save_checkpoint(path, small(), {})
    state = load_file(path)
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    save_file(state, path, {**metadata, "schema": "99", "version": "7.0.0"})
    with pytest.raises(CheckpointError, match=r"install dualhead 7\.0\.0 or later"):
        read_metadata(path)
    state.pop("input_norm.weight")
    save_file(state, path, metadata)
    with pytest.raises(CheckpointError, match=r"input_norm\.weight"):
        load_checkpoint(path)
