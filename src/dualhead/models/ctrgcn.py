"""CTR-GCN: Chen et al., "Channel-wise Topology Refinement Graph Convolution for Skeleton-Based Action Recognition",
ICCV 2021, arXiv 2107.12213.
"""  # noqa: D205

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from dualhead.graph import directed_partition
from dualhead.layers.initialize import initialize_convolutions
from dualhead.layers.input_norm import InputNorm
from dualhead.layers.temporal_convolution import MultiScaleTemporalConvolution
from dualhead.layers.topology_graph_convolution import TopologyGraphConvolution
from dualhead.models.registry import register
from dualhead.models.unit_trunk import GraphUnit, Unit, UnitTrunk, normal_classifier, unit_plan
from dualhead.skeleton import Skeleton


class CTRGCNUnit(GraphUnit):
    """Topology graph convolution, multi-scale temporal convolution with stride, residual, ReLU.

    Args:
        adjacency: `(3, V, V)`: identity, inward, outward.
        plan: Widths and stride.
    """

    def __init__(self, adjacency: NDArray[np.float64], plan: Unit):
        channels = plan.out_channels
        super().__init__(
            plan,
            TopologyGraphConvolution(adjacency, plan.in_channels, channels),
            MultiScaleTemporalConvolution(
                channels, channels, plan.stride, dilations=(1, 2), kernel=5, residual=False, activation=False
            ),
        )
        initialize_convolutions(self.temporal)
        if self.residual is not None:
            initialize_convolutions(self.residual)


class CTRGCN(UnitTrunk):
    """Units whose graph each clip refines for every channel.

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
            [CTRGCNUnit(adjacency, plan) for plan in unit_plan(in_channels, width, depth)],
            normal_classifier(width * 4, num_classes, math.sqrt(2 / num_classes)),
            dropout,
        )


@register(
    paper="Chen et al., Channel-wise Topology Refinement Graph Convolution for Skeleton-Based Action Recognition, "
    "ICCV 2021, arXiv 2107.12213",
    frames=64,
    gmacs=1.94,
    published={
        "NTU RGB+D 60 xsub, 4 streams": 92.4,
        "NTU RGB+D 60 xview, 4 streams": 96.8,
        "NTU RGB+D 120 xsub, 4 streams": 88.9,
        "NTU RGB+D 120 xset, 4 streams": 90.6,
        "NW-UCLA, 4 streams": 96.5,
    },
    published_epoch="best epoch on the test side",
)
def ctrgcn(**arguments: Any) -> CTRGCN:
    """Build the published network."""
    return CTRGCN(**arguments)
