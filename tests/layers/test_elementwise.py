"""Results are overwritten on a CPU, and never where autograd or a compiler would copy them for it."""

from __future__ import annotations

import torch

from dualhead.layers.elementwise import add, relu


def test_a_cpu_overwrites() -> None:
    x = torch.tensor([-1.0, 2.0])
    assert add(x, torch.ones(2)) is x
    assert relu(x) is x
    assert x.tolist() == [0.0, 3.0]


def test_a_gpu_overwrites_where_no_gradient_is_recorded() -> None:
    x = torch.zeros(2, device="meta")
    assert add(x, x) is not x
    assert relu(x) is not x
    with torch.no_grad():
        assert add(x, x) is x
        assert relu(x) is x
