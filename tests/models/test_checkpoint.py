"""A checkpoint rebuilds its model with no other file, and says what is wrong with one that cannot."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
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
    with pytest.raises(CheckpointError, match="is not a file"):
        load_checkpoint(path)
    path.write_bytes(b"not a checkpoint")
    with pytest.raises(CheckpointError, match=r"a\.safetensors.*\.safetensors"):
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
        ("model", '"dualhead"', '"dualhand"', "cannot be built .*did you mean 'dualhead'"),
        ("model", '"num_classes": 4', '"num_classes": "4"', r"model\.num_classes is '4'"),
        ("model", '"num_classes": 4', '"num_classes": 1000000', "num_classes is 1000000"),
        ("model", '"joints": [', '"joints": [5, ', r"skeleton\.joints\[0\] is 5"),
        ("provenance", "{}", "[]", r"provenance is \[\]"),
        ("provenance", "{}", '{"classes": 5}', r"provenance\.classes is 5"),
        ("provenance", "{}", '{"classes": ["a", "b"]}', "2 classes, but its model has 4"),
        ("provenance", "{}", '{"epoch": "x"}', r"provenance\.epoch is"),
        ("provenance", "{}", 100_000 * "[", "damaged metadata"),
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
    with pytest.raises(CheckpointError, match=r"1.*NaN.*fine_classifier\.bias"):
        load_checkpoint(tmp_path / "a.safetensors")


def test_half_precision_is_widened(tmp_path: Path) -> None:
    model = small()
    halves = {key: value.half() if value.is_floating_point() else value for key, value in model.state_dict().items()}
    save_checkpoint(tmp_path / "a.safetensors", model, {}, halves)
    again, _ = load_checkpoint(tmp_path / "a.safetensors")
    assert again.get_parameter("fine_classifier.weight").dtype == torch.float32
    assert torch.equal(again.get_parameter("fine_classifier.weight"), halves["fine_classifier.weight"].float())


def test_equal_models_are_equal_bytes_in_any_process(tmp_path: Path) -> None:
    script = (
        "import sys; from tests.models.test_checkpoint import small\n"
        "import torch; torch.manual_seed(0)\n"
        "from dualhead.models.checkpoint import save_checkpoint\n"
        "save_checkpoint(sys.argv[1], small(), {'stream': 'bone', 'epoch': 3})\n"
    )
    paths = [tmp_path / f"{number}.safetensors" for number in range(4)]
    for path in paths:
        subprocess.run([sys.executable, "-c", script, path], check=True, cwd=Path(__file__).parents[2])
    assert len({path.read_bytes() for path in paths}) == 1
    assert load_checkpoint(paths[0])[1] == {"stream": "bone", "epoch": 3}


def test_a_flipped_bit_is_noticed_wherever_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save_checkpoint(path, small(), {"stream": "bone", "classes": ["a", "b", "c", "d"]})
    good = path.read_bytes()
    rng = np.random.default_rng(0)
    header = int.from_bytes(good[:8], "little")
    places = [*rng.integers(8, 8 + header, 40).tolist(), *rng.integers(8 + header, len(good), 40).tolist()]
    for place in places:
        bad = bytearray(good)
        bad[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(bad)
        try:
            load_checkpoint(path)
        except CheckpointError:
            continue
        assert bad[place] in b" \t\r\n" or good[place] in b" "  # blanks behind the header, which mean nothing


def test_a_file_without_a_digest_is_read_as_before(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save_checkpoint(path, small(), {})
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    del metadata["digest"]
    save_file(load_file(path), path, metadata)
    load_checkpoint(path)


def test_a_shape_that_takes_no_bytes_is_a_sentence(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "a.safetensors", small(), {})
    data = (tmp_path / "a.safetensors").read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    for change in ({}, {"width": 2**40}):
        header["x"] = {"dtype": "F32", "shape": [0, 2**62, 2**62], "data_offsets": [0, 0]}
        model = json.loads(header["__metadata__"]["model"])
        model["variant"] |= change
        header["__metadata__"]["model"] = json.dumps(model)
        text = json.dumps(header).encode()
        (tmp_path / "b.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + data[8 + length :])
        with pytest.raises(CheckpointError, match="width is 1099511627776" if change else "does not hold the weights"):
            load_checkpoint(tmp_path / "b.safetensors")
