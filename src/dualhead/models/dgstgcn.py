"""DG-STGCN: Duan et al., "DG-STGCN: Dynamic Spatial-Temporal Modeling for Skeleton-based Action Recognition", 2022,
arXiv 2210.05895.
"""  # noqa: D205

from __future__ import annotations

from typing import ClassVar

from torch import nn

from dualhead.layers.dynamic_graph_convolution import DynamicGraphConvolution
from dualhead.layers.input_norm import InputNorm
from dualhead.layers.mixed_temporal_convolution import MixedTemporalConvolution
from dualhead.models.published_keys import pyskl_layout
from dualhead.models.registry import register_model
from dualhead.models.unit_trunk import GraphUnit, UnitTrunk, normal_linear, unit_plan
from dualhead.skeleton import Skeleton

_GROUPS = 8


class DGSTGCN(UnitTrunk):
    """Units whose graphs, one for each group of channels, are learned without a skeleton and refined by each clip.

    Args:
        num_classes: K.
        skeleton: The layout of the V joints, of which the model uses the number alone.
        num_bodies: M; all bodies share the input norm, so that it changes no parameter.
        in_channels: C.
        width: Channels of the first stage, divisible by 8.
        depth: Units in each of the three stages.
        dropout: Share of the pooled features that is dropped in training.
    """

    width_step: ClassVar[int] = _GROUPS

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
        joints = skeleton.num_joints
        super().__init__(
            InputNorm(in_channels, joints, None),
            [
                GraphUnit(
                    plan,
                    DynamicGraphConvolution(joints, plan.in_channels, plan.out_channels, _GROUPS),
                    MixedTemporalConvolution(plan.out_channels, plan.stride, mean_joint_of=joints),
                )
                for plan in unit_plan(in_channels, width, depth)
            ],
            width * 4,
            num_classes,
            dropout,
        )

    def make_classifier(self, features: int, num_classes: int) -> nn.Linear:
        """Create the classifier, its weights normal with standard deviation 0.01, its bias 0."""
        classifier = normal_linear(features, num_classes, 0.01)
        nn.init.zeros_(classifier.bias)
        return classifier


_LAYOUT = pyskl_layout("pre.0.weight")

register_model(
    "dgstgcn",
    paper="Duan et al., DG-STGCN: Dynamic Spatial-Temporal Modeling for Skeleton-based Action Recognition, 2022, "
    "arXiv 2210.05895",
    frames=100,
    gmacs=2.50,
    published={
        "NTU RGB+D 60 xsub, 4 streams": 93.2,
        "NTU RGB+D 60 xview, 4 streams": 97.5,
        "NTU RGB+D 120 xsub, 4 streams": 89.6,
        "NTU RGB+D 120 xset, 4 streams": 91.3,
        "NTU RGB+D 60 xsub, 2 streams": 92.9,
        "NTU RGB+D 60 xview, 2 streams": 97.4,
        "NTU RGB+D 120 xsub, 2 streams": 89.3,
        "NTU RGB+D 120 xset, 2 streams": 91.2,
        "NTU RGB+D 60 xsub, joint stream": 91.2,
        "NTU RGB+D 60 xview, joint stream": 96.7,
        "NTU RGB+D 120 xsub, joint stream": 85.7,
        "NTU RGB+D 120 xset, joint stream": 87.9,
    },
    published_weights="pyskl",
    layout=_LAYOUT,
)(DGSTGCN)
