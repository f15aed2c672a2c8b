"""The trunk that ST-GCN and its successors share: a chain of units that widen the features and halve the frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from einops import rearrange
from torch import Tensor, nn

from dualhead.layers.input_norm import InputNorm
from dualhead.layers.residual import make_residual
from dualhead.models.base import SkeletonModel


class Unit(NamedTuple):
    """One unit of a plan.

    Attributes:
        in_channels: C.
        out_channels: O.
        stride: Frames between two outputs.
        first: Whether it is the first, around which there is no residual.
    """

    in_channels: int
    out_channels: int
    stride: int
    first: bool


def unit_plan(in_channels: int, width: int, depth: int) -> list[Unit]:
    """List the units: one for the coordinates, then `depth` at each of three widths, halving the frames in between.

    The published plan is width 64, depth 3: ten units 64 64 64 64 128 128 128 256 256 256, stride 2 at units 5 and 8.

    Args:
        in_channels: C of the clips.
        width: Channels of the first stage; the next ones have twice and four times as many.
        depth: Units per stage.

    Returns:
        1 + 3 * depth units.

    Raises:
        ValueError: If `width` or `depth` is below 1.
    """
    if width < 1 or depth < 1:
        raise ValueError(f"width {width} and depth {depth} must both be at least 1")
    widths = [width] + [width * factor for factor in (1, 2, 4) for _ in range(depth)]
    inputs = [in_channels, *widths]
    return [
        Unit(before, after, 2 if index and after > before else 1, index == 0)
        for index, (before, after) in enumerate(zip(inputs, widths, strict=False))
    ]


class GraphUnit(nn.Module):
    """Graph convolution, temporal convolution with the unit's stride, residual, ReLU.

    Args:
        plan: Widths and stride.
        spatial: From `(B, C, T, V)` to `(B, O, T, V)`.
        temporal: From there to `(B, O, ceil(T / stride), V)`.
    """

    def __init__(self, plan: Unit, spatial: nn.Module, temporal: nn.Module):
        super().__init__()
        self.spatial, self.temporal = spatial, temporal
        self.residual = None if plan.first else make_residual(plan.in_channels, plan.out_channels, plan.stride)

    def forward(self, x: Tensor, *further: Tensor) -> Tensor:
        """Map `(B, C, T, V)` to `(B, O, ceil(T / stride), V)`; what is given further goes to the graph convolution."""
        y: Tensor = self.temporal(self.spatial(x, *further))
        if self.residual is not None:
            y = y + self.residual(x)
        return torch.relu(y)


class UnitTrunk(SkeletonModel):
    """Units of a `unit_plan`, one linear head on the mean features.

    Args:
        input_norm: The norm that every clip passes first.
        units: The units.
        features: Channels of the last unit.
        num_classes: K.
        dropout: Share of the pooled features that is dropped in training.
    """

    def __init__(
        self, input_norm: InputNorm, units: Sequence[nn.Module], features: int, num_classes: int, dropout: float
    ):
        super().__init__()
        self.input_norm = input_norm
        self.units = nn.Sequential(*units)
        self.dropout = nn.Dropout(dropout)
        self.classifier = self.make_classifier(features, num_classes)

    def features(self, x: Tensor) -> tuple[Tensor]:
        """Map bodies `(B, C, T, V)` to `(B, 4 * width, T / 4, V)`."""
        return (self.units(x),)

    def classify(self, pooled: Sequence[Tensor]) -> Tensor:
        """Map mean features, `(N, 4 * width)`, to logits `(N, 1, K)`."""
        logits: Tensor = self.classifier(self.dropout(pooled[0]))
        return rearrange(logits, "n k -> n 1 k")


def normal_linear(features: int, num_classes: int, deviation: float) -> nn.Linear:
    """Create a linear classifier whose weights are normal with mean 0.

    Args:
        features: O.
        num_classes: K.
        deviation: Standard deviation of the weights.

    Returns:
        The classifier; its bias starts as PyTorch's does.
    """
    classifier = nn.Linear(features, num_classes)
    nn.init.normal_(classifier.weight, 0, deviation)
    return classifier
