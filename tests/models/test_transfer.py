"""Starting from the weights of another model."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from dualhead.models.checkpoint import save_checkpoint
from dualhead.models.transfer import initialize_from
from dualhead.runtime.errors import CheckpointError
from tests.models.test_battery import CUSTOM, build


@pytest.mark.parametrize("name", ["dualhead", "stgcn"])
def test_another_class_count_replaces_the_classifier(name: str, tmp_path: Path) -> None:
    source = build(name)
    save_checkpoint(tmp_path / "a.safetensors", source, {})
    model = build(name, num_classes=4)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    report = initialize_from(model, tmp_path / "a.safetensors")
    assert report.replaced
    assert all("classifier" in key for key in report.replaced)
    assert (report.missing, report.unused) == ((), ())
    state, original = model.state_dict(), source.state_dict()
    assert set(report.loaded) | set(report.replaced) == set(state)
    assert all(torch.equal(state[key], original[key]) for key in report.loaded)
    assert all((state[key] == 0).all() for key in report.replaced)
    assert f"{len(report.loaded)} loaded, {len(report.replaced)} replaced" in str(report)


def test_another_dropout_is_no_other_model(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "a.safetensors", build("agcn", dropout=0.5), {})
    assert initialize_from(build("agcn"), tmp_path / "a.safetensors").replaced == ()


def test_everything_is_loaded_where_nothing_differs(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "a.safetensors", build("agcn"), {})
    report = initialize_from(build("agcn"), tmp_path / "a.safetensors")
    assert str(report) == f"{len(build('agcn').state_dict())} loaded"


def test_another_number_of_bodies_replaces_the_input_norm(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "a.safetensors", build("agcn", num_bodies=2), {})
    report = initialize_from(build("agcn", num_bodies=1), tmp_path / "a.safetensors")
    assert {key.split(".")[0] for key in report.replaced} == {"input_norm"}


def test_refusals_leave_the_model_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save_checkpoint(path, build("agcn"), {})
    with pytest.raises(CheckpointError, match=r"'agcn'.*'stgcn'"):
        initialize_from(build("stgcn"), path)
    with pytest.raises(CheckpointError, match=r"'custom'.*'other'"):
        initialize_from(build("agcn", dataclasses.replace(CUSTOM, name="other")), path)
    model = build("agcn", width=12)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with pytest.raises(
        CheckpointError,
        match=r"has width 8, the model 12: build .* the checkpoint's variant, \{'depth': 1, 'width': 8\}",
    ):
        initialize_from(model, path)
    with pytest.raises(
        CheckpointError, match=r"input_norm\.weight is \(30,\) in .* and \(20,\) .* build .* with 3 channels"
    ):
        initialize_from(build("agcn", in_channels=2), path)
    save_checkpoint(path, build("msg3d", depth=2), {})
    with pytest.raises(CheckpointError, match="has depth 2, the model 3"):  # also where the classifier may differ
        initialize_from(build("msg3d", num_classes=4), path)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
