"""ST-GCN: Yan et al., "Spatial Temporal Graph Convolutional Networks for Skeleton-Based Action Recognition", AAAI 2018,
arXiv 1801.07455.
"""  # noqa: D205

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch.nn.functional as F
from einops import rearrange
from numpy.typing import NDArray
from torch import Tensor, nn

from dualhead.graph import published_spatial_partition, spatial_partition
from dualhead.layers.bodies import DistinctBodies
from dualhead.layers.elementwise import relu
from dualhead.layers.fused import fold
from dualhead.layers.input_norm import InputNorm
from dualhead.layers.norm import BatchNorm, normalise
from dualhead.layers.partition_graph_convolution import PartitionGraphConvolution
from dualhead.layers.prepared import PreparedModule
from dualhead.layers.residual import make_residual
from dualhead.models.published_keys import around_keys, leaf_keys
from dualhead.models.published_layout import Pairs, PublishedLayout, trunk_arguments
from dualhead.models.registry import register_model
from dualhead.models.unit_trunk import Unit, UnitTrunk, unit_plan
from dualhead.runtime.errors import unknown
from dualhead.skeleton import Skeleton

PARTITIONS = {"published": published_spatial_partition, "distance": spatial_partition}
"""Partitions of neighbours: as in the published code, or by their true distance from the centre."""


class STGCNUnit(PreparedModule):
    """Graph convolution, norm, ReLU, 9 x 1 temporal convolution with stride, norm, dropout, residual, ReLU.

    Args:
        adjacency: `(3, V, V)` partition of the neighbourhood.
        plan: Widths and stride.
        dropout: Share of the features that is dropped in training; nothing is dropped in the first unit.
    """

    def __init__(self, adjacency: NDArray[np.float64], plan: Unit, dropout: float):
        super().__init__()
        channels = plan.out_channels
        self.spatial = PartitionGraphConvolution(adjacency, plan.in_channels, channels)
        self.spatial_norm = BatchNorm(channels)
        self.temporal = nn.Conv2d(channels, channels, (9, 1), (plan.stride, 1), (4, 0))
        self.norm = BatchNorm(channels)
        self.dropout = nn.Dropout(0.0 if plan.first else dropout)
        self.residual = None if plan.first else make_residual(plan.in_channels, channels, plan.stride)

    def prepare(self) -> tuple[Tensor, ...]:
        """Return weight `(O, O, 9, 1)` and bias `(O,)` of the temporal convolution."""
        return fold(self.temporal, self.norm)

    def forward(self, x: Tensor) -> Tensor:
        """Map `(B, C, T, V)` to `(B, O, ceil(T / stride), V)`."""
        weight, bias = self.prepared()
        y = relu(self.spatial_norm(self.spatial(x)))
        y = F.conv2d(y, weight, bias, self.temporal.stride, self.temporal.padding)
        y = self.dropout(normalise(y, [self.norm]))
        if self.residual is not None:
            y = y + self.residual(x)
        return relu(y)


def _initialize(convolution: nn.Conv2d) -> nn.Conv2d:
    nn.init.normal_(convolution.weight, 0, 0.02)
    nn.init.zeros_(convolution.bias)  # type: ignore[arg-type]
    return convolution


class STGCN(UnitTrunk):
    """Units that partition a joint's neighbours by their distance from the body's centre.

    Args:
        num_classes: K.
        skeleton: The layout of the V joints.
        num_bodies: M; all bodies share the input norm, so that it changes no parameter.
        in_channels: C.
        width: Channels of the first stage.
        depth: Units in each of the three stages.
        dropout: Share of every unit's features that is dropped in training (published: 0.5 on NTU, 0 on Kinetics).
        partition: A name of `PARTITIONS`.
    """

    def __init__(
        self,
        num_classes: int,
        skeleton: Skeleton,
        num_bodies: int = 2,
        in_channels: int = 3,
        width: int = 64,
        depth: int = 3,
        dropout: float = 0.0,
        partition: str = "published",
    ):
        if partition not in PARTITIONS:
            raise unknown("partition", partition, PARTITIONS)
        adjacency = PARTITIONS[partition](skeleton)
        super().__init__(
            InputNorm(in_channels, skeleton.num_joints, None),
            [STGCNUnit(adjacency, plan, dropout) for plan in unit_plan(in_channels, width, depth)],
            width * 4,
            num_classes,
            0.0,  # it is in the units
        )
        for module in self.units.modules():
            if isinstance(module, nn.Conv2d):
                _initialize(module)

    def make_classifier(self, features: int, num_classes: int) -> nn.Conv2d:
        """Create the classifier, a 1x1 convolution that starts as all others do."""
        return _initialize(nn.Conv2d(features, num_classes, 1))

    def classify(self, pooled: Sequence[Tensor]) -> Tensor:
        """Map mean features, `(N, 4 * width)`, to logits `(N, 1, K)`."""
        logits: Tensor = self.classifier(rearrange(pooled[0], "n c -> n c 1 1"))
        return rearrange(logits, "n k 1 1 -> n 1 k")

    def distinct_bodies(self, clips: Tensor, known: DistinctBodies | None = None) -> DistinctBodies:
        """Find the distinct bodies: all of them where dropout is applied to each separately."""
        if any(isinstance(part, nn.Dropout) and part.training and part.p > 0 for part in self.modules()):
            return DistinctBodies.every(clips)
        return super().distinct_bodies(clips, known)


def _published_keys(model: STGCN) -> Pairs:
    """Pair the entries of ST-GCN; its masks stand beside the units, not in them."""
    yield from leaf_keys(model.input_norm, "input_norm", "data_bn")
    for index, unit in enumerate(model.units):
        assert isinstance(unit, STGCNUnit)
        ours, theirs = f"units.{index}", f"st_gcn_networks.{index}"
        yield f"{ours}.spatial.importance", f"edge_importance.{index}"
        yield from leaf_keys(unit.spatial.mix, f"{ours}.spatial.mix", f"{theirs}.gcn.conv")
        yield from leaf_keys(unit.spatial_norm, f"{ours}.spatial_norm", f"{theirs}.tcn.0")
        yield from leaf_keys(unit.temporal, f"{ours}.temporal", f"{theirs}.tcn.2")
        yield from leaf_keys(unit.norm, f"{ours}.norm", f"{theirs}.tcn.3")
        yield from around_keys(unit.residual, ours, theirs, "0", "1")
    yield from leaf_keys(model.classifier, "classifier", "fcn")


_LAYOUT = PublishedLayout(
    _published_keys,
    trunk_arguments("st_gcn_networks.0.gcn.conv.weight", "edge_importance.{}", subsets=3),
    telling="st_gcn_networks.0.gcn.conv.weight",
    classifier="fcn",
    classifier_dimensions=4,
    tells_bodies=False,
    constants=lambda model: {"A": model.get_buffer("units.0.spatial.adjacency")},
)

register_model(
    "stgcn",
    paper="Yan et al., Spatial Temporal Graph Convolutional Networks for Skeleton-Based Action Recognition, "
    "AAAI 2018, arXiv 1801.07455",
    frames=300,
    gmacs=17.09,
    published={
        "NTU RGB+D 60 xsub, joint stream": 81.5,
        "NTU RGB+D 60 xview, joint stream": 88.3,
        "Kinetics-Skeleton 400, joint stream": 30.7,
    },
    layout=_LAYOUT,
)(STGCN)
