"""ProtoGCN's reconstruction of a graph against its formula."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from dualhead.layers.prototypes import PrototypeReconstruction
from tests.layers import plain


def formula(layer: Any, graph: Tensor) -> Tensor:
    rows = graph.flatten(2).transpose(1, 2)  # (N, V * V, C)
    shares = (rows @ layer.query.weight.t()).softmax(dim=2)  # (N, V * V, P)
    z = (shares @ layer.memory.weight.t()).transpose(1, 2).unflatten(2, graph.shape[2:])
    y = torch.relu(plain.norm(layer.norm, F.conv2d(z, layer.mix.weight, layer.mix.bias)))
    return y.mean(dim=1).flatten(1)


def test_formula() -> None:
    plain.compare(PrototypeReconstruction(4, 7, dropout=0.0), formula, (3, 4, 6, 6))


def test_dropout_acts_in_training_only() -> None:
    layer, graph = PrototypeReconstruction(4, 7), torch.randn(3, 4, 6, 6)
    assert layer.dropout.p == 0.1
    assert not torch.equal(layer(graph), layer(graph))
    assert torch.equal(layer.eval()(graph), layer(graph))
