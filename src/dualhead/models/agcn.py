"""2s-AGCN: Shi et al., "Two-Stream Adaptive Graph Convolutional Networks for Skeleton-Based Action Recognition", CVPR
2019, arXiv 1805.07694.
"""  # noqa: D205

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from dualhead.graph import directed_partition
from dualhead.layers.adaptive_graph_convolution import AdaptiveGraphConvolution
from dualhead.layers.elementwise import add, relu
from dualhead.layers.fused import fold
from dualhead.layers.initialize import initialize_convolutions
from dualhead.layers.input_norm import InputNorm
from dualhead.layers.norm import BatchNorm, normalise
from dualhead.layers.prepared import PreparedModule
from dualhead.layers.residual import make_residual
from dualhead.models.published_keys import around_keys, leaf_keys
from dualhead.models.published_layout import Pairs, PublishedLayout, trunk_arguments
from dualhead.models.registry import register_model
from dualhead.models.unit_trunk import Unit, UnitTrunk, normal_linear, unit_plan
from dualhead.skeleton import Skeleton


class AGCNUnit(PreparedModule):
    """Adaptive graph convolution, 9 x 1 temporal convolution with stride, norm, residual, ReLU.

    Args:
        adjacency: `(3, V, V)`: identity, inward, outward.
        plan: Widths and stride.
    """

    def __init__(self, adjacency: NDArray[np.float64], plan: Unit):
        super().__init__()
        channels = plan.out_channels
        self.spatial = AdaptiveGraphConvolution(adjacency, plan.in_channels, channels)
        self.temporal = nn.Conv2d(channels, channels, (9, 1), (plan.stride, 1), (4, 0))
        self.norm = BatchNorm(channels)
        self.residual = None if plan.first else make_residual(plan.in_channels, channels, plan.stride)
        initialize_convolutions(self.temporal)
        if self.residual is not None:
            initialize_convolutions(self.residual)

    def prepare(self) -> tuple[Tensor, ...]:
        """Return weight `(O, O, 9, 1)` and bias `(O,)` of the temporal convolution."""
        return fold(self.temporal, self.norm)

    def forward(self, x: Tensor) -> Tensor:
        """Map `(B, C, T, V)` to `(B, O, ceil(T / stride), V)`."""
        weight, bias = self.prepared()
        y = F.conv2d(self.spatial(x), weight, bias, self.temporal.stride, self.temporal.padding)
        y = normalise(y, [self.norm])
        if self.residual is not None:
            y = add(y, self.residual(x))
        return relu(y)


class AGCN(UnitTrunk):
    """Units whose graph is partly learned and partly inferred from each clip.

    Args:
        num_classes: K.
        skeleton: The layout of the V joints.
        num_bodies: M.
        in_channels: C.
        width: Channels of the first stage, divisible by 4.
        depth: Units in each of the three stages.
        dropout: Share of the pooled features that is dropped in training.
    """

    width_step: ClassVar[int] = 4

    def __init__(
        self,
        num_classes: int,
        skeleton: Skeleton,
        num_bodies: int = 2,
        in_channels: int = 3,
        width: int = 64,
        depth: int = 3,
        dropout: float = 0.0,
    ):
        adjacency = directed_partition(skeleton)
        super().__init__(
            InputNorm(in_channels, skeleton.num_joints, num_bodies),
            [AGCNUnit(adjacency, plan) for plan in unit_plan(in_channels, width, depth)],
            width * 4,
            num_classes,
            dropout,
        )

    def make_classifier(self, features: int, num_classes: int) -> nn.Linear:
        """Create the classifier, its weights normal with variance 2 / K."""
        return normal_linear(features, num_classes, math.sqrt(2 / num_classes))


def _published_keys(model: AGCN) -> Pairs:
    """Pair the entries of 2s-AGCN."""
    yield from leaf_keys(model.input_norm, "input_norm", "data_bn")
    for index, unit in enumerate(model.units):
        assert isinstance(unit, AGCNUnit)
        ours, theirs = f"units.{index}", f"l{index + 1}"
        yield from _adaptive_keys(unit.spatial, f"{ours}.spatial", f"{theirs}.gcn1")
        yield from leaf_keys(unit.temporal, f"{ours}.temporal", f"{theirs}.tcn1.conv")
        yield from leaf_keys(unit.norm, f"{ours}.norm", f"{theirs}.tcn1.bn")
        yield from around_keys(unit.residual, ours, theirs, "conv", "bn")
    yield from leaf_keys(model.classifier, "classifier", "fc")


def _adaptive_keys(module: AdaptiveGraphConvolution, ours: str, theirs: str) -> Pairs:
    """Pair an adaptive graph convolution."""
    yield f"{ours}.learned_adjacency", f"{theirs}.PA"
    for name, published in {"theta": "conv_a", "phi": "conv_b", "mix": "conv_d"}.items():
        yield from leaf_keys(module.get_submodule(name), f"{ours}.{name}", f"{theirs}.{published}")
    yield from leaf_keys(module.norm, f"{ours}.norm", f"{theirs}.bn")
    yield from around_keys(module.residual, ours, theirs, "0", "1", "down")


_LAYOUT = PublishedLayout(
    _published_keys, trunk_arguments("l1.gcn1.conv_d.0.weight", "l{}.gcn1.PA"), telling="l1.gcn1.conv_d.0.weight"
)

register_model(
    "agcn",
    paper="Shi et al., Two-Stream Adaptive Graph Convolutional Networks for Skeleton-Based Action Recognition, "
    "CVPR 2019, arXiv 1805.07694",
    frames=300,
    gmacs=19.41,
    published={
        "NTU RGB+D 60 xsub, 2 streams": 88.5,
        "NTU RGB+D 60 xview, 2 streams": 95.1,
        "Kinetics-Skeleton 400, 2 streams": 36.1,
    },
    layout=_LAYOUT,
)(AGCN)
