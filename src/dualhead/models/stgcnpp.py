"""ST-GCN++: Duan et al., "PYSKL: Towards Good Practices for Skeleton Action Recognition", ACM Multimedia 2022, arXiv
2205.09443.
"""  # noqa: D205

from __future__ import annotations

from dataclasses import replace

from torch import nn

from dualhead.graph import Matrix, directed_partition
from dualhead.layers.input_norm import InputNorm
from dualhead.layers.learned_graph_convolution import LearnedGraphConvolution
from dualhead.layers.mixed_temporal_convolution import MixedTemporalConvolution
from dualhead.models.published_keys import pyskl_layout
from dualhead.models.registry import register_model
from dualhead.models.unit_trunk import GraphUnit, UnitTrunk, normal_linear, unit_plan
from dualhead.skeleton import Skeleton

_OTHER_PARENTS = {"left_hand_tip": "left_hand", "right_hand_tip": "right_hand"}
"""Parents in the published graph of NTU RGB+D that differ from MS-G3D's, where a hand's tip is a child of its thumb."""


def published_graph(skeleton: Skeleton) -> Matrix:
    """Return where the learned graphs start: identity, inward, outward, `(3, V, V)`, columns divided by their sums.

    Args:
        skeleton: The skeleton; its own edges, but for the tips of the hands, where it has those of Kinect v2.
    """
    numbers = {joint: number for number, joint in enumerate(skeleton.joints)}
    moved = {
        numbers[child]: numbers[parent]
        for child, parent in _OTHER_PARENTS.items()
        if child in numbers and parent in numbers
    }
    edges = tuple((child, moved.get(child, parent)) for child, parent in skeleton.edges)
    return directed_partition(replace(skeleton, edges=edges))


class STGCNPlusPlus(UnitTrunk):
    """Units of graph convolutions whose graphs are learned freely, and multi-scale temporal convolutions.

    Args:
        num_classes: K.
        skeleton: The layout of the V joints.
        num_bodies: M; all bodies share the input norm, so that it changes no parameter.
        in_channels: C.
        width: Channels of the first stage, at least 6.
        depth: Units in each of the three stages.
        dropout: Share of the pooled features that is dropped in training.
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
    ):
        adjacency = published_graph(skeleton)
        super().__init__(
            InputNorm(in_channels, skeleton.num_joints, None),
            [
                GraphUnit(
                    plan,
                    LearnedGraphConvolution(adjacency, plan.in_channels, plan.out_channels),
                    MixedTemporalConvolution(plan.out_channels, plan.stride),
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


_LAYOUT = pyskl_layout("conv.weight", subsets=3)

register_model(
    "stgcnpp",
    paper="Duan et al., PYSKL: Towards Good Practices for Skeleton Action Recognition, ACM Multimedia 2022, "
    "arXiv 2205.09443",
    frames=100,
    gmacs=2.93,
    published={
        "NTU RGB+D 60 xsub, 4 streams": 92.1,
        "NTU RGB+D 60 xview, 4 streams": 97.0,
        "NTU RGB+D 120 xsub, 4 streams": 87.5,
        "NTU RGB+D 120 xset, 4 streams": 89.8,
        "NTU RGB+D 60 xsub, 2 streams": 91.4,
        "NTU RGB+D 60 xview, 2 streams": 96.7,
        "NTU RGB+D 120 xsub, 2 streams": 87.0,
        "NTU RGB+D 120 xset, 2 streams": 89.1,
        "NTU RGB+D 60 xsub, joint stream": 89.3,
        "NTU RGB+D 60 xview, joint stream": 95.6,
        "NTU RGB+D 120 xsub, joint stream": 83.2,
        "NTU RGB+D 120 xset, joint stream": 85.6,
    },
    published_weights="pyskl",
    layout=_LAYOUT,
)(STGCNPlusPlus)
