"""DualHead-Net: Chen et al., "Learning Multi-Granular Spatio-Temporal Graph Network for Skeleton-based Action
Recognition", ACM MM 2021, arXiv 2108.04536.
"""  # noqa: D205

from __future__ import annotations

from typing import Any, ClassVar

import torch
from einops import rearrange
from torch import Tensor, nn

from dualhead.graph import binary_adjacency
from dualhead.layers.bodies import DistinctBodies
from dualhead.layers.gates import SpatialGate, TemporalGate, gated
from dualhead.layers.input_norm import InputNorm
from dualhead.layers.norm import counting
from dualhead.layers.stgc_block import STGCBlock
from dualhead.models.base import SkeletonModel
from dualhead.models.registry import register
from dualhead.skeleton import Skeleton


class DualHeadNet(SkeletonModel):
    """A fine head at high and a coarse head at low temporal resolution that tell each other where to look.

    Args:
        num_classes: K.
        skeleton: The layout of the V joints.
        num_bodies: M.
        in_channels: C.
        width: Channels of the stem, divisible by 6; the fine head ends with twice, the coarse with four times as many.
        num_gcn_scales: Scales of the graph convolutions within a frame.
        num_g3d_scales: Scales of the graph convolutions over windows of frames.
        dropout: Share of the pooled features that is dropped in training.
    """

    heads: ClassVar[tuple[str, ...]] = ("fine", "coarse")

    def __init__(
        self,
        num_classes: int,
        skeleton: Skeleton,
        num_bodies: int = 2,
        in_channels: int = 3,
        width: int = 96,
        num_gcn_scales: int = 9,
        num_g3d_scales: int = 6,
        dropout: float = 0.0,
    ):
        super().__init__()
        graph = binary_adjacency(skeleton)
        scales = (num_gcn_scales, num_g3d_scales)
        coarse: dict[str, Any] = {"windows": (3,), "dilations": (1, 2)}

        self.input_norm = InputNorm(in_channels, skeleton.num_joints, num_bodies)
        self.stem = STGCBlock(graph, in_channels, width, 1, *scales, first=True)

        self.fine_embed = nn.Conv2d(width, width // 2, 1)
        self.fine2 = STGCBlock(graph, width // 2, width, 2, *scales)
        self.fine3 = STGCBlock(graph, width, width * 2, 2, *scales)
        self.coarse2 = STGCBlock(graph, width, width * 2, 2, *scales, **coarse)
        self.coarse3 = STGCBlock(graph, width * 2, width * 4, 2, *scales, **coarse)

        self.fine2_to_coarse1 = TemporalGate(width)
        self.coarse2_to_fine2 = SpatialGate(width * 2, skeleton.num_joints)
        self.fine3_to_coarse2 = TemporalGate(width * 2)
        self.coarse3_to_fine3 = SpatialGate(width * 4, skeleton.num_joints)

        self.dropout = nn.Dropout(dropout)
        self.fine_classifier = nn.Linear(width * 2, num_classes)
        self.coarse_classifier = nn.Linear(width * 4, num_classes)

    def forward(self, clips: Tensor) -> Tensor:
        """Map clips `(N, C, T, V, M)` to logits `(N, 2, K)`: fine, coarse."""
        bodies = DistinctBodies.of(clips)
        with counting(bodies.repeats):
            features = self.features(bodies.select(self.input_norm(clips)))
        pooled = [self.dropout(bodies.pool(h)) for h in features]
        logits = [self.fine_classifier(pooled[0]), self.coarse_classifier(pooled[1])]
        return rearrange(torch.stack(logits), "h n k -> n h k")

    def features(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map bodies `(B, C, T, V)` to the fine `(B, 2 * width, T / 4, V)` and coarse `(B, 4 * width, T / 8, V)`."""
        x = self.stem(x)
        fine = self.fine2(self.fine_embed(x))
        coarse = self.coarse2(gated(x[:, :, ::2], self.fine2_to_coarse1(fine)))  # T / 2 in, T / 4 out
        fine = self.fine3(gated(fine, self.coarse2_to_fine2(coarse)))
        coarse = self.coarse3(gated(coarse, self.fine3_to_coarse2(fine)))
        return gated(fine, self.coarse3_to_fine3(coarse)), coarse


@register(
    paper="Chen et al., Learning Multi-Granular Spatio-Temporal Graph Network for Skeleton-based Action Recognition, "
    "ACM MM 2021, arXiv 2108.04536",
    frames=300,
    published={
        "NTU RGB+D 60 xsub, 4 streams": 92.0,
        "NTU RGB+D 60 xview, 4 streams": 96.6,
        "NTU RGB+D 120 xsub, 4 streams": 88.2,
        "NTU RGB+D 120 xset, 4 streams": 89.3,
        "Kinetics-Skeleton 400, 4 streams": 38.4,
    },
)
def dualhead(**arguments: Any) -> DualHeadNet:
    """Build the published network."""
    return DualHeadNet(**arguments)


@register(
    paper="The same network at half the width, for small machines; no published results",
    frames=300,
    published={},
    width=48,
)
def dualhead_small(**arguments: Any) -> DualHeadNet:
    """Build DualHead-Net with a stem of 48 channels."""
    return DualHeadNet(**arguments)
