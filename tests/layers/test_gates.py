"""The messages between the heads against their formula."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from dualhead.layers.gates import SpatialGate, TemporalGate, gated
from tests.layers import plain


def temporal(gate: Any, x: Tensor) -> Tensor:
    h = F.conv1d(x.mean(dim=3), gate.conv.weight, gate.conv.bias, padding=4)
    return torch.sigmoid(h)[:, :, :, None]


def spatial(gate: Any, x: Tensor) -> Tensor:
    width = gate.conv.weight.shape[2]
    h = F.conv1d(x.mean(dim=2), gate.conv.weight, gate.conv.bias, padding=(width - 1) // 2)
    return torch.sigmoid(h)[:, :, None, :]


def test_temporal_formula() -> None:
    plain.compare(TemporalGate(4), temporal, (2, 4, 7, 6))


@pytest.mark.parametrize(("joints", "kernel"), [(25, 25), (18, 17), (6, 5)])
def test_spatial_formula(joints: int, kernel: int) -> None:
    gate = SpatialGate(4, joints)
    assert gate.conv.kernel_size == (kernel,)
    plain.compare(gate, spatial, (2, 4, 5, joints))


def test_temporal_gate_starts_at_half() -> None:
    assert torch.equal(TemporalGate(4)(torch.randn(2, 4, 7, 6)), torch.full((2, 1, 7, 1), 0.5))


def test_receiver_lets_a_share_of_itself_in() -> None:
    receiver = torch.tensor([[[[2.0, 4.0]]]])
    gate = torch.tensor([[[[0.5, 0.25]]]])
    assert gated(receiver, gate).tolist() == [[[[3.0, 5.0]]]]
