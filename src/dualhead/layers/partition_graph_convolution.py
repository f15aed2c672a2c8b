"""Graph convolution over a partition of the neighbourhood (Yan et al., ST-GCN, AAAI 2018, section 3.4)."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange
from numpy.typing import NDArray
from torch import Tensor, nn

from dualhead.layers.aggregate import aggregate


class PartitionGraphConvolution(nn.Module):
    """One 1x1 convolution per subset of the neighbourhood, summed over neighbours weighted by a learned mask.

    Convention: out[w] = sum over s, v of conv_s(in[v]) * adjacency[s, v, w] * importance[s, v, w]; the convolution's
    channels are subset-major. No norm, no activation.

    Args:
        adjacency: `(S, V, V)`.
        in_channels: C.
        out_channels: O.
    """

    adjacency: Tensor

    def __init__(self, adjacency: NDArray[np.float64], in_channels: int, out_channels: int):
        super().__init__()
        self.subsets = len(adjacency)
        self.register_buffer("adjacency", torch.tensor(adjacency, dtype=torch.get_default_dtype()), persistent=False)
        self.importance = nn.Parameter(torch.ones(adjacency.shape))
        self.mix = nn.Conv2d(in_channels, self.subsets * out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve.

        Args:
            x: `(B, C, T, V)`.

        Returns:
            `(B, O, T, V)`.
        """
        assert self.mix.bias is not None
        matrix = self.adjacency * self.importance
        frames = rearrange(x, "b c t v -> (b t) v c")
        # Sums over neighbours come first: they commute with the convolution, and C is never above O.
        h = aggregate(rearrange(matrix, "s v w -> (w s) v"), frames)
        h = rearrange(h, "(b t) (w s) c -> b (s c) t w", b=len(x), s=self.subsets)
        h = F.conv2d(h, rearrange(self.mix.weight, "(s o) c 1 1 -> o (s c) 1 1", s=self.subsets))
        # A joint receives a subset's bias once for every neighbour in it.
        bias = rearrange(self.mix.bias, "(s o) -> o s", s=self.subsets) @ matrix.sum(dim=1)  # (O, V)
        return h + rearrange(bias, "o w -> o 1 w")
