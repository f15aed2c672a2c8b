"""Graph convolution over a partition of the neighbourhood (Yan et al., ST-GCN, AAAI 2018, section 3.4)."""

from __future__ import annotations

import numpy as np
import torch
from einops import rearrange
from numpy.typing import NDArray
from torch import Tensor, nn

from dualhead.layers.aggregate import aggregate
from dualhead.layers.fused import pointwise
from dualhead.layers.prepared import PreparedModule


class PartitionGraphConvolution(PreparedModule):
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

    def prepare(self) -> tuple[Tensor, ...]:
        """Return the matrices `(V * S, V)`, weight `(O, S * C)`, and the bias of every joint `(V, O)`."""
        assert self.mix.bias is not None
        matrix = self.adjacency * self.importance
        weight = rearrange(self.mix.weight, "(s o) c 1 1 -> o (s c)", s=self.subsets)
        # A joint receives a subset's bias once for every neighbour in it.
        bias = rearrange(self.mix.bias, "(s o) -> o s", s=self.subsets) @ matrix.sum(dim=1)  # (O, V)
        return rearrange(matrix, "s v w -> (w s) v"), weight, bias.t()

    def forward(self, x: Tensor) -> Tensor:
        """Convolve.

        Args:
            x: `(B, C, T, V)`.

        Returns:
            `(B, O, T, V)`.
        """
        matrix, weight, bias = self.prepared()
        # Sums over neighbours come first: they commute with the convolution, and C is never above O.
        h = aggregate(matrix, rearrange(x, "b c t v -> (b t) v c"))
        h = rearrange(h, "(b t) (w s) c -> b (s c) t w", b=x.shape[0], s=self.subsets)
        return pointwise(h, weight) + bias.t().unsqueeze(1)

    def formula(self, x: Tensor) -> Tensor:  # type: ignore[override]
        """Compute eq. 10 of the paper: `(B, C, T, V)` to `(B, O, T, V)`."""
        h = rearrange(self.mix(x), "b (s o) t v -> b s o t v", s=self.subsets)
        return torch.einsum("bsotv,svw->botw", h, self.adjacency * self.importance)
