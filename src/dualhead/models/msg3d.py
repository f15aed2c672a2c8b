"""MS-G3D: Liu et al., "Disentangling and Unifying Graph Convolutions for Skeleton-Based Action Recognition", CVPR 2020,
arXiv 2003.14111.
"""  # noqa: D205

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from einops import rearrange
from torch import Tensor, nn

from dualhead.graph import binary_adjacency
from dualhead.layers.input_norm import InputNorm
from dualhead.layers.stgc_block import STGCBlock
from dualhead.models.base import SkeletonModel
from dualhead.models.published_keys import block_keys, leaf_keys, scale_arguments
from dualhead.models.published_layout import Pairs, PublishedLayout, Shapes
from dualhead.models.registry import register_model
from dualhead.skeleton import Skeleton


class MSG3D(SkeletonModel):
    """Blocks that see joints at many distances, within a frame and across windows of frames.

    Args:
        num_classes: K.
        skeleton: The layout of the V joints.
        num_bodies: M.
        in_channels: C.
        width: Channels of the first block, divisible by 6; each further block has twice as many.
        depth: Number of blocks; all but the first halve the frames.
        num_gcn_scales: Scales of the graph convolutions within a frame (8 on Kinetics).
        num_g3d_scales: Scales of the graph convolutions over windows of frames (8 on Kinetics).
        dropout: Share of the pooled features that is dropped in training.
    """

    width_step: ClassVar[int] = 6
    shares_frames = True

    def __init__(
        self,
        num_classes: int,
        skeleton: Skeleton,
        num_bodies: int = 2,
        in_channels: int = 3,
        width: int = 96,
        depth: int = 3,
        num_gcn_scales: int = 13,
        num_g3d_scales: int = 6,
        dropout: float = 0.0,
    ):
        super().__init__()
        graph = binary_adjacency(skeleton)
        scales = (num_gcn_scales, num_g3d_scales)
        widths = [width * 2**index for index in range(depth)]

        self.input_norm = InputNorm(in_channels, skeleton.num_joints, num_bodies)
        self.blocks = nn.Sequential(
            STGCBlock(graph, in_channels, width, 1, *scales, first=True),
            *(STGCBlock(graph, wide // 2, wide, 2, *scales) for wide in widths[1:]),
        )
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(widths[-1], num_classes)

    def features(self, x: Tensor) -> tuple[Tensor]:
        """Map bodies `(B, C, T, V)` to `(B, width * 2^(depth - 1), T / 2^(depth - 1), V)`."""
        return (self.blocks(x),)

    def classify(self, pooled: Sequence[Tensor]) -> Tensor:
        """Map mean features, `(N, width * 2^(depth - 1))`, to logits `(N, 1, K)`."""
        logits: Tensor = self.classifier(self.dropout(pooled[0]))
        return rearrange(logits, "n k -> n 1 k")


def _published_keys(model: MSG3D) -> Pairs:
    """Pair the entries of MS-G3D."""
    yield from leaf_keys(model.input_norm, "input_norm", "data_bn")
    for index, block in enumerate(model.blocks):
        assert isinstance(block, STGCBlock)
        yield from block_keys(block, f"blocks.{index}", str(index + 1))
    yield from leaf_keys(model.classifier, "classifier", "fc")


def _published_arguments(shapes: Shapes) -> dict[str, int]:
    """Find the arguments from the shapes; blocks are counted from 1."""
    return {**scale_arguments(shapes), "depth": sum(f"sgcn{block}.0.A_res" in shapes.state for block in range(1, 102))}


_LAYOUT = PublishedLayout(_published_keys, _published_arguments, telling="sgcn1.0.mlp.layers.0.weight")

register_model(
    "msg3d",
    paper="Liu et al., Disentangling and Unifying Graph Convolutions for Skeleton-Based Action Recognition, "
    "CVPR 2020, arXiv 2003.14111",
    frames=300,
    gmacs=32.77,
    published={
        "NTU RGB+D 60 xsub, 2 streams": 91.5,
        "NTU RGB+D 60 xview, 2 streams": 96.2,
        "NTU RGB+D 120 xsub, 2 streams": 86.9,
        "NTU RGB+D 120 xset, 2 streams": 88.4,
        "Kinetics-Skeleton 400, 2 streams": 38.0,
    },
    published_epoch="best epoch on the test split",
    layout=_LAYOUT,
)(MSG3D)
