"""Reconstruction of a graph from learned prototypes (Liu et al., ProtoGCN, CVPR 2025, arXiv 2411.18941)."""

from __future__ import annotations

import torch
from einops import rearrange
from torch import Tensor, nn

from dualhead.layers.norm import BatchNorm


class PrototypeReconstruction(nn.Module):
    """Write the graph of a clip as a mixture of prototypes, and summarise it as one number for each pair of joints.

    Convention: z[u, v] = memory(softmax over the prototypes of query(graph[u, v])), each pair of joints a row of C
    channels; then dropout, 1x1 convolution, norm, ReLU and the mean over channels.

    Args:
        channels: C.
        prototypes: Number of prototypes.
        dropout: Share of the reconstruction that is dropped in training.
    """

    def __init__(self, channels: int, prototypes: int, dropout: float = 0.1):
        super().__init__()
        self.query = nn.Linear(channels, prototypes, bias=False)
        self.memory = nn.Linear(prototypes, channels, bias=False)
        self.dropout = nn.Dropout(dropout)
        self.mix = nn.Conv2d(channels, channels, 1)
        self.norm = BatchNorm(channels)

    def forward(self, graph: Tensor) -> Tensor:
        """Map graphs `(N, C, V, V)` to `(N, V * V)`."""
        rows = rearrange(graph, "n c u v -> n u v c")
        z = self.dropout(self.memory(torch.softmax(self.query(rows), dim=-1)))
        y = torch.relu(self.norm(self.mix(rearrange(z, "n u v c -> n c u v"))))
        return y.mean(dim=1).flatten(1)
