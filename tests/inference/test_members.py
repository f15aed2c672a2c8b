from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dualhead.evaluation.fusion import fuse
from dualhead.evaluation.scores import Scores
from dualhead.inference.members import choose_weights, load_members
from dualhead.inference.predictor import Predictor
from dualhead.models.checkpoint import load_checkpoint
from dualhead.runtime.errors import CheckpointError, ConfigError, MismatchError
from tests.inference.builders import write_checkpoint

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checkpoints of two streams."""
    path = tmp_path_factory.mktemp("members")
    write_checkpoint(path / "joint.safetensors", "joint", 1)
    write_checkpoint(path / "bone.safetensors", "bone", 2)
    return path


def test_members_are_what_their_checkpoints_say(folder: Path) -> None:
    members = load_members([folder / "bone.safetensors", folder / "joint.safetensors"], CPU)
    assert [(item.name, item.stream, item.recipe.name) for item in members] == [
        ("bone", "bone", "resample16"),
        ("joint", "joint", "resample16"),
    ]
    assert not any(item.model.training for item in members)


def test_weights_by_order_and_by_stream(folder: Path) -> None:
    members = load_members([folder / "joint.safetensors", folder / "bone.safetensors"], CPU)
    for weights, expected in (([3, 1], [0.75, 0.25]), ({"bone": 3, "joint": 1}, [0.25, 0.75]), (None, [0.5, 0.5])):
        share, method = choose_weights(weights, None, members)  # type: ignore[arg-type]
        assert (share.tolist(), method) == (expected, "logits")


def test_what_cannot_be_chosen_is_refused(folder: Path) -> None:
    members = load_members([folder / "joint.safetensors"], CPU)
    with pytest.raises(ConfigError, match="unknown method 'sum'"):
        choose_weights(None, "sum", members)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="0 checkpoints"):
        load_members([], CPU)
    with pytest.raises(CheckpointError, match="is not a file"):
        load_members([folder / "none.safetensors"], CPU)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"dataset": "ntu120"}, r"dataset differs: 'ntu60' in .*joint\.safetensors but 'ntu120' in"),
        ({"protocol": "xview"}, "protocol differs: 'xsub' in"),
        ({"data_fingerprint": "bb"}, "data_fingerprint differs: 'aa' in"),
        ({"classes": ["a", "b"]}, "classes differs: 60 names in"),
        ({"skeleton": "kinect20"}, "skeleton differs: 'ntu25' in"),
    ],
)
def test_checkpoints_that_do_not_belong_together_are_refused(
    folder: Path, tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    other = write_checkpoint(tmp_path / "other.safetensors", "bone", **changes)
    with pytest.raises(MismatchError, match=words):
        Predictor.from_checkpoint([folder / "joint.safetensors", other])


def test_weights_of_another_checkpoint_are_refused(folder: Path, tmp_path: Path) -> None:
    files = [folder / "joint.safetensors", folder / "bone.safetensors"]
    names, labels, logits = np.array(["a"]), np.array([0]), np.zeros((1, 2, 60))
    scores = [
        Scores(names, labels, logits + number, ("fine", "coarse"), {**load_checkpoint(file)[1], "split": "test"})
        for number, file in enumerate(files)
    ]
    fuse(scores, out=tmp_path / "fused.npz")
    other = write_checkpoint(tmp_path / "other.safetensors", "bone", 2, epoch=9)
    with pytest.raises(MismatchError, match="epoch differs: 9 in the checkpoint of bone but 3 in"):
        Predictor.from_checkpoint([files[0], other], weights=tmp_path / "fused.npz")
    with pytest.raises(ConfigError, match=r"fused\.npz is the fusion of bone, joint: .* that of bone"):
        Predictor.from_checkpoint(files[0], weights=tmp_path / "fused.npz")
    scores[0].save(tmp_path / "single.npz")
    with pytest.raises(ConfigError, match="is not a fusion"):
        Predictor.from_checkpoint(files, weights=tmp_path / "single.npz")
