"""DualHead-Net: Chen et al., "Learning Multi-Granular Spatio-Temporal Graph Network for Skeleton-based Action
Recognition", ACM MM 2021, arXiv 2108.04536.
"""  # noqa: D205

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, ClassVar

import torch
from einops import rearrange
from torch import Tensor, nn

from dualhead.graph import binary_adjacency
from dualhead.layers.fused import pointwise
from dualhead.layers.gates import SpatialGate, TemporalGate, gated
from dualhead.layers.input_norm import InputNorm
from dualhead.layers.stgc_block import STGCBlock
from dualhead.models.base import SkeletonModel
from dualhead.models.published_keys import block_keys, leaf_keys, scale_arguments
from dualhead.models.published_layout import Pairs, PublishedLayout, Shapes
from dualhead.models.registry import register_model
from dualhead.skeleton import Skeleton


class DualHeadNet(SkeletonModel):
    """A fine head at high and a coarse head at low temporal resolution that gate each other's features.

    Args:
        num_classes: K.
        skeleton: The layout of the V joints.
        num_bodies: M.
        in_channels: C.
        width: Channels of the stem, divisible by 6; at the published depth the fine head ends with twice, the coarse
            with four times as many.
        depth: Levels: the stem, then one block in each head a level, which halves the frames and doubles the channels
            of the level before, and a message each way; at least 2.
        num_gcn_scales: Scales of the graph convolutions within a frame.
        num_g3d_scales: Scales of the graph convolutions over windows of frames.
        dropout: Share of the pooled features that is dropped in training.
    """

    heads: ClassVar[tuple[str, ...]] = ("fine", "coarse")
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
        num_gcn_scales: int = 9,
        num_g3d_scales: int = 6,
        dropout: float = 0.0,
    ):
        super().__init__()
        if depth < 2:
            raise ValueError(f"depth {depth} must be at least 2: with the stem alone there are no heads")
        self.levels = range(2, depth + 1)
        fine = [width // 2, *(width * 2**level for level in range(depth - 1))]  # channels into and out of the levels
        coarse = [width * 2**level for level in range(depth)]
        graph = binary_adjacency(skeleton)
        scales = (num_gcn_scales, num_g3d_scales)
        lighter: dict[str, Any] = {"windows": (3,), "dilations": (1, 2)}

        self.input_norm = InputNorm(in_channels, skeleton.num_joints, num_bodies)
        self.stem = STGCBlock(graph, in_channels, width, 1, *scales, first=True)

        self.fine_embed = nn.Conv2d(width, fine[0], 1)
        for level, (before, after) in zip(self.levels, pairwise(fine), strict=True):
            self.add_module(f"fine{level}", STGCBlock(graph, before, after, 2, *scales))
        for level, (before, after) in zip(self.levels, pairwise(coarse), strict=True):
            self.add_module(f"coarse{level}", STGCBlock(graph, before, after, 2, *scales, **lighter))

        for level, wide, wider in zip(self.levels, fine[1:], coarse[1:], strict=True):
            self.add_module(f"fine{level}_to_coarse{level - 1}", TemporalGate(wide))
            self.add_module(f"coarse{level}_to_fine{level}", SpatialGate(wider, skeleton.num_joints))

        self.dropout = nn.Dropout(dropout)
        self.fine_classifier = nn.Linear(fine[-1], num_classes)
        self.coarse_classifier = nn.Linear(coarse[-1], num_classes)

    def features(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map bodies `(B, C, T, V)` to what the heads end with, at depth 3 the fine `(B, 2 * width, T / 4, V)` and the
        coarse `(B, 4 * width, T / 8, V)`.
        """  # noqa: D205
        x = self.stem(x)
        fine, coarse = pointwise(x, self.fine_embed.weight.flatten(1), self.fine_embed.bias), x[:, :, ::2]
        for level in self.levels:
            fine = self.get_submodule(f"fine{level}")(fine)
            coarse = gated(coarse, self.get_submodule(f"fine{level}_to_coarse{level - 1}")(fine))
            coarse = self.get_submodule(f"coarse{level}")(coarse)  # half the frames of the fine head
            fine = gated(fine, self.get_submodule(f"coarse{level}_to_fine{level}")(coarse))
        return fine, coarse

    def classify(self, pooled: Sequence[Tensor]) -> Tensor:
        """Map mean features of the heads, at depth 3 `(N, 2 * width)` and `(N, 4 * width)`, to logits `(N, 2, K)`."""
        fine, coarse = (self.dropout(head) for head in pooled)
        logits = [self.fine_classifier(fine), self.coarse_classifier(coarse)]
        return rearrange(torch.stack(logits), "h n k -> n h k")


def _published_keys(model: DualHeadNet) -> Pairs:
    """Pair the entries of DualHead-Net."""
    yield from leaf_keys(model.input_norm, "input_norm", "data_bn")
    blocks = {"stem": "1"} | {f"{head}{level}": f"{level}_{head}" for head in model.heads for level in model.levels}
    for name, suffix in blocks.items():
        yield from block_keys(model.get_submodule(name), name, suffix)  # type: ignore[arg-type]
    leaves = {
        "fine_embed": "embed_fine",
        "fine_classifier": "fc_fine",
        "coarse_classifier": "fc_coarse",
    }
    for level in model.levels:
        leaves |= {
            f"fine{level}_to_coarse{level - 1}.conv": f"conv_ta_fine_to_coarse_block_{level}_to_{level - 1}",
            f"coarse{level}_to_fine{level}.conv": f"conv_sa_coarse_to_fine_block_{level}_to_{level}",
        }
    for ours, theirs in leaves.items():
        yield from leaf_keys(model.get_submodule(ours), ours, theirs)


def _published_arguments(shapes: Shapes) -> dict[str, int]:
    """Find the arguments from the shapes; blocks are counted from 1, and the first is the stem."""
    blocks = sum(f"sgcn{block}_fine.0.A_res" in shapes.state for block in range(2, 102))
    return {**scale_arguments(shapes), "depth": 1 + blocks}


_LAYOUT = PublishedLayout(
    _published_keys, _published_arguments, telling="sgcn1.0.mlp.layers.0.weight", classifier="fc_fine"
)

register_model(
    "dualhead",
    paper="Chen et al., Learning Multi-Granular Spatio-Temporal Graph Network for Skeleton-based Action Recognition, "
    "ACM MM 2021, arXiv 2108.04536",
    frames=300,
    gmacs=18.94,
    published={
        "NTU RGB+D 60 xsub, 4 streams": 92.0,
        "NTU RGB+D 60 xview, 4 streams": 96.6,
        "NTU RGB+D 120 xsub, 4 streams": 88.2,
        "NTU RGB+D 120 xset, 4 streams": 89.3,
        "Kinetics-Skeleton 400, 4 streams": 38.4,
    },
    published_epoch="best epoch on the test split",
    layout=_LAYOUT,
)(DualHeadNet)

register_model(
    "dualhead_small",
    paper="The same network at half the width, for small machines; no published results",
    frames=300,
    gmacs=6.30,
    published={},
    width=48,
    layout=_LAYOUT,
)(DualHeadNet)
