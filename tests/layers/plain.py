"""Comparing a layer with a plain statement of the same formula."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable
from types import MethodType
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dualhead.graph import Matrix, binary_adjacency
from dualhead.skeleton import COCO17, NTU25, Skeleton

ODD_V, EVEN_V = 25, 6

SMALL = Skeleton(
    name="small",
    joints=tuple("abcdef"),
    parents=(0, 0, 1, 2, 1, 4),
    edges=((1, 0), (2, 1), (3, 2), (4, 1), (5, 4)),
    mirror=((2, 4), (3, 5)),
    centre=1,
    origin=0,
    spine=None,
    shoulders=None,
    dimensions=3,
)
"""Six joints: 0 - 1, and from 1 the two arms 2 - 3 and 4 - 5."""


def graph(joints: int) -> Matrix:
    """Give the graph of a skeleton with that many joints."""
    return binary_adjacency({25: NTU25, 17: COCO17, 6: SMALL}[joints])


def norm(layer: nn.Module, x: Tensor) -> Tensor:
    """Apply a batch norm by torch's own function, whatever the class of the layer."""
    assert isinstance(layer, nn.BatchNorm2d | nn.BatchNorm1d)
    return F.batch_norm(
        x, layer.running_mean, layer.running_var, layer.weight, layer.bias, layer.training, 0.1, layer.eps
    )


def randomize(module: nn.Module, seed: int = 0) -> None:
    """Fill parameters and statistics so that nothing is 0 or 1 by its start."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in [*module.named_parameters(), *module.named_buffers()]:
            if not value.is_floating_point() or name.split(".")[-1] == "adjacency":
                continue
            noise = torch.randn(value.shape, generator=generator, dtype=value.dtype)
            value.copy_(1 + 0.3 * noise.abs() if name.endswith("running_var") else 0.5 * noise)


def compare(layer: Any, formula: Callable[[Any, Tensor], Tensor], shape: tuple[int, ...], seed: int = 0) -> None:
    """Compare `layer(x)`, as on a CPU and as elsewhere, with `formula(layer, x)`, whose norms are torch's, in float64.

    Output, every gradient and the running statistics are compared, in training and in evaluation mode.
    """
    for elsewhere in (False, True):
        with pytest.MonkeyPatch.context() as patch:
            if elsewhere:
                take_no_looks(patch)
            _compare(copy.deepcopy(layer), formula, shape, seed)


def take_no_looks(patch: pytest.MonkeyPatch) -> None:
    """Let every layer compute as on a GPU."""
    for name, module in list(sys.modules.items()):
        if name.startswith("dualhead.") and hasattr(module, "is_eager"):
            patch.setattr(module, "is_eager", lambda _: False)


def _compare(layer: Any, formula: Callable[[Any, Tensor], Tensor], shape: tuple[int, ...], seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    layer = layer.double()
    randomize(layer, seed)
    other = copy.deepcopy(layer)
    for part in other.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.forward = MethodType(nn.BatchNorm2d.forward, part)  # type: ignore[method-assign]
    for training in (True, False):
        x = torch.randn(shape, generator=generator, dtype=torch.float64)
        layer.train(training)
        other.train(training)
        ours_x = x.clone().contiguous(memory_format=torch.channels_last).requires_grad_()
        plain_x = x.clone().requires_grad_()
        ours, plain = layer(ours_x), formula(other, plain_x)
        torch.testing.assert_close(ours, plain, rtol=1e-10, atol=1e-10)
        weights = torch.randn(plain.shape, generator=generator, dtype=torch.float64)
        (ours * weights).sum().backward()
        (plain * weights).sum().backward()
        torch.testing.assert_close(ours_x.grad, plain_x.grad, rtol=1e-9, atol=1e-9)
        theirs = dict(other.named_parameters())
        for name, parameter in layer.named_parameters():
            assert parameter.grad is not None, name
            torch.testing.assert_close(
                parameter.grad, theirs[name].grad, rtol=1e-9, atol=1e-9, msg=lambda text, name=name: f"{name}: {text}"
            )
        buffers = dict(other.named_buffers())
        for name, buffer in layer.named_buffers():
            if buffer.is_floating_point():
                torch.testing.assert_close(buffer, buffers[name], rtol=1e-12, atol=1e-12)
        if not training:
            with torch.no_grad():
                torch.testing.assert_close(layer(ours_x.detach()), plain, rtol=1e-10, atol=1e-10)
        layer.zero_grad()
        other.zero_grad()
