"""ST-GCN has the published size, partition and dropout."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from dualhead import create_model
from dualhead.graph import published_spatial_partition, spatial_partition
from dualhead.layers.bodies import DistinctBodies
from dualhead.models.stgcn import STGCN
from dualhead.runtime.errors import ConfigError
from dualhead.skeleton import NTU25


def small(**arguments: object) -> STGCN:
    model = create_model("stgcn", num_classes=3, skeleton="ntu25", width=4, depth=1, **arguments)
    assert isinstance(model, STGCN)
    return model


def test_published_parameters() -> None:
    model = create_model("stgcn", num_classes=60, skeleton="ntu25")
    assert sum(parameter.numel() for parameter in model.parameters()) == 3_098_832


def test_any_number_of_bodies_has_the_same_weights() -> None:
    one, five = small(num_bodies=1), small(num_bodies=5)
    shapes = [{key: value.shape for key, value in model.state_dict().items()} for model in (one, five)]
    assert shapes[0] == shapes[1]
    assert five(torch.randn(2, 3, 8, 25, 5)).shape == (2, 1, 3)


def test_partitions() -> None:
    published = small().get_buffer("units.0.spatial.adjacency")
    torch.testing.assert_close(published, torch.tensor(published_spatial_partition(NTU25), dtype=torch.float32))
    distance = small(partition="distance").get_buffer("units.0.spatial.adjacency")
    torch.testing.assert_close(distance, torch.tensor(spatial_partition(NTU25), dtype=torch.float32))
    with pytest.raises(ConfigError, match="unknown partition 'distances'"):
        small(partition="distances")


def test_the_first_unit_drops_nothing() -> None:
    assert [unit.dropout.p for unit in small(dropout=0.5).units] == [0.0, 0.5, 0.5, 0.5]


def test_absent_bodies_drop_features_of_their_own() -> None:
    torch.manual_seed(0)
    model = small(dropout=0.5).train()
    nn.init.normal_(model.input_norm.bias)
    clips = torch.zeros(2, 3, 8, 25, 2)
    logits = model(clips)  # nothing but absent bodies: two clips differ by what each loses
    assert not torch.equal(logits[0], logits[1])
    logits = model(clips, DistinctBodies.of(clips))
    assert not torch.equal(logits[0], logits[1])
    assert torch.equal(model.eval()(clips)[0], model(clips)[1])
    for part in model.modules():  # Monte Carlo dropout: the rest evaluates
        part.train(isinstance(part, nn.Dropout))
    logits = model(clips)
    assert not torch.equal(logits[0], logits[1])
