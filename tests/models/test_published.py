"""Published keys: one to one with ours, strictly loaded, written back the same."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from dualhead.errors import CheckpointError
from dualhead.models.base import SkeletonModel
from dualhead.models.published import (
    PublishedKeysError,
    compare_published,
    load_published,
    published_constants,
    published_keys,
    to_published,
    without_prefix,
)
from tests.models.test_battery import EVERY, build


@EVERY
def test_one_to_one(name: str) -> None:
    model = build(name)
    names = published_keys(model)
    assert set(names) == set(model.state_dict())
    assert len(set(names.values())) == len(names)


@EVERY
def test_round_trip(name: str) -> None:
    model = build(name)
    published = to_published(model)
    fresh = build(name)
    for parameter in fresh.parameters():
        nn.init.zeros_(parameter)
    mapped = load_published(fresh, published)
    assert set(mapped) == set(published) - set(published_constants(model))
    original = model.state_dict()
    for key, value in fresh.state_dict().items():
        assert torch.equal(value, original[key]), key


def test_prefixes_and_absent_counters() -> None:
    model = build("agcn")
    state = {f"module.model.{key}": value for key, value in to_published(model).items() if "num_batches" not in key}
    assert "l1.gcn1.PA" in load_published(model, state)
    assert without_prefix({"module.a": torch.zeros(1), "b": torch.zeros(1)}).keys() == {"module.a", "b"}


def test_constants_are_left_aside() -> None:
    model = build("stgcn")
    published = to_published(model)
    assert published["A"].shape == (3, 5, 5)
    adjacency = model.get_buffer("units.0.spatial.adjacency").clone()
    assert "A" not in load_published(model, {**published, "A": torch.full((3, 5, 5), 9.0)})
    assert torch.equal(model.get_buffer("units.0.spatial.adjacency"), adjacency)
    assert compare_published(model, published).constants == ("A",)
    with pytest.raises(CheckpointError, match="A is"):
        load_published(model, {**published, "A": torch.zeros(3, 25, 25)})
    with pytest.raises(CheckpointError, match=r"1 keys are not known \(first: A\)"):
        load_published(build("agcn"), {**to_published(build("agcn")), "A": torch.zeros(3, 5, 5)})


def refused(model: SkeletonModel, state: dict[str, torch.Tensor], message: str) -> PublishedKeysError:
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with pytest.raises(PublishedKeysError, match=message) as caught:
        load_published(model, state)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    return caught.value


def test_nothing_is_loaded_where_a_key_is_wrong() -> None:
    model = build("msg3d")
    state = {key: value + 1 for key, value in to_published(model).items()}
    without = {key: value for key, value in state.items() if key != "fc.bias"}
    assert refused(model, without, r"1 keys are missing \(first: fc\.bias\)").report.missing == ("fc.bias",)
    more = {**state, "extra": torch.zeros(1)}
    assert refused(model, more, r"1 keys are not known \(first: extra\)").report.unexpected == ("extra",)
    other = {**state, "fc.bias": torch.zeros(9)}
    report = refused(model, other, r"1 keys have another shape").report
    assert report.reshaped == ("fc.bias is (9,) and should be (7,)",)
    assert not report.understood


def test_an_unknown_architecture_has_no_published_keys() -> None:
    class Other(SkeletonModel):
        pass

    with pytest.raises(CheckpointError, match="no published checkpoints are known for Other"):
        published_keys(Other())
