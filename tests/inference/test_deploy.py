"""The inference form gives what the model gives."""

from __future__ import annotations

import copy
import warnings
from pathlib import Path

import pytest
import torch
from torch import Tensor

import dualhead
from dualhead import create_model, list_models
from dualhead.inference.deploy import DeployedModel, deploy
from dualhead.layers.threads import in_turn
from dualhead.models.base import SkeletonModel
from dualhead.runtime.errors import ConfigError


def make(name: str) -> SkeletonModel:
    """Make a small model whose running statistics have seen something."""
    torch.manual_seed(0)
    model = create_model(name, num_classes=7, skeleton="coco17", width=24)
    for _ in range(3):
        model.train()(make_clips(13))
    return model.eval()


def make_clips(frames: int, seed: int = 1) -> Tensor:
    """Make six clips: two with both bodies, three without the second, one without anybody."""
    generator = torch.Generator().manual_seed(seed)
    clips = torch.randn(6, 3, frames, 17, 2, generator=generator)
    clips[2:, ..., 1] = 0
    clips[5] = 0
    return clips


@pytest.mark.parametrize("name", list_models())
def test_outputs_are_equal(name: str) -> None:
    model = make(name)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    deployed = dualhead.deploy(model)
    assert (deployed.heads, deployed.config) == (model.heads, model.config)
    for frames in (13, 20, 13):  # the third time, absent bodies are known
        clips = make_clips(frames, seed=frames)
        with torch.no_grad():
            want = model(clips)
        got = deployed(clips)
        torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-5 * float(want.abs().max()))
        assert torch.equal(got.argmax(dim=-1), want.argmax(dim=-1))
        torch.testing.assert_close(deployed(clips[3:4]), want[3:4], rtol=1e-4, atol=1e-5 * float(want.abs().max()))
    torch.testing.assert_close(dict(model.state_dict()), before, rtol=0, atol=0)


def test_in_place_is_the_same_without_a_copy() -> None:
    model, clips = make("dualhead"), make_clips(13)
    want, weight = deploy(model)(clips), next(model.parameters())
    deployed = deploy(model, inplace=True)
    assert torch.equal(deployed(clips), want)
    assert next(deployed.parameters()) is weight
    with pytest.raises(ConfigError, match="cannot be trained: train the model that it was made from"):
        model.train()


def test_what_autocast_lowered_is_not_kept_for_others() -> None:
    deployed, clips = deploy(make("stgcn")), make_clips(13)
    with torch.autocast("cpu", torch.bfloat16):
        lowered = deployed(clips)
    assert torch.equal(deployed(clips), deploy(make("stgcn"))(clips))
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(deployed(clips), lowered)


@pytest.mark.parametrize("name", list_models())
def test_half_width_stays_near(name: str) -> None:
    model, clips = make(name), make_clips(16)
    with torch.no_grad():
        want = model(clips)
    got = DeployedModel(copy.deepcopy(model), torch.bfloat16)(clips)  # whether the processor has units for it or not
    assert got.dtype == torch.float32
    torch.testing.assert_close(got, want, rtol=0, atol=0.05 * float(want.abs().max()))


@pytest.mark.parametrize("able", [False, True])
def test_half_width_is_for_processors_with_units_for_it(able: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True, "avx512_bf16": able}, raising=False)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert deploy(make("agcn")).dtype == torch.float32
        assert deploy(make("agcn"), torch.bfloat16).dtype == (torch.bfloat16 if able else torch.float32)
    assert [(str(each.message), Path(each.filename)) for each in caught] == [
        ("this processor does not support bfloat16: deployed in float32, which is faster", Path(__file__))
    ] * (not able)


@pytest.mark.parametrize("name", list_models())
@pytest.mark.parametrize("bodies", [1, 2])
def test_frames_shared_out_among_threads(name: str, bodies: int) -> None:
    model = make(name)
    deployed, clips = deploy(model), make_clips(75, seed=2)[2 - bodies : 3 - bodies]
    with in_turn(), torch.no_grad():
        want = model(clips)
    before = torch.get_num_threads()
    torch.set_num_threads(5)
    try:
        got = deployed(clips)
        assert torch.get_num_threads() == 5
    finally:
        torch.set_num_threads(before)
    torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-5 * float(want.abs().max()))


def test_absent_bodies_are_computed_once_for_each_length() -> None:
    deployed = deploy(make("agcn"))
    rows: list[int] = []
    deployed.model.units.register_forward_pre_hook(lambda module, inputs: rows.append(len(inputs[0])))
    for frames, computed in ((13, 9), (13, 7), (20, 9)):  # 2 * 2 + 3 that are there; an absent first, an absent second
        rows.clear()
        deployed(make_clips(frames))
        assert sum(rows) == computed


def test_it_predicts_and_nothing_else() -> None:
    deployed = deploy(make("agcn"))
    assert not any(parameter.requires_grad for parameter in deployed.parameters())
    assert not deployed(make_clips(13)).requires_grad
    with pytest.raises(ConfigError, match=r"float64.*float32"):
        deploy(make("agcn"), torch.float64)


def test_more_lengths_than_are_kept() -> None:
    deployed = deploy(make("stgcn"))
    clips = make_clips(75)[2:3]
    want = deployed(clips[:, :, :8])
    for frames in range(8, 76):  # 64 are kept
        deployed(clips[:, :, :frames])
    assert torch.equal(deployed(clips[:, :, :8]), want)
    both = torch.zeros(1, 3, 8, 17, 2)  # one body known already, one new
    torch.testing.assert_close(deployed(both), deployed(both))


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_a_model_of_another_type(dtype: torch.dtype) -> None:
    model, clips = make("msg3d").to(dtype), make_clips(13)
    with torch.no_grad():
        want = model(clips.to(dtype)).float()
    tolerance = 1e-5 if dtype == torch.float64 else 0.1
    torch.testing.assert_close(deploy(model)(clips), want, rtol=0, atol=tolerance * float(want.abs().max()))
    assert next(model.parameters()).dtype == dtype


def test_what_a_deployed_model_refuses(tmp_path: Path) -> None:
    model = make("agcn")
    deployed, clips = deploy(model), make_clips(13)
    want = deployed(clips)
    with pytest.raises(ConfigError, match="cannot be trained: train the model that it was made from"):
        deployed.train()
    with pytest.raises(ConfigError, match="deploy it again"):
        deployed.load_state_dict(model.state_dict())
    with pytest.raises(ConfigError, match="cannot be saved as a checkpoint"):
        deployed.save_pretrained(tmp_path / "a")
    with pytest.raises(ConfigError, match="is deployed already"):
        deploy(deployed)
    assert torch.equal(deployed.eval()(clips), want)
    assert torch.equal(copy.deepcopy(deployed)(clips), want)
