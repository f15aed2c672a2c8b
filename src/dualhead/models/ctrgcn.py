"""CTR-GCN: Chen et al., "Channel-wise Topology Refinement Graph Convolution for Skeleton-Based Action Recognition",
ICCV 2021, arXiv 2107.12213.
"""  # noqa: D205

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import nn

from dualhead.graph import directed_partition
from dualhead.layers.initialize import initialize_convolutions
from dualhead.layers.input_norm import InputNorm
from dualhead.layers.temporal_convolution import MultiScaleTemporalConvolution
from dualhead.layers.topology_graph_convolution import TopologyGraphConvolution
from dualhead.models.published_keys import around_keys, leaf_keys, temporal_keys
from dualhead.models.published_layout import Pairs, PublishedLayout, trunk_arguments
from dualhead.models.registry import register_model
from dualhead.models.unit_trunk import GraphUnit, Unit, UnitTrunk, normal_linear, unit_plan
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
            width * 4,
            num_classes,
            dropout,
        )

    def make_classifier(self, features: int, num_classes: int) -> nn.Linear:
        """Create the classifier, its weights normal with variance 2 / K."""
        return normal_linear(features, num_classes, math.sqrt(2 / num_classes))


def _published_keys(model: CTRGCN) -> Pairs:
    """Pair the entries of CTR-GCN."""
    yield from leaf_keys(model.input_norm, "input_norm", "data_bn")
    for index, unit in enumerate(model.units):
        assert isinstance(unit, CTRGCNUnit)
        ours, theirs = f"units.{index}", f"l{index + 1}"
        yield from _topology_keys(unit.spatial, f"{ours}.spatial", f"{theirs}.gcn1")
        yield from temporal_keys(unit.temporal, f"{ours}.temporal", f"{theirs}.tcn1")
        yield from around_keys(unit.residual, ours, theirs, "conv", "bn")
    yield from leaf_keys(model.classifier, "classifier", "fc")


def _topology_keys(module: nn.Module, ours: str, theirs: str) -> Pairs:
    """Pair a channel-wise topology refinement graph convolution."""
    assert isinstance(module, TopologyGraphConvolution)
    yield f"{ours}.shared", f"{theirs}.PA"
    yield f"{ours}.alpha", f"{theirs}.alpha"
    names = {"receiver": "conv1", "sender": "conv2", "features": "conv3", "topology": "conv4"}
    for index, subset in enumerate(module.subsets):
        for name, child in subset.named_children():
            yield from leaf_keys(child, f"{ours}.subsets.{index}.{name}", f"{theirs}.convs.{index}.{names[name]}")
    yield from leaf_keys(module.norm, f"{ours}.norm", f"{theirs}.bn")
    yield from around_keys(module.residual, ours, theirs, "0", "1", "down")


_LAYOUT = PublishedLayout(
    _published_keys,
    trunk_arguments("l1.gcn1.convs.0.conv3.weight", "l{}.gcn1.PA"),
    telling="l1.gcn1.convs.0.conv3.weight",
)

register_model(
    "ctrgcn",
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
    published_epoch="best epoch on the test split",
    layout=_LAYOUT,
)(CTRGCN)
