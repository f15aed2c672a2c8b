"""Graph convolution with a freely learned graph (Duan et al., ST-GCN++, ACM Multimedia 2022, arXiv 2205.09443)."""

from __future__ import annotations

import numpy as np
import torch
from einops import rearrange
from numpy.typing import NDArray
from torch import Tensor, nn

from dualhead.layers.aggregate import aggregate
from dualhead.layers.elementwise import add, relu
from dualhead.layers.fused import pointwise, scale_and_shift
from dualhead.layers.norm import BatchNorm, normalise
from dualhead.layers.prepared import PreparedModule
from dualhead.layers.residual import make_residual
from dualhead.layers.temporal_convolution import PointwiseNorm


class LearnedGraphConvolution(PreparedModule):
    """Sum over learned subsets of the neighbourhood, each with a 1x1 convolution; norm, residual, ReLU.

    Convention: out[w] = sum over k, v of conv_k(in[v]) * adjacency[k, v, w]; the convolution's channels are
    subset-major. Then norm, plus the input (through a 1x1 convolution and norm where the width changes), ReLU.

    Args:
        adjacency: `(K, V, V)` where the learned graphs start.
        in_channels: C.
        out_channels: O.
    """

    def __init__(self, adjacency: NDArray[np.float64], in_channels: int, out_channels: int):
        super().__init__()
        self.adjacency = nn.Parameter(torch.tensor(adjacency, dtype=torch.get_default_dtype()))
        self.mix = nn.Conv2d(in_channels, len(adjacency) * out_channels, 1)
        self.norm = BatchNorm(out_channels)
        self.residual = make_residual(in_channels, out_channels)

    def prepare(self) -> tuple[Tensor, ...]:
        """Return the matrices `(V * K, V)`, the weight `(O, K * C)` and the bias of every joint `(O, 1, V)`."""
        assert self.mix.bias is not None
        subsets = len(self.adjacency)
        weight = rearrange(self.mix.weight, "(k o) c 1 1 -> o (k c)", k=subsets)
        # A joint receives the bias of a subset once for every neighbour in it.
        bias = rearrange(self.mix.bias, "(k o) -> o k", k=subsets) @ self.adjacency.sum(dim=1)  # (O, V)
        scale, shift = scale_and_shift(self.norm)
        bias = bias * scale[:, None] + shift[:, None]
        return rearrange(self.adjacency, "k v w -> (w k) v"), weight * scale[:, None], rearrange(bias, "o v -> o 1 v")

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
        h = rearrange(h, "(b t) (w k) c -> b (k c) t w", b=x.shape[0], w=x.shape[3])
        y = normalise(pointwise(h, weight) + bias, [self.norm])
        return relu(add(y, self.residual(x)))

    def formula(self, x: Tensor) -> Tensor:  # type: ignore[override]
        """Compute the convolution, then the sum over subsets and neighbours: `(B, C, T, V)` to `(B, O, T, V)`."""
        h = rearrange(self.mix(x), "b (k o) t v -> b k o t v", k=len(self.adjacency))
        y = self.norm(torch.einsum("bkotv,kvw->botw", h, self.adjacency))
        around = self.residual.formula(x) if isinstance(self.residual, PointwiseNorm) else x
        return torch.relu(y + around)
