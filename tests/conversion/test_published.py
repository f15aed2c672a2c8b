"""Published keys: one to one with ours, strictly loaded, written back the same."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from dualhead.conversion.published import (
    PublishedKeysError,
    compare_published,
    load_published,
    published_constants,
    published_keys,
    to_published,
    without_prefix,
)
from dualhead.models.base import SkeletonModel
from dualhead.runtime.errors import CheckpointError
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


@pytest.mark.parametrize("prefix", ["module.model.", "_orig_mod.", "module._orig_mod.", "net.", "data_bn."])
def test_prefixes_and_absent_counters(prefix: str) -> None:
    model = build("agcn")
    state = {f"{prefix}{key}": value for key, value in to_published(model).items() if "num_batches" not in key}
    assert "l1.gcn1.PA" in load_published(model, state)


def test_a_prefix_stands_before_every_key() -> None:
    one = torch.zeros(1)
    for keys in ({"module.data_bn.weight", "b"}, {"data_bn.weight", "module.b"}, {"module.b"}, {"my_data_bn.weight"}):
        assert without_prefix(dict.fromkeys(keys, one)).keys() == keys
    twice = {"a.data_bn.weight", "a.b.data_bn.weight"}
    assert without_prefix(dict.fromkeys(twice, one)).keys() == twice


def test_constants_are_compared_and_left_aside() -> None:
    model = build("stgcn")
    published = to_published(model)
    assert published["A"].shape == (3, 5, 5)
    assert compare_published(model, published).constants == ("A",)
    nearly = {**published, "A": published["A"] + 5e-7}
    assert "A" not in load_published(model, nearly)
    assert torch.equal(model.get_buffer("units.0.spatial.adjacency"), published["A"])
    moved = published["A"].clone()
    moved[1, 2, 3] += 0.25
    report = refused(model, {**published, "A": moved}, r"1 keys are of another graph \(first: A differs by up to 0\.25")
    assert report.report.other_graph == ("A differs by up to 0.25 from that of custom",)
    refused(model, {**published, "A": torch.full((3, 5, 5), float("nan"))}, "A differs by up to nan")
    other = to_published(build("stgcn", "ntu25", partition="distance"))
    refused(build("stgcn", "ntu25"), other, r"1 keys are of another graph \(first: A differs by up to .* that of ntu25")
    with pytest.raises(CheckpointError, match="A is"):
        load_published(model, {**published, "A": torch.zeros(3, 25, 25)})
    with pytest.raises(CheckpointError, match=r"1 keys are not known \(first: A\)"):
        load_published(build("agcn"), {**to_published(build("agcn")), "A": torch.zeros(3, 5, 5)})


def test_weights_that_are_no_numbers_are_refused() -> None:
    model = build("agcn")
    state = to_published(model)
    state["fc.bias"][2] = float("inf")
    state["l1.gcn1.PA"][0, 0, 0] = float("nan")
    found = refused(model, state, r"2 keys hold NaN or infinity \(first: l1\.gcn1\.PA\)")
    assert set(found.report.not_finite) == {"fc.bias", "l1.gcn1.PA"}
    other = {**to_published(model), "fc.bias": torch.zeros(7, dtype=torch.int8)}
    refused(model, other, r"first: fc\.bias is \(7,\) of int8 and should be \(7,\)")


def test_other_precisions_are_said() -> None:
    model = build("agcn")
    state = to_published(model)
    assert compare_published(model, state).converted == ()
    halves = {key: value.half() if value.is_floating_point() else value for key, value in state.items()}
    floats = sum(value.is_floating_point() for value in state.values())
    report = compare_published(model, {**halves, "fc.bias": state["fc.bias"].double()})
    assert report.converted == (f"{floats - 1} of float16, widened to float32", "1 of float64, rounded to float32")
    load_published(model, halves)
    assert torch.equal(model.get_parameter("classifier.bias"), halves["fc.bias"].float())


def test_a_state_dict_further_down_is_named() -> None:
    model = build("agcn")
    for name in ("state_dict", "model"):
        with pytest.raises(CheckpointError, match=rf"'{name}' .*checkpoint\['{name}'\]"):
            load_published(model, {"epoch": 3, name: to_published(model)})  # type: ignore[dict-item]
    with pytest.raises(CheckpointError, match="'epoch'"):
        load_published(model, {**to_published(model), "epoch": 3})  # type: ignore[dict-item]


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
    assert report.shape_mismatches == ("fc.bias is (9,) and should be (7,)",)
    assert not report.understood


def test_an_unknown_architecture_has_no_published_keys() -> None:
    class Other(SkeletonModel):
        pass

    with pytest.raises(CheckpointError, match="no published checkpoints are known for Other"):
        published_keys(Other())
